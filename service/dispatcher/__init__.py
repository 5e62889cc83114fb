"""The dispatcher process: the delivery loop."""
