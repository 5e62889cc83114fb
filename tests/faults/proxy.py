"""A TCP proxy in front of a server that loses answers, delays, swallows, cuts and resets.

It knows no more of a protocol than how an answer ends, so that it can be sure that a server has
done what it was asked before the answer is lost.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from tests.faults import endings

_CHUNK_BYTES: Final = 64 * 1024
_REST_S: Final = 0.05
# The last message of every answer of Postgres: ready for the next question.
_READY: Final = b"Z\x00\x00\x00\x05"


class Loss(StrEnum):
    """What is lost: a request that the server never sees, or the answer to one it has served."""

    REQUEST = "request"
    ANSWER = "answer"


def ends_postgres_answer(chunk: bytes) -> bool:
    """Tell whether a chunk of the server's bytes is the end of an answer."""
    return chunk[-6:-1] == _READY


def ends_redis_answer(chunk: bytes) -> bool:
    """Take every chunk as a whole answer, which short ones are."""
    return chunk.endswith(b"\r\n")


@dataclass
class Proxy:
    """Stands between clients and one server; pass everything on until told otherwise.

    Attributes:
        delay_s: before each chunk is passed on, either way.
        passing: while it is clear, bytes are taken and go nowhere: a black hole. Those taken
            meanwhile are passed on when it is set again, unless `cut` or `reset` came first.
        answer_count: answers passed on or lost since `watch`.
        lost: how many of each were lost, whose connections were cut in their place.
        cut_count: connections that `cut` found open.
        reset_count: connections that `reset` found open.
        swallowed_count: chunks that came into the black hole.
        delayed_count: chunks that came while there was a delay.
    """

    target: str
    ends_answer: Callable[[bytes], bool]
    delay_s: float = 0.0
    passing: asyncio.Event = field(default_factory=asyncio.Event)
    answer_count: int = 0
    lost: Counter[Loss] = field(default_factory=Counter)
    cut_count: int = 0
    reset_count: int = 0
    swallowed_count: int = 0
    delayed_count: int = 0
    _lost_at: int | None = None
    _loss: Loss = Loss.ANSWER
    _server: asyncio.Server | None = None
    _pairs: set["_Pair"] = field(default_factory=set)
    _handlers: set[asyncio.Task[None]] = field(default_factory=set)
    _ended: bool = False

    async def __aenter__(self) -> "Proxy":  # noqa: PYI034 - nobody derives from it
        """Listen on a free port."""
        self.passing.set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Cut everything and stop listening, also what is only being passed on."""
        self._ended = True
        if self._server is not None:
            self._server.close()
        self.cut()
        await asyncio.gather(*self._handlers, return_exceptions=True)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        if self._server is None:
            raise RuntimeError("the proxy does not listen")
        host, port = self._server.sockets[0].getsockname()
        return host, port

    @property
    def url(self) -> str:
        """The target's URL, through here."""
        parts = urlsplit(self.target)
        account = parts.netloc.rpartition("@")[0]
        host, port = self.address
        here = f"{account}@{host}:{port}" if account else f"{host}:{port}"
        return urlunsplit(parts._replace(netloc=here))

    @property
    def lost_count(self) -> int:
        """How many requests and answers were lost."""
        return self.lost.total()

    def watch(self, lost_at: int | None = None, loss: Loss = Loss.ANSWER) -> None:
        """Count answers from now on, and lose the one with this number, from 1, once."""
        self.answer_count = 0
        self._lost_at, self._loss = lost_at, loss

    def refuse(self) -> None:
        """Let nobody connect any more; what is open stays open."""
        if self._server is not None:
            self._server.close()

    def cut(self) -> None:
        """Close every connection that is open now, which both peers read as its end."""
        self.cut_count += sum(pair.close(endings.cut) for pair in self._pairs)

    def reset(self) -> None:
        """Reset every connection that is open now, which fails what both peers do next."""
        self.reset_count += sum(pair.close(endings.reset) for pair in self._pairs)

    def loses_request(self) -> bool:
        """Tell whether the request that has just begun is to be lost."""
        if self._loss is Loss.REQUEST and self._is_due(1):
            self._lost_at = None
            self.lost[Loss.REQUEST] += 1
            return True
        return False

    def loses_answer(self) -> bool:
        """Count an answer that has begun and tell whether it is to be lost."""
        self.answer_count += 1
        if self._loss is Loss.ANSWER and self._is_due(0):
            self._lost_at = None
            self.lost[Loss.ANSWER] += 1
            return True
        return False

    def _is_due(self, ahead: int) -> bool:
        # Others may have been counted since the last look, on other connections.
        return self._lost_at is not None and self._lost_at <= self.answer_count + ahead

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._ended:
            endings.cut(writer.transport)
            return
        handler = asyncio.create_task(self._pass_on(reader, writer))
        self._handlers.add(handler)
        handler.add_done_callback(self._handlers.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parts = urlsplit(self.target)
        try:
            upstream = await asyncio.open_connection(parts.hostname, parts.port)
        except OSError:
            endings.reset(writer.transport)
            return
        pair = _Pair(self, (reader, writer), upstream)
        self._pairs.add(pair)
        if self._ended:
            pair.close(endings.cut)
        try:
            await pair.ended
        finally:
            self._pairs.discard(pair)


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Pair:
    """One client's connection and the one to the server that belongs to it."""

    def __init__(self, proxy: Proxy, client: Streams, server: Streams) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._asked = False
        self._losing = False
        self._tasks = [asyncio.create_task(self._ask()), asyncio.create_task(self._answer())]
        self.ended = asyncio.ensure_future(self._end())

    def close(self, end: Callable[[asyncio.WriteTransport], None]) -> bool:
        """End both sides in this way; tell whether both were open."""
        transports = [writer.transport for _, writer in (self._client, self._server)]
        were_open = not any(transport.is_closing() for transport in transports)
        for transport in transports:
            end(transport)
        for task in self._tasks:
            task.cancel()
        return were_open

    async def _end(self) -> None:
        await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        self.close(endings.cut)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _ask(self) -> None:
        async for chunk in self._chunks(self._client[0]):
            if not self._asked:
                self._asked = True
                if self._proxy.loses_request():
                    return
            self._server[1].write(chunk)

    async def _answer(self) -> None:
        async for chunk in self._chunks(self._server[0]):
            if self._asked:
                self._asked = False
                self._losing = self._proxy.loses_answer()
            if self._losing:
                if self._proxy.ends_answer(chunk):
                    return
                # One that is asked for without its end, as a preparation is, has none.
                asyncio.get_running_loop().call_later(_REST_S, self.close, endings.cut)
            if not self._losing:
                self._client[1].write(chunk)

    async def _chunks(self, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK_BYTES):
                if self._proxy.delay_s:
                    self._proxy.delayed_count += 1
                    await asyncio.sleep(self._proxy.delay_s)
                if not self._proxy.passing.is_set():
                    self._proxy.swallowed_count += 1
                    await self._proxy.passing.wait()
                yield chunk
