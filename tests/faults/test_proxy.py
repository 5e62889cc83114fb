"""The proxy breaks connections in the way its words say."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from tests.faults.proxy import Proxy, Streams, ends_redis_answer

QUESTION = b"PING\r\n"
END_S = 2.0


@dataclass
class Talk:
    """A client and a server that have spoken once, through the proxy between them."""

    proxy: Proxy
    client: asyncio.StreamReader
    server: asyncio.StreamReader


@pytest.fixture
async def talk() -> AsyncIterator[Talk]:
    """A connection that is open and idle."""
    taken: asyncio.Queue[Streams] = asyncio.Queue()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(len(QUESTION)))
        taken.put_nowait((reader, writer))

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = listening.sockets[0].getsockname()
    async with listening, Proxy(f"redis://{host}:{port}", ends_redis_answer) as proxy:
        reader, writer = await asyncio.open_connection(*proxy.address)
        writer.write(QUESTION)
        await reader.readexactly(len(QUESTION))
        server_reader, server_writer = await taken.get()
        yield Talk(proxy, reader, server_reader)
        for each in (writer, server_writer):
            each.transport.abort()


async def test_both_peers_of_a_reset_connection_meet_a_reset(talk: Talk) -> None:
    """What they read next fails; it does not end."""
    talk.proxy.reset()

    for peer in (talk.client, talk.server):
        with pytest.raises(ConnectionResetError):
            await peer.read()
    assert (talk.proxy.reset_count, talk.proxy.cut_count) == (1, 0)


async def test_both_peers_of_a_cut_connection_read_its_end(talk: Talk) -> None:
    """What they read next ends, as it does when a server stops."""
    talk.proxy.cut()

    assert [await peer.read() for peer in (talk.client, talk.server)] == [b"", b""]
    assert (talk.proxy.reset_count, talk.proxy.cut_count) == (0, 1)


@pytest.mark.parametrize("turns", range(8))
async def test_a_proxy_that_ends_leaves_no_connection_open(turns: int) -> None:
    """Nor one that it has taken and not passed on yet, after however many turns of the loop."""

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionResetError):
            await reader.read()
        writer.close()

    async with await asyncio.start_server(wait, "127.0.0.1", 0) as listening:
        host, port = listening.sockets[0].getsockname()
        async with Proxy(f"redis://{host}:{port}", ends_redis_answer) as proxy:
            reader, writer = await asyncio.open_connection(*proxy.address)
            for _ in range(turns):
                await asyncio.sleep(0)
        try:
            async with asyncio.timeout(END_S):
                with suppress(ConnectionResetError):
                    assert await reader.read() == b""
        finally:
            writer.transport.abort()
