"""A raw server on loopback in place of a vendor, for what no well-behaved server would say."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

HEAD_END = b"\r\n\r\n"

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class Vendor:
    """A raw server on loopback that says whatever a test wants.

    Attributes:
        talk: what it says once a request is there.
        heads: the request line and headers of every request so far.
        asked: set when the first request has arrived.
        left: set when a client has gone before the vendor was done.
    """

    talk: Talk
    heads: list[str] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    base_url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(HEAD_END):
                self.heads.append(head.decode())
                self.asked.set()
                await self.talk(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.left.set()
        finally:
            writer.close()


def saying(*parts: bytes, then_close: bool = False) -> Talk:
    """Write the parts, then keep the connection or close it."""

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.writelines(parts)
        await writer.drain()
        if then_close:
            writer.close()
            raise ConnectionResetError

    return talk


def answering(body: bytes, *headers: str, status: str = "200 OK") -> Talk:
    """Answer in well-formed HTTP with this body."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return saying("\r\n".join(lines).encode(), HEAD_END, body)


async def keep_silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Never answer; wait for the client to go."""
    await reader.read()
    raise ConnectionResetError


async def pour(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer without end, for as long as somebody reads."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        await writer.drain()


async def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Drop the connection in place of an answer."""
    writer.transport.abort()
    raise ConnectionResetError


truncate = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", b"{", then_close=True)
babble = saying(b"SSH-2.0-OpenSSH_9.9\r\n\r\n", then_close=True)
compress = answering(b"\x1f\x8b\x08", "Content-Encoding: gzip")


@asynccontextmanager
async def opened_vendor() -> AsyncIterator[Vendor]:
    vendor = Vendor(answering(b"{}"))
    server = await asyncio.start_server(vendor.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    vendor.base_url = f"http://{host}:{port}/v2"
    yield vendor
    server.close()
