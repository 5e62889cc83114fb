"""One use case per file, named by a verb; flows own the transactions."""
