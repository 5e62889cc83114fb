"""Dropcontact as its adapter meets it: submitted, not ready, read, called back, refused."""

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from providers.sandbox.server import Sandbox

PATH = "/enrich/all"
PERSON = {
    "first_name": "Nadia",
    "last_name": "Only-Dropcontact",
    "website": "brightwater.leadfall",
    "custom_fields": {"row": "17"},
}
BATCH: dict[str, Any] = {"data": [PERSON], "language": "en"}


async def ask(
    sandbox: Sandbox,
    client: aiohttp.ClientSession,
    path: str,
    body: object = None,
    key: str = "sandbox",
) -> tuple[int, Any]:
    method = "GET" if body is None else "POST"
    headers = {"X-Access-Token": key} if key else {}
    url = sandbox.base_urls["dropcontact"] + path
    async with client.request(method, url, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def read_when_ready(sandbox: Sandbox, client: aiohttp.ClientSession, body: object) -> Any:
    _, submitted = await ask(sandbox, client, PATH, body)
    async with asyncio.timeout(5):
        while True:
            _, result = await ask(sandbox, client, f"{PATH}/{submitted['request_id']}")
            if result["success"]:
                return result["data"]


async def test_a_found_record_carries_its_qualification_and_our_row(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    (record,) = await read_when_ready(sandbox, client, BATCH)

    assert [one["qualification"] for one in record["email"]] == ["nominative@pro"]
    assert record["custom_fields"] == {"row": "17"}
    assert [(one.reference, one.credits, one.delivered) for one in sandbox.books.entries()] == [
        ("17", 1.0, True)
    ]


async def test_an_unknown_person_has_no_address_and_costs_nothing(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    nobody = PERSON | {"last_name": "Only-Nobody"}

    (record,) = await read_when_ready(sandbox, client, {"data": [nobody]})

    assert record["email"] == []
    assert sandbox.books.summary()["credits"] == {"dropcontact": 0.0}


@pytest.mark.parametrize(
    ("email", "qualification"),
    [
        ("anybody@opendoor.leadfall", "catch_all@pro"),
        ("anybody@nowhere.leadfall", "invalid@invalid"),
        ("anybody@stuckpost.leadfall", "random@pro"),
    ],
)
async def test_an_address_that_is_sent_along_is_verified_for_a_credit(
    sandbox: Sandbox, client: aiohttp.ClientSession, email: str, qualification: str
) -> None:
    (record,) = await read_when_ready(sandbox, client, {"data": [{"email": email}]})

    assert record["email"] == [{"email": email, "qualification": qualification}]
    assert sandbox.books.summary()["credits"] == {"dropcontact": 1.0}


async def test_what_is_not_ready_is_a_200_without_success_as_is_what_is_unknown(
    slow_sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    _, submitted = await ask(slow_sandbox, client, PATH, BATCH)

    pending = await ask(slow_sandbox, client, f"{PATH}/{submitted['request_id']}")
    unknown = await ask(slow_sandbox, client, f"{PATH}/unknown")

    assert (pending[0], pending[1]["success"]) == (200, False)
    assert pending == unknown


@pytest.mark.parametrize(
    ("key", "status"),
    [("", 401), ("wrong", 401), ("sandbox-empty", 403), ("sandbox-limited", 429)],
)
async def test_each_refusal_has_its_status(
    sandbox: Sandbox, client: aiohttp.ClientSession, key: str, status: int
) -> None:
    actual, body = await ask(sandbox, client, PATH, BATCH, key)

    assert (status, True) == (actual, body["error"])
    assert len(sandbox.books) == 0


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"data": [PERSON] * 251},
        {"data": ["Nadia"]},
        BATCH | {"custom_callback_url": "file:///etc"},
    ],
)
async def test_a_body_that_is_not_valid_is_a_422_that_books_nothing(
    sandbox: Sandbox, client: aiohttp.ClientSession, body: object
) -> None:
    status, _ = await ask(sandbox, client, PATH, body)

    assert status == 422
    assert len(sandbox.books) == 0


async def test_a_callback_repeats_the_records(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    received: asyncio.Queue[Any] = asyncio.Queue()

    async def receive(request: web.Request) -> web.Response:
        await received.put(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", receive)
    async with TestServer(app) as server, asyncio.timeout(5):
        url = str(server.make_url("/hook"))
        records = await read_when_ready(sandbox, client, BATCH | {"custom_callback_url": url})
        body = await received.get()

    assert records == body["data"]
