"""Ten thousand callers from one process: each connects, asks once, notes what came back when."""

import asyncio
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, cast

import orjson

_OTHER_FILES: Final = 200
# A client that connects to more at once is too busy to note when its answers came.
_CONNECTING_MAX: Final = 100
_LOOK_EVERY_S: Final = 0.01


@dataclass(frozen=True, slots=True)
class Call:
    """One request: a list with one lead in it, and the key of its workspace."""

    key: str = field(repr=False)
    list_id: int

    def as_bytes(self) -> bytes:
        """Return the request."""
        body = b'{"mode":"sync","enrichment_type":"FIND_EMAIL"}'
        head = (
            f"POST /api/v1/public/lead-lists/{self.list_id}/enrichment/ HTTP/1.1\r\n"
            f"Host: leadfall\r\nX-API-Key: {self.key}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


@dataclass(slots=True)
class Answer:
    """What a caller got, and when; status 0 is a connection that ended without an answer."""

    status: int = 0
    started_s: float = 0.0
    ended_s: float = 0.0
    body: bytes = field(default=b"", repr=False)

    @property
    def span_s(self) -> float:
        """How long the caller waited."""
        return self.ended_s - self.started_s

    @property
    def is_final(self) -> bool:
        """Whether it has the one row that was asked for, found or not, and nothing is pending."""
        if self.status != 200:
            return False
        shown = orjson.loads(self.body)
        (row,) = shown["results"]
        found = row["success"] and row["data"]["email"]
        return shown["pending_count"] == 0 and bool(found or row["message"] == "Email not found")


class Caller(asyncio.Protocol):
    """One connection with one request."""

    __slots__ = ("_answer", "_done", "_received", "_request", "_transport")

    def __init__(self, call: Call, done: "asyncio.Future[Answer]") -> None:
        self._request = call.as_bytes()
        self._done = done
        self._answer = Answer(started_s=time.monotonic())
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no class of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if separator and len(body) >= _content_length(head):
            self._answer.status = int(head[9:12])
            self._answer.body = body
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        self._end()

    def _end(self) -> None:
        if not self._done.done():
            self._answer.ended_s = time.monotonic()
            self._done.set_result(self._answer)
        if self._transport is not None:
            self._transport.close()


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def call_all(host: str, port: int, calls: Sequence[Call]) -> tuple[list[Answer], float]:
    """Send all calls at once, each on a connection of its own, and wait for every answer.

    Returns the answers, and by how much the callers themselves were late at most, in seconds.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(len(calls) + _OTHER_FILES, hard), hard))
    connecting = asyncio.Semaphore(_CONNECTING_MAX)
    lag = _Lag()
    watching = asyncio.create_task(lag.watch())
    answers = await asyncio.gather(*(_call(host, port, each, connecting) for each in calls))
    watching.cancel()
    return answers, lag.longest_s


class _Lag:
    """Notes how late the loop is: answers that came meanwhile are seen as late as that."""

    def __init__(self) -> None:
        self.longest_s = 0.0

    async def watch(self) -> None:
        while True:
            before_s = time.monotonic()
            await asyncio.sleep(_LOOK_EVERY_S)
            self.longest_s = max(self.longest_s, time.monotonic() - before_s - _LOOK_EVERY_S)


async def _call(host: str, port: int, call: Call, connecting: asyncio.Semaphore) -> Answer:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Answer] = loop.create_future()
    try:
        async with connecting:
            await loop.create_connection(lambda: Caller(call, done), host, port)
    except OSError:
        return Answer()
    return await done
