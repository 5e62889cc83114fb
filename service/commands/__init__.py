"""The `leadfall` command: one file per command, each a thin skin over a flow or a role."""
