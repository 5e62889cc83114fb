"""The operations of the Seleqt face, each with its answer."""
