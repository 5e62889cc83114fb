"""How a connection ends that somebody breaks."""

import asyncio
import socket
import struct
from typing import Final

_AT_ONCE: Final = struct.pack("ii", 1, 0)


def cut(transport: asyncio.WriteTransport) -> None:
    """Close a connection at once; its peer reads the end, if it had sent nothing unread."""
    transport.abort()


def reset(transport: asyncio.WriteTransport) -> None:
    """Close a connection at once, with a reset; what its peer does next fails."""
    if not transport.is_closing():
        opened: socket.socket = transport.get_extra_info("socket")
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()
