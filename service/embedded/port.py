"""Free ports on loopback for the embedded servers."""

import random
import socket

from service.embedded.errors import EmbeddedServerError

LOOPBACK = "127.0.0.1"
# Below the ranges that Linux and macOS take outgoing ports from. Inside them, a client that
# retries while the server restarts can be given the server's own port and hold it.
PORT_MIN = 15_000
PORT_MAX = 32_000
TRIES_MAX = 200


def pick_port() -> int:
    """Pick a port that is free now; the caller must cope with losing it to somebody else."""
    for _ in range(TRIES_MAX):
        port = random.randint(PORT_MIN, PORT_MAX)  # noqa: S311 - spread, not secrecy
        if is_free(port):
            return port
    raise EmbeddedServerError(f"no free port between {PORT_MIN} and {PORT_MAX}")


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port of loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
