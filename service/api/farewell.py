"""Tells connections that cannot be served to come again: one answer, whatever they ask.

It costs a small part of what serving costs, so that it stays quick when everybody comes at once.
"""

import asyncio
import socket
from typing import Final

import orjson

from service.api.answers import ERROR_CODE_HEADER
from service.errors import TooBusy

_COUNT_MAX: Final = 10_000
# How long one who is turned away may take to send a request and to hang up.
_PATIENCE_S: Final = 5.0
_READ_BYTES: Final = 64 * 1024
_RETRY_AFTER_S: Final = 2
_BUSY: Final = TooBusy()


def _answer(payload: dict[str, object]) -> bytes:
    body = orjson.dumps(payload)
    head = (
        "HTTP/1.1 503 Service Unavailable\r\n"
        "Content-Type: application/json; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\n"
        f"Retry-After: {_RETRY_AFTER_S}\r\n"
        f"{ERROR_CODE_HEADER}: {_BUSY.code}\r\n"
        "Server: leadfall\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body


_SELEQT: Final = _answer({"error": _BUSY.message})
_SENDKIT: Final = _answer(
    {"success": False, "error": {"code": _BUSY.code, "message": _BUSY.message}}
)


class Farewells:
    """The connections that are being turned away, each with the time when patience ends.

    Attributes:
        count_max: where there are so many, a further one is closed without a word.
    """

    def __init__(self) -> None:
        self.count_max = _COUNT_MAX
        self._loop = asyncio.get_running_loop()
        # In the order in which they came, which is the order in which their time ends.
        self._until_s: dict[socket.socket, float] = {}
        self._told: set[socket.socket] = set()
        self._timer: asyncio.TimerHandle | None = None

    def take(self, connection: socket.socket) -> None:
        """Answer the first request of an accepted, non-blocking connection, and end it."""
        if len(self._until_s) >= self.count_max:
            connection.close()
            return
        self._until_s[connection] = self._loop.time() + _PATIENCE_S
        self._loop.add_reader(connection, self._read, connection)
        if self._timer is None:
            self._timer = self._loop.call_later(_PATIENCE_S, self._end_late)

    def close(self) -> None:
        """Close all of them."""
        for connection in list(self._until_s):
            self._end(connection)
        if self._timer is not None:
            self._timer.cancel()

    def _read(self, connection: socket.socket) -> None:
        try:
            received = connection.recv(_READ_BYTES)
            if not received:
                self._end(connection)
            elif connection not in self._told:
                # What follows is read and dropped until the caller hangs up: closing on unread
                # bytes would reset the connection, and the answer with it.
                self._told.add(connection)
                connection.send(_SELEQT if b" /api/" in received[:16] else _SENDKIT)
                connection.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass
        except OSError:
            self._end(connection)

    def _end(self, connection: socket.socket) -> None:
        self._loop.remove_reader(connection)
        del self._until_s[connection]
        self._told.discard(connection)
        connection.close()

    def _end_late(self) -> None:
        now_s = self._loop.time()
        for connection, until_s in list(self._until_s.items()):
            if until_s > now_s:
                self._timer = self._loop.call_at(until_s, self._end_late)
                return
            self._end(connection)
        self._timer = None
