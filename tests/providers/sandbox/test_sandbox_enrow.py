"""Enrow as its adapter meets it: submitted, 202, read, called back, refused."""

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from providers.sandbox.server import Sandbox

FIND, VERIFY, PHONE = "/email/find/bulk", "/email/verify/single", "/phone/single"
VERIFY_BATCH, PHONE_BATCH = "/email/verify/bulk", "/phone/bulk"
SEARCH = {"fullname": "Nadia Only-Enrow", "company_domain": "brightwater.leadfall", "custom": "17"}
SEARCHES: dict[str, Any] = {"searches": [SEARCH, SEARCH | {"fullname": "Nadia Only-Nobody"}]}
ADDRESS: dict[str, Any] = {"email": "anybody@opendoor.leadfall", "custom": {"row": "17"}}
PROFILE: dict[str, Any] = {
    "linkedin_url": "https://www.linkedin.com/in/nadia-onlyenrow-brightwater",
    "custom": "17",
}


async def ask(
    sandbox: Sandbox,
    client: aiohttp.ClientSession,
    path: str,
    body: object = None,
    key: str = "sandbox",
) -> tuple[int, Any]:
    method = "GET" if body is None else "POST"
    headers = {"x-api-key": key} if key else {}
    url = sandbox.base_urls["enrow"] + path
    async with client.request(method, url, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def read_when_ready(
    sandbox: Sandbox, client: aiohttp.ClientSession, path: str, body: object
) -> Any:
    _, submitted = await ask(sandbox, client, path, body)
    async with asyncio.timeout(5):
        while True:
            status, result = await ask(sandbox, client, f"{path}?id={submitted['id']}")
            if status == 200 and result.get("general") != {"status": "ongoing"}:
                return result


async def test_a_batch_is_valid_or_invalid_row_by_row(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    body = await read_when_ready(sandbox, client, FIND, SEARCHES)

    found, missing = body["results"]
    assert body["general"]["status"] == "completed"
    assert body["stats"]["credits_cost"] == {"initial": 2, "refunded": 1, "final": 1}
    assert (found["index"], found["qualification"], found["custom"]) == ("0", "valid", "17")
    assert (missing["qualification"], "email" in missing) == ("invalid", False)
    assert [(entry.reference, entry.delivered) for entry in sandbox.books.entries()] == [
        ("17", True)
    ] * 2


async def test_a_verification_has_no_shades(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    body = await read_when_ready(sandbox, client, VERIFY, ADDRESS)

    assert body == ADDRESS | {"qualification": "invalid"}
    assert sandbox.books.summary()["credits"] == {"enrow": 0.25}


async def test_a_batch_of_verifications_names_addresses_and_no_references(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    addresses = [ADDRESS["email"], "nobody@opendoor.leadfall"]

    body = await read_when_ready(sandbox, client, VERIFY_BATCH, {"emails": addresses})

    assert body["results"] == [
        {"email": each, "index": f"{index}", "qualification": "invalid"}
        for index, each in enumerate(addresses)
    ]
    assert sandbox.books.summary()["credits"] == {"enrow": 0.5}


@pytest.mark.parametrize(
    ("whom", "qualification", "credit"),
    [
        (PROFILE, "found", 50.0),
        (
            {"firstname": "Nadia", "lastname": "Only-Enrow", "company_name": "Brightwater Tools"},
            "found",
            50.0,
        ),
        ({"linkedin_url": "https://www.linkedin.com/in/somebody"}, "not_found", 0.0),
    ],
)
async def test_a_phone_is_found_by_profile_or_by_name_and_company(
    sandbox: Sandbox,
    client: aiohttp.ClientSession,
    whom: dict[str, Any],
    qualification: str,
    credit: float,
) -> None:
    body = await read_when_ready(sandbox, client, PHONE, whom)

    assert qualification == body["qualification"]
    assert [credit] == [entry.credits for entry in sandbox.books.entries()]


async def test_a_batch_of_phones_is_pending_with_a_200_and_says_what_was_asked(
    slow_sandbox: Sandbox, sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    nobody = {"firstname": "Nadia", "lastname": "Only-Nobody", "company_name": "Brightwater"}
    searches = {"searches": [PROFILE, nobody]}
    _, submitted = await ask(slow_sandbox, client, PHONE_BATCH, searches)

    pending = await ask(slow_sandbox, client, f"{PHONE_BATCH}?id={submitted['id']}")
    body = await read_when_ready(sandbox, client, PHONE_BATCH, searches)

    assert pending == (200, {"general": {"status": "ongoing"}})
    found, missing = body["results"]
    assert (found["index"], found["qualification"], found["custom"]) == (0, "found", "17")
    assert found["params"] == {"linkedin_url": PROFILE["linkedin_url"]}
    assert (missing["index"], missing["qualification"]) == (1, "not_found")
    assert [entry.credits for entry in sandbox.books.entries()] == [50.0, 0.0]


@pytest.mark.parametrize(
    ("path", "body", "accepted"),
    [(FIND, SEARCHES, 201), (VERIFY, ADDRESS, 200), (PHONE, PROFILE, 201)],
)
async def test_what_is_not_ready_is_a_202(
    slow_sandbox: Sandbox, client: aiohttp.ClientSession, path: str, body: object, accepted: int
) -> None:
    status, submitted = await ask(slow_sandbox, client, path, body)

    pending = await ask(slow_sandbox, client, f"{path}?id={submitted['id']}")

    assert accepted == status
    assert pending == (202, {"qualification": "ongoing"})


@pytest.mark.parametrize(
    ("key", "status"),
    [("", 401), ("wrong", 401), ("sandbox-empty", 422), ("sandbox-limited", 429)],
)
async def test_each_refusal_has_its_status(
    sandbox: Sandbox, client: aiohttp.ClientSession, key: str, status: int
) -> None:
    actual, body = await ask(sandbox, client, FIND, SEARCHES, key)

    assert (status, True) == (actual, bool(body["message"]))
    assert len(sandbox.books) == 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (FIND, []),
        (FIND, {"searches": []}),
        (FIND, {"searches": [SEARCH | {"fullname": ""}]}),
        (FIND, {"searches": [SEARCH | {"company_domain": None}]}),
        (FIND, {"searches": [SEARCH | {"custom": {"row": "17"}}]}),
        (FIND, SEARCHES | {"settings": {"webhook": "file:///etc"}}),
        (VERIFY, {"email": "nobody"}),
        (VERIFY, []),
        (VERIFY_BATCH, {"emails": []}),
        (VERIFY_BATCH, {"emails": ["nobody"]}),
        (PHONE, {"firstname": "Nadia", "lastname": "Okafor"}),
        (PHONE_BATCH, {"searches": []}),
        (PHONE_BATCH, {"searches": [PROFILE, {"firstname": "Nadia", "lastname": "Okafor"}]}),
    ],
)
async def test_a_body_that_is_not_valid_is_a_400_that_books_nothing(
    sandbox: Sandbox, client: aiohttp.ClientSession, path: str, body: object
) -> None:
    status, _ = await ask(sandbox, client, path, body)

    assert status == 400
    assert len(sandbox.books) == 0


async def test_another_keys_search_is_not_found(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    _, submitted = await ask(sandbox, client, VERIFY, ADDRESS)

    path = f"{VERIFY}?id={submitted['id']}"
    status, body = await ask(sandbox, client, path, key="sandbox-user-b")

    assert (status, body) == (404, {"message": "Bulk search not found"})


@pytest.mark.parametrize(
    ("path", "body", "event"),
    [
        (FIND, SEARCHES, ("bulk_search_finished", [])),
        (VERIFY, ADDRESS, ("verification_finished", ["email", "custom", "qualification"])),
        (PHONE, PROFILE, ("single_phone_search_finished", ["result"])),
        (PHONE_BATCH, {"searches": [PROFILE]}, ("bulk_phone_search_finished", [])),
    ],
)
async def test_a_callback_names_its_search(
    sandbox: Sandbox,
    client: aiohttp.ClientSession,
    path: str,
    body: dict[str, Any],
    event: tuple[str, list[str]],
) -> None:
    received: asyncio.Queue[Any] = asyncio.Queue()

    async def receive(request: web.Request) -> web.Response:
        await received.put(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", receive)
    async with TestServer(app) as server, asyncio.timeout(5):
        settings = {"webhook": str(server.make_url("/hook"))}
        _, submitted = await ask(sandbox, client, path, body | {"settings": settings})
        called = await received.get()

    assert event == (called["event"], list(called.get("result", {})))
    assert submitted["id"] == called["id"]
