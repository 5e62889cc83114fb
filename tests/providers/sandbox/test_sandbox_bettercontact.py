"""BetterContact as its adapter meets it: submitted, 202, terminated, called back, refused."""

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from providers.sandbox.server import Sandbox

PERSON = {
    "first_name": "Nadia",
    "last_name": "Only-Bettercontact",
    "company": "Brightwater Tools",
    "custom_fields": {"row": "17"},
}
BATCH: dict[str, Any] = {"data": [PERSON], "enrich_phone_number": True}


async def ask(
    sandbox: Sandbox,
    client: aiohttp.ClientSession,
    path: str,
    body: object = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, Any]:
    method = "GET" if body is None else "POST"
    headers = {"X-API-Key": "sandbox"} if headers is None else headers
    url = sandbox.base_urls["bettercontact"] + path
    async with client.request(method, url, json=body, headers=headers) as answer:
        is_json = answer.content_type == "application/json"
        return answer.status, await (answer.json() if is_json else answer.text())


async def read_when_ready(sandbox: Sandbox, client: aiohttp.ClientSession, body: object) -> Any:
    _, submitted = await ask(sandbox, client, "/async", body)
    async with asyncio.timeout(5):
        while True:
            status, result = await ask(sandbox, client, f"/async/{submitted['id']}")
            if status == 200:
                return result


async def test_a_terminated_request_carries_email_phone_and_our_row_as_a_list(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    result = await read_when_ready(sandbox, client, BATCH)

    (row,) = result["data"]
    assert (result["status"], result["credits_consumed"]) == ("terminated", 11)
    assert row["contact_email_address_status"] == "deliverable"
    assert row["contact_phone_number"][:2] == "+1"
    assert row["custom_fields"] == [{"name": "row", "value": "17", "position": 0}]
    assert [(entry.reference, entry.delivered) for entry in sandbox.books.entries()] == [
        ("17", True)
    ] * 2


async def test_only_what_is_asked_for_is_looked_for(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    nobody = PERSON | {"last_name": "Only-Nobody"}

    result = await read_when_ready(sandbox, client, {"data": [nobody]})

    assert result["data"][0]["contact_email_address_status"] == "not_found"
    assert [entry.capability for entry in sandbox.books.entries()] == ["find_email"]


async def test_the_same_person_again_is_charged_again(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    await ask(sandbox, client, "/async", BATCH)
    await ask(sandbox, client, "/async", BATCH)

    assert sandbox.books.summary()["credits"] == {"bettercontact": 22.0}


async def test_what_is_not_ready_is_a_202(
    slow_sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    accepted, submitted = await ask(slow_sandbox, client, "/async", BATCH)

    status, body = await ask(slow_sandbox, client, f"/async/{submitted['id']}")

    assert (accepted, status, body["status"]) == (201, 202, "processing")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer sandbox"}, 401),
        ({"X-API-Key": "wrong"}, 401),
        ({"X-API-Key": "sandbox-empty"}, 402),
        ({"X-API-Key": "sandbox-limited"}, 429),
    ],
)
async def test_each_refusal_has_its_status(
    sandbox: Sandbox, client: aiohttp.ClientSession, headers: dict[str, str], status: int
) -> None:
    actual, _ = await ask(sandbox, client, "/async", BATCH, headers)

    assert status == actual
    assert len(sandbox.books) == 0


async def test_too_fast_is_said_in_plain_text(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    answer = await ask(sandbox, client, "/account", headers={"X-API-Key": "sandbox-limited"})

    assert answer == (429, "Retry later\n")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ([], 400),
        ({}, 400),
        ({"data": [PERSON] * 101}, 400),
        ({"data": ["Nadia"]}, 422),
        ({"data": [PERSON | {"company": ""}]}, 422),
        ({"data": [PERSON | {"last_name": None}]}, 422),
        (BATCH | {"webhook": "file:///etc"}, 422),
    ],
)
async def test_a_body_that_is_not_valid_books_nothing(
    sandbox: Sandbox, client: aiohttp.ClientSession, body: object, status: int
) -> None:
    actual, _ = await ask(sandbox, client, "/async", body)

    assert status == actual
    assert len(sandbox.books) == 0


async def test_another_keys_request_is_unknown(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    _, submitted = await ask(sandbox, client, "/async", BATCH)

    path = f"/async/{submitted['id']}"
    status, _ = await ask(sandbox, client, path, headers={"X-API-Key": "sandbox-user-b"})

    assert status == 406


async def test_a_callback_repeats_the_result(
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
        result = await read_when_ready(sandbox, client, BATCH | {"webhook": url})
        body = await received.get()

    assert result == body
