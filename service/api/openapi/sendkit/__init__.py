"""The operations of the SendKit face and of its extensions, each with its answer."""
