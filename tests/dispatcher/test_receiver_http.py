"""The client against receivers that are slow, broken, hostile or not there."""

# ruff: noqa: SIM300 - the house puts the expected value on the left, and limits on the right

import asyncio
import gzip
import socket
import struct
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from aiohttp import web

from service.domain.attempt_class import AttemptClass
from service.edges.dial_guard import EgressPolicy
from service.edges.guarded_resolver import Lookup
from service.edges.receiver_connector import CountedSockets
from service.edges.receiver_http import ANSWER_BYTES_KEPT, Answered, Failed, ReceiverHTTP

Start = Callable[..., Awaitable[Any]]
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

BODY = b'{"type":"lead.enriched"}'
OK = b"HTTP/1.1 200 OK\r\n"


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Read one whole request."""
    head = await reader.readuntil(b"\r\n\r\n")
    return head + await reader.readexactly(len(BODY))


def saying(*pieces: bytes, pause_s: float = 0.0, then_hang: bool = False) -> Talk:
    """Return a receiver that reads the request and says this, whatever it is."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)
        if then_hang:
            await reader.read()

    return talk


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read the request and reset the connection."""
    await read_request(reader)
    opened = writer.get_extra_info("socket")
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def never(_: str) -> Sequence[str]:
    """Fail as name servers do that say nothing."""
    raise OSError


async def post(client: ReceiverHTTP, url: str, timeout_s: float = 5.0) -> Answered | Failed:
    """Send the body."""
    return await client.post(url, BODY, {"webhook-id": "evt_1"}, timeout_s=timeout_s)


@pytest.mark.parametrize(
    ("talk", "attempt_class"),
    [
        (saying(OK + b"x: " + b"a" * 70_000 + b"\r\n\r\n"), AttemptClass.BAD_ANSWER),
        (saying(OK + b"x: a\r\n" * 1_000 + b"\r\n"), AttemptClass.BAD_ANSWER),
        (saying(b"hello\r\n\r\n"), AttemptClass.BAD_ANSWER),
        (saying(b"HTTP/1.1 twohundred OK\r\n\r\n"), AttemptClass.BAD_ANSWER),
        (saying(), AttemptClass.CONNECTION_LOST),
        (saying(b"HTTP/1.1 2"), AttemptClass.CONNECTION_LOST),
        (reset, AttemptClass.CONNECTION_LOST),
        (saying(then_hang=True), AttemptClass.TIMEOUT),
        (saying(OK, then_hang=True), AttemptClass.TIMEOUT),
        (saying(b"HTTP/1.1 100 Continue\r\n\r\n", then_hang=True), AttemptClass.TIMEOUT),
        (saying(OK, *[b"x: a\r\n"] * 100, pause_s=0.05), AttemptClass.TIMEOUT),
    ],
    ids=[
        "long header", "many headers", "no status line", "bad status", "closed", "cut short",
        "reset", "silent", "headers unfinished", "only 100", "headers dripping",
    ],
)  # fmt: skip
async def test_a_broken_answer_is_a_failure_that_began(
    talk: Talk, attempt_class: AttemptClass, serve_raw: Start, http: ReceiverHTTP
) -> None:
    """Whatever a receiver does instead of answering, it is over at the deadline and has a class."""
    async with asyncio.timeout(3):
        result = await post(http, await serve_raw(talk), timeout_s=0.4)

    assert isinstance(result, Failed)
    assert (attempt_class, True) == (result.attempt_class, result.passage.began)


@pytest.mark.parametrize(
    "talk",
    [
        saying(OK + b"content-length: 5\r\n\r\nhel"),
        saying(OK + b"content-length: 5\r\n\r\n", then_hang=True),
        saying(OK + b"content-length: 99\r\n\r\n", *[b"h"] * 99, pause_s=0.05),
        saying(OK + b"transfer-encoding: chunked\r\n\r\n", b"zz\r\n", pause_s=0.05),
        saying(OK + b"\r\n", *[b"x" * 65_536] * 64, then_hang=True),
        saying(OK + b"content-encoding: gzip\r\ncontent-length: 3\r\n\r\nnot"),
    ],
    ids=["cut short", "no body", "dripping", "bad chunks", "endless", "not gzip"],
)
async def test_a_success_stays_one_whatever_its_body_does(
    talk: Talk, serve_raw: Start, http: ReceiverHTTP
) -> None:
    """The headers decide; the body is read for a moment and can ruin nothing."""
    async with asyncio.timeout(3):
        result = await post(http, await serve_raw(talk), timeout_s=0.5)

    assert isinstance(result, Answered)
    assert 200 == result.status


async def test_only_the_beginning_of_an_answer_is_kept(serve: Start, http: ReceiverHTTP) -> None:
    """Of a large answer 4 KiB are kept, and that there was more is known."""

    async def talk(_: web.Request) -> web.StreamResponse:
        return web.Response(body=b"a" * 1_000_000)

    result = await post(http, await serve(talk))

    assert isinstance(result, Answered)
    assert (b"a" * ANSWER_BYTES_KEPT, True) == (result.answer, result.truncated)


async def test_a_compressed_answer_is_not_expanded(serve: Start, http: ReceiverHTTP) -> None:
    """A bomb stays as small as it came."""
    bomb = gzip.compress(bytes(1_000_000))

    async def talk(_: web.Request) -> web.StreamResponse:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    result = await post(http, await serve(talk))

    assert isinstance(result, Answered)
    assert (bomb, False) == (result.answer, result.truncated)


async def test_cookies_are_not_kept(receive: Start, http: ReceiverHTTP) -> None:
    """What a receiver sets is not sent back to it."""
    receiver = await receive((200, {"Set-Cookie": "session=1"}))

    await post(http, receiver.url)
    await post(http, receiver.url)

    assert [False, False] == ["Cookie" in headers for headers in receiver.headers]


async def test_connections_are_reused(receive: Start, http: ReceiverHTTP) -> None:
    """A second request goes over the first one's connection, and its address is known."""
    receiver = await receive(200)

    first = await post(http, receiver.url)
    second = await post(http, receiver.url)

    assert [(False, "127.0.0.1"), (True, "127.0.0.1")] == [
        (each.passage.reused, each.passage.address) for each in (first, second)
    ]


async def test_a_crowd_of_connections_is_not_kept(receive: Start) -> None:
    """Beyond the bound on open sockets, requests leave no idle connection behind."""
    receiver = await receive(200)
    policy = EgressPolicy.parse(["127.0.0.0/8"])
    async with ReceiverHTTP(policy, never, sockets_pooled_max=-1) as client:
        await post(client, receiver.url)
        second = await post(client, receiver.url)

    assert not second.passage.reused


async def test_a_connection_that_died_while_idle_is_replaced(
    serve_raw: Start, http: ReceiverHTTP
) -> None:
    """When a pooled connection ends as it is reused, the request goes over a new one at once."""
    requests: list[bytes] = []

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await read_request(reader))
        writer.write(OK + b"content-length: 0\r\n\r\n")
        requests.append(await read_request(reader))

    url = await serve_raw(answer_once)

    await post(http, url)
    second = await post(http, url)

    assert isinstance(second, Answered)
    assert [True, True, True] == [each.endswith(BODY) for each in requests]


async def test_a_refused_connection_never_began(closed_port: int, http: ReceiverHTTP) -> None:
    """Where nobody listens, the class says so and nothing has left us."""
    result = await post(http, f"http://127.0.0.1:{closed_port}/")

    assert isinstance(result, Failed)
    assert (AttemptClass.CONNECTION_REFUSED, False) == (
        result.attempt_class,
        result.passage.began,
    )


@pytest.mark.parametrize(
    ("hello", "attempt_class"),
    [(b"not tls at all", AttemptClass.TLS_FAILED), (b"", AttemptClass.CONNECT_TIMEOUT)],
    ids=["no tls", "hangs"],
)
async def test_a_failed_handshake_never_began(
    hello: bytes, attempt_class: AttemptClass, serve_raw: Start, http: ReceiverHTTP
) -> None:
    """Without a secure connection nothing has left us."""

    async def shake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(hello)
        await reader.read()

    url = (await serve_raw(shake)).replace("http:", "https:")

    result = await post(http, url, timeout_s=0.5)

    assert isinstance(result, Failed)
    assert (attempt_class, False) == (result.attempt_class, result.passage.began)


def answering(*addresses: str) -> Lookup:
    """Return name servers that know every name by these addresses."""

    async def lookup(_: str) -> Sequence[str]:
        return addresses

    return lookup


@pytest.mark.parametrize(
    ("url", "lookup", "attempt_class"),
    [
        ("https://hooks.example/", answering(), AttemptClass.NAME_UNKNOWN),
        ("https://hooks.example/", never, AttemptClass.RESOLVER_DOWN),
        ("https://hooks.example/", answering("127.0.0.1"), AttemptClass.ADDRESS_REFUSED),
        ("https://hooks.example/", answering("1.1.1.1", "::1"), AttemptClass.ADDRESS_REFUSED),
        ("https://127.0.0.1/", never, AttemptClass.URL_REFUSED),
        ("http://hooks.example/", never, AttemptClass.URL_REFUSED),
        ("https://localhost/", never, AttemptClass.URL_REFUSED),
        ("https://[::ffff:127.0.0.1]/", never, AttemptClass.URL_REFUSED),
        ("https://hooks.example:22/", never, AttemptClass.URL_REFUSED),
        ("nonsense", never, AttemptClass.URL_REFUSED),
    ],
)
async def test_what_cannot_be_dialled_opens_no_socket(
    url: str, lookup: Lookup, attempt_class: AttemptClass
) -> None:
    """Refused URLs and addresses and unknown names end before there is a socket."""
    sockets = CountedSockets()
    async with ReceiverHTTP(EgressPolicy(), lookup, sockets=sockets) as client:
        result = await post(client, url)

    assert isinstance(result, Failed)
    assert (attempt_class, False, 0) == (
        result.attempt_class,
        result.passage.began,
        sockets.count,
    )


async def test_a_large_body_is_sent_whole(serve: Start, http: ReceiverHTTP) -> None:
    """A body above a mebibyte arrives byte for byte, with its length announced."""
    body = bytes(range(256)) * 8_192
    got: list[tuple[str, bytes]] = []

    async def talk(request: web.Request) -> web.StreamResponse:
        got.append((request.headers["Content-Length"], await request.read()))
        return web.Response()

    await http.post(await serve(talk), body, {}, timeout_s=5)

    assert [(str(len(body)), body)] == got
