"""The listening socket holds as many connections as allowed and turns the others away at once."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from service.api.door import BoundedSite
from service.api.lanes import Pace

CONNECTIONS_MAX = 2
Call = Callable[..., Awaitable[bytes]]


@pytest.fixture
async def release() -> asyncio.Event:
    """What the requests under way wait for."""
    return asyncio.Event()


@pytest.fixture
async def port(release: asyncio.Event) -> AsyncIterator[int]:
    """Where a server listens that answers once `release` is set."""

    async def handle(_request: web.Request) -> web.Response:
        await release.wait()
        return web.Response(text="served")

    application = web.Application()
    application.add_routes([web.post("/{tail:.*}", handle)])
    runner = web.AppRunner(application)
    await runner.setup()
    site = BoundedSite(runner, "127.0.0.1", 0, backlog=16, connections_max=CONNECTIONS_MAX)
    await site.start()
    _, port = runner.addresses[0]

    yield port
    release.set()
    await runner.cleanup()


@pytest.fixture
async def call_raw(port: int) -> Callable[[bytes], Awaitable[bytes]]:
    """A function that sends bytes on a connection of its own and returns all that comes."""

    async def send(sent: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        async with asyncio.timeout(10):
            answer = await reader.read(-1)
        writer.close()
        return answer

    return send


@pytest.fixture
async def call(call_raw: Callable[[bytes], Awaitable[bytes]]) -> Call:
    """A function that sends a request on a connection of its own and returns all that comes."""

    async def send(path: str = "/api/x", body: bytes = b"{}") -> bytes:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        return await call_raw(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    return send


async def call_until(call: Call, said: bytes) -> None:
    """Call again and again until an answer says so."""
    async with asyncio.timeout(10):
        while said not in await call():
            await asyncio.sleep(0.01)


async def fill(call: Call) -> list["asyncio.Task[bytes]"]:
    """Let as many as allowed come in, and return once they are there."""
    calls = [asyncio.ensure_future(call()) for _ in range(CONNECTIONS_MAX)]
    await asyncio.sleep(0)
    await call_until(call, b"503")
    return calls


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/api/v1/public/lead-lists/1/enrichment/", b'{"error":"The server is busy'),
        ("/v1/enrichment/enrich", b'{"success":false,"error":{"code":"TOO_BUSY","message":"The'),
    ],
)
async def test_above_the_bound_a_caller_is_told_to_come_again(
    call: Call, release: asyncio.Event, path: str, shape: bytes
) -> None:
    """He gets a whole 503 in the face's shape at once, while the others are served."""
    release.clear()
    served = await fill(call)

    head, _, body = (await call(path)).partition(b"\r\n\r\n")
    release.set()

    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 2" in head
    assert f"Content-Length: {len(body)}".encode() in head
    assert body.startswith(shape)
    assert all(b"served" in answer for answer in await asyncio.gather(*served))


async def test_each_who_is_turned_away_has_an_id_that_leads_to_the_log(
    call: Call, release: asyncio.Event
) -> None:
    """One line of the log stands for all of a second; their ids begin with the one it has."""
    served = await fill(call)

    with capture_logs() as lines:
        heads = [(await call()).partition(b"\r\n\r\n")[0].decode() for _ in range(3)]
        async with asyncio.timeout(5):
            while not lines:
                await asyncio.sleep(0.05)
    release.set()
    await asyncio.gather(*served)

    ids = [re.search(r"X-Request-Id: (\S+)", head) for head in heads]
    begun = {found[1].rpartition("-")[0] for found in ids if found}
    assert len({found[1] for found in ids if found}) == len(heads)
    assert len(lines) == 1
    assert begun == {lines[0]["request_id"]}
    assert (lines[0]["event"], lines[0]["status"]) == ("connections.turned_away", 503)
    assert lines[0]["answered"] >= len(heads)


async def test_whoever_would_wait_too_long_is_turned_away() -> None:
    """The door asks before each connection; so an error comes soon, whatever the crowd."""
    application = web.Application()
    runner = web.AppRunner(application)
    await runner.setup()
    behind = [True, False]
    site = BoundedSite(
        runner,
        "127.0.0.1",
        0,
        backlog=16,
        connections_max=CONNECTIONS_MAX,
        is_behind=lambda _: behind.pop(0),
    )
    await site.start()
    _, port = runner.addresses[0]

    answers = []
    for _ in range(2):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answers.append((await reader.read(-1))[:12])
        writer.close()
    await runner.cleanup()

    assert answers == [b"HTTP/1.1 503", b"HTTP/1.1 404"]


async def test_a_pace_tells_how_long_its_queue_is() -> None:
    """Nobody waits at first; behind many, and behind those who are coming, the wait grows."""
    pace = Pace()
    at_rest = pace.expected_wait_s(0)
    tasks = [asyncio.create_task(pace.my_turn()) for _ in range(808)]
    await asyncio.sleep(0)

    queued = pace.expected_wait_s(0)
    with_others = pace.expected_wait_s(800)
    await asyncio.gather(*tasks)

    assert (at_rest, pace.expected_wait_s(0)) == (0.0, 0.0)
    assert 0.3 < queued < with_others


async def test_a_long_request_gets_its_answer_too(call: Call, release: asyncio.Event) -> None:
    """What a caller still sends is read, so that nothing resets the connection under the answer."""
    await fill(call)

    answer = await call("/api/x", b"x" * 1_000_000)

    assert answer.startswith(b"HTTP/1.1 503 ")


async def test_a_place_that_is_free_again_is_given_away(call: Call, release: asyncio.Event) -> None:
    """The bound is on connections at one time."""
    served = await fill(call)
    release.set()
    await asyncio.gather(*served)

    await call_until(call, b"served")


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/9.9",
        b"SECRET",
        b"GET /v1/credits HTTP/1.1\r\nHost: x\r\nX-Api-Key: SECRET\x01",
        b"GET /" + b"SECRET" * 2_000 + b" HTTP/1.1\r\nHost: x",
        b"POST /v1/leads HTTP/1.1\r\nHost: x\r\nContent-Length: SECRET",
    ],
)
async def test_what_is_no_http(call_raw: Callable[[bytes], Awaitable[bytes]], sent: bytes) -> None:
    """It is a 400 in the API's own shape, under an id that is in the log, and quoted nowhere."""
    with capture_logs() as lines:
        head, _, body = (await call_raw(sent + b"\r\n\r\n")).partition(b"\r\n\r\n")

    (line,) = [line for line in lines if line["event"] == "request.unreadable"]
    assert head.split(b" ", 2)[1] == b"400"
    assert f"X-Request-Id: {line['request_id']}".encode() in head
    assert (b"aiohttp" in head, b"Python" in head) == (False, False)
    assert body.startswith(b'{"success":false,"error":{"code":"BAD_REQUEST"')
    assert b"SECRET" not in body
    assert "SECRET" not in repr(lines)


async def test_requests_begin_in_order_a_few_in_each_turn() -> None:
    """Many that come at once leave turns of the loop to everything else."""
    pace = Pace()
    begun: list[tuple[int, int]] = []
    turn = 0

    async def begin(number: int) -> None:
        await pace.my_turn()
        begun.append((number, turn))

    tasks = [asyncio.create_task(begin(number)) for number in range(50)]
    while len(begun) < len(tasks):
        turn += 1
        await asyncio.sleep(0)

    assert [number for number, _ in begun] == list(range(50))
    assert max(sum(at == each for _, at in begun) for each in range(turn + 1)) <= 8
