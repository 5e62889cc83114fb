"""Tells connections that cannot be served to come again: one answer, whatever they ask.

It costs a small part of what serving costs, so that it stays quick when everybody comes at once.
"""

import asyncio
import socket
from typing import Final

import orjson
import structlog

from service.api.answers import ERROR_CODE_HEADER
from service.api.request_log import REQUEST_ID_HEADER
from service.domain.identifiers import new_id
from service.errors import TooBusy

_COUNT_MAX: Final = 10_000
# How long one who is turned away may take to send a request and to hang up.
_PATIENCE_S: Final = 5.0
_READ_BYTES: Final = 64 * 1024
_RETRY_AFTER_S: Final = 2
_BUSY: Final = TooBusy()
# Refusals are told of in the log by the second: one line for all, whose ids begin alike.
_TOLD_EVERY_S: Final = 1.0

_log = structlog.get_logger()


def _answer(payload: dict[str, object]) -> tuple[bytes, bytes]:
    """Return the answer but for its request id: what stands before it, and what behind."""
    body = orjson.dumps(payload)
    head = (
        "HTTP/1.1 503 Service Unavailable\r\n"
        "Content-Type: application/json; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\n"
        f"Retry-After: {_RETRY_AFTER_S}\r\n"
        f"{ERROR_CODE_HEADER}: {_BUSY.code}\r\n"
        "Server: leadfall\r\n"
        "Connection: close\r\n"
        f"{REQUEST_ID_HEADER}: "
    )
    return head.encode(), b"\r\n\r\n" + body


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
        self._batch = _Batch(self._loop)

    def take(self, connection: socket.socket) -> None:
        """Answer the first request of an accepted, non-blocking connection, and end it."""
        if len(self._until_s) >= self.count_max:
            self._batch.count_unanswered()
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
        self._batch.close()

    def _read(self, connection: socket.socket) -> None:
        try:
            received = connection.recv(_READ_BYTES)
            if not received:
                self._end(connection)
            elif connection not in self._told:
                # What follows is read and dropped until the caller hangs up: closing on unread
                # bytes would reset the connection, and the answer with it.
                self._told.add(connection)
                head, tail = _SELEQT if b" /api/" in received[:16] else _SENDKIT
                connection.send(b"".join((head, self._batch.next_id().encode(), tail)))
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


class _Batch:
    """Gives refusals their ids, and writes one log line for all of about a second.

    The ids of a batch are its own with a number behind it, so that each is found in the log by its
    beginning and none costs a line.
    """

    __slots__ = ("_answered", "_id", "_loop", "_timer", "_unanswered")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._id = ""
        self._answered = 0
        self._unanswered = 0
        self._timer: asyncio.TimerHandle | None = None

    def next_id(self) -> str:
        """Return the id of one more refusal."""
        self._begin()
        self._answered += 1
        return f"{self._id}-{self._answered}"

    def count_unanswered(self) -> None:
        """Note a connection that was closed without a word."""
        self._begin()
        self._unanswered += 1

    def close(self) -> None:
        """Write what is not written yet."""
        if self._timer is not None:
            self._timer.cancel()
            self._tell()

    def _begin(self) -> None:
        if self._timer is None:
            self._id = new_id().hex
            self._timer = self._loop.call_later(_TOLD_EVERY_S, self._tell)

    def _tell(self) -> None:
        _log.warning(
            "connections.turned_away",
            request_id=self._id,
            answered=self._answered,
            unanswered=self._unanswered,
            status=_BUSY.status,
        )
        self._answered = self._unanswered = 0
        self._timer = None
