"""Where something on this machine is reached."""


def http_url(host: str, port: int) -> str:
    """Return the URL of what listens there; `host` is a name or an address of either kind."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
