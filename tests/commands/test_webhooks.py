"""The tools for those who write receivers work as commands, without a database."""

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from service.domain.signing import new_secret, read_secret, webhook_signature
from tests.commands.processes import COMMAND, environment, run

SECRET = new_secret()
BODY = b'{"type":"test","data":{}}'


def headers(secret: str = SECRET) -> dict[str, str]:
    """Return the headers of a request that was signed now."""
    now_s = int(time.time())
    signature = webhook_signature("evt_1", now_s, BODY, [read_secret(secret)])
    return {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(now_s),
        "webhook-signature": signature,
        "content-type": "application/json",
    }


@asynccontextmanager
async def listening(*options: str) -> AsyncIterator[tuple[str, asyncio.StreamReader]]:
    """Run `webhooks listen`; gives its URL and its output."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *("webhooks", "listen", "--port", "0", "--secret", SECRET, "--json", *options),
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            told = json.loads(await process.stdout.readline())
        yield told["url"], process.stdout
    finally:
        process.terminate()
        await process.communicate()


async def post(url: str, secret: str = SECRET) -> int:
    """Post one event and return the status of the answer."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=BODY, headers=headers(secret)) as answer,
    ):
        return answer.status


async def test_listen_verifies_and_prints() -> None:
    """Authentic events get 204, forged ones 401, and each is printed with what was found."""
    async with listening() as (url, output):
        statuses = [await post(url), await post(url), await post(url, new_secret())]
        printed = [json.loads(await output.readline()) for _ in statuses]

    assert statuses == [204, 204, 401]
    assert [each["repeated"] for each in printed] == [False, True, True]
    assert printed[0]["type"] == "test"
    assert printed[0]["verified"] == "The request is authentic."
    assert printed[2]["verified"].startswith("Secret: ")


@pytest.mark.parametrize(
    ("fail", "status"),
    [("410", 410), ("413", 413), ("504", 504), ("503", 503), ("redirect", 302), ("disable", 500)],
)
async def test_listen_fails_as_it_is_told(fail: str, status: int) -> None:
    """Whatever comes gets the failure that was asked for."""
    async with (
        listening("--fail", fail) as (url, _),
        aiohttp.ClientSession() as session,
        session.post(url, data=BODY, headers=headers(), allow_redirects=False) as answer,
    ):
        assert answer.status == status


@pytest.mark.parametrize("fail", ["reset", "garbage"])
async def test_listen_can_break_the_connection(fail: str) -> None:
    """There is no answer at all, or none that is HTTP."""
    async with listening("--fail", fail) as (url, _):
        with pytest.raises(aiohttp.ClientError):
            await post(url)


async def test_listen_can_send_a_bomb() -> None:
    """A small answer that unpacks to 64 MiB, for who unpacks it."""
    async with (
        listening("--fail", "bomb") as (url, _),
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.post(url, data=BODY, headers=headers()) as answer,
    ):
        packed = await answer.read()

    assert len(packed) < 100_000
    assert len(gzip.decompress(packed)) == 64 * 1024 * 1024


async def test_listen_can_send_a_header_that_never_ends() -> None:
    """It goes on until the caller has had enough."""
    async with listening("--fail", "endless-header") as (url, _):
        where = URL(url)
        reader, writer = await asyncio.open_connection(where.host, where.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        begun = await asyncio.wait_for(reader.readexactly(200), 10)
        writer.close()

    assert begun.startswith(b"HTTP/1.1 204 No Content\r\nx-endless: xxx")
    assert b"\r\n\r\n" not in begun


async def test_listen_refuses_a_secret_that_is_none() -> None:
    """It says what a secret looks like and exits 1."""
    ended = await run("webhooks", "listen", "--secret", "hunter2")

    assert ended.code == 1
    assert "whsec_" in ended.errors


def capture(folder: Path, body: bytes) -> str:
    """Write a request to a file and return its path."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers().items())
    path = folder / "request"
    path.write_bytes(lines.encode() + b"\r\n" + body)
    return str(path)


async def test_verify_takes_an_authentic_request(tmp_path: Path) -> None:
    """It exits 0."""
    path = capture(tmp_path, BODY)

    ended = await run("webhooks", "verify", path, "--secret", SECRET, "--json")

    assert (ended.code, ended.json["verdict"], ended.json["part"]) == (0, "authentic", None)


async def test_verify_says_what_is_wrong(tmp_path: Path) -> None:
    """A body that was touched on its way is told from a wrong clock; both exit 1."""
    path = capture(tmp_path, BODY + b"\n")

    body = await run("webhooks", "verify", path, "--secret", SECRET)
    clock = await run("webhooks", "verify", path, "--secret", SECRET, "--at", "1", "--json")

    assert (body.code, body.output.partition(":")[0]) == (1, "Changed body")
    assert (clock.code, clock.json["part"]) == (1, "clock")


async def test_check_gives_our_own_receiver_full_marks() -> None:
    """Twelve of twelve, exit 0."""
    async with listening() as (url, _):
        ended = await run("webhooks", "check", url, "--secret", SECRET, "--json")

    assert (ended.code, ended.json["score"], ended.json["of"]) == (0, 12, 12)


async def test_check_finds_a_receiver_that_takes_anything() -> None:
    """It passes what must be taken and fails what must be refused; exit 1."""

    async def take(_: web.Request) -> web.Response:
        return web.Response(status=200)

    application = web.Application(client_max_size=1024 * 1024)
    application.router.add_post("/", take)
    async with TestServer(application) as server:
        url = str(server.make_url("/"))
        ended = await run("webhooks", "check", url, "--secret", SECRET, "--json")

    wrong: list[Any] = [each["case"] for each in ended.json["cases"] if not each["passed"]]
    assert ended.code == 1
    assert wrong == [
        "bad signature",
        "no signature",
        "changed body",
        "old timestamp",
        "future timestamp",
    ]
