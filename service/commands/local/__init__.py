"""Everything on this machine and in one event loop: what `leadfall dev` and `demo` stand on."""
