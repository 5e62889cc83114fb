"""Icypeas as its adapter meets it: bulk searches, rows read in pages, refusals inside a 200."""

import asyncio
import hmac
from hashlib import sha1
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from providers.sandbox.server import Sandbox

READ = "/bulk-single-searchs/read"
FIND: dict[str, Any] = {
    "name": "batch 12",
    "task": "email-search",
    "data": [["Nadia", "Only-Icypeas", "brightwater.leadfall"], ["Nadia", "Only-Nobody", "x"]],
    "custom": {"externalIds": ["17", "18"]},
}
VERIFY: dict[str, Any] = {
    "name": "batch 13",
    "task": "email-verification",
    "data": [
        ["nadia.onlyhunter1@brightwater.leadfall"],
        ["anybody@opendoor.leadfall"],
        ["anybody@nowhere.leadfall"],
        ["nobody"],
    ],
}


async def ask(
    sandbox: Sandbox, client: aiohttp.ClientSession, path: str, body: object, key: str = "sandbox"
) -> tuple[int, Any]:
    url = sandbox.base_urls["icypeas"] + path
    async with client.post(url, json=body, headers={"Authorization": key}) as answer:
        return answer.status, await answer.json()


async def submit(
    sandbox: Sandbox, client: aiohttp.ClientSession, body: object, key: str = "sandbox"
) -> str:
    _, answer = await ask(sandbox, client, "/bulk-search", body, key)
    return str(answer["file"])


async def read_when_done(sandbox: Sandbox, client: aiohttp.ClientSession, file: str) -> Any:
    async with asyncio.timeout(5):
        while True:
            _, body = await ask(sandbox, client, READ, {"mode": "bulk", "file": file, "limit": 100})
            items = body.get("items", [{"status": "IN_PROGRESS"}])
            if all(item["status"] != "IN_PROGRESS" for item in items):
                return items


async def test_rows_come_in_order_with_our_ids(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    found, missing = await read_when_done(sandbox, client, await submit(sandbox, client, FIND))

    assert (found["status"], missing["status"]) == ("DEBITED", "NOT_FOUND")
    assert [found["userData"]["externalId"], missing["userData"]["externalId"]] == ["17", "18"]
    assert found["results"]["emails"][0]["certainty"] == "ultra_sure"
    assert missing["results"]["emails"] == []
    assert [(one.credits, one.delivered) for one in sandbox.books.entries()] == [
        (1.0, True),
        (0.0, True),
    ]


async def test_a_verification_is_debited_whatever_it_says(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    items = await read_when_done(sandbox, client, await submit(sandbox, client, VERIFY))

    certainties = [[one["certainty"] for one in item["results"]["emails"]] for item in items]
    assert certainties == [["undeliverable"], ["not_found"], ["undeliverable"], []]
    assert [item["status"] for item in items] == ["DEBITED_NOT_FOUND"] * 3 + ["BAD_INPUT"]
    assert sandbox.books.summary()["credits"] == {"icypeas": pytest.approx(0.3)}


async def test_what_runs_says_so_in_every_row(
    slow_sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    file = await submit(slow_sandbox, client, FIND)

    _, body = await ask(slow_sandbox, client, READ, {"mode": "bulk", "file": file})

    assert [item["status"] for item in body["items"]] == ["IN_PROGRESS"] * 2


async def test_an_account_without_credit_finds_out_in_the_rows(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    file = await submit(sandbox, client, FIND, "sandbox-empty")

    body = {"mode": "bulk", "file": file}
    _, answer = await ask(sandbox, client, READ, body, "sandbox-empty")

    assert [item["status"] for item in answer["items"]] == ["INSUFFICIENT_FUNDS"] * 2
    assert len(sandbox.books) == 0


@pytest.mark.parametrize(
    ("key", "status"),
    [("", 401), ("wrong", 401), ("Bearer sandbox", 401), ("sandbox-limited", 429)],
)
async def test_each_refusal_has_its_status(
    sandbox: Sandbox, client: aiohttp.ClientSession, key: str, status: int
) -> None:
    actual, body = await ask(sandbox, client, "/bulk-search", FIND, key)

    assert (status, False) == (actual, body["success"])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/bulk-search", []),
        ("/bulk-search", FIND | {"name": ""}),
        ("/bulk-search", FIND | {"task": "domain-search"}),
        ("/bulk-search", FIND | {"data": []}),
        ("/bulk-search", FIND | {"data": [["Nadia", "Okafor"]]}),
        ("/bulk-search", FIND | {"data": [["Nadia", None, "x"], ["a", "b", "c"]]}),
        ("/bulk-search", FIND | {"custom": {"externalIds": ["17"]}}),
        ("/bulk-search", FIND | {"custom": {"webhookUrlBulkDone": "file:///etc"}}),
        (READ, {"mode": "bulk", "file": "unknown"}),
        (READ, {"mode": "bulk", "file": "unknown", "limit": 101}),
        (READ, []),
    ],
)
async def test_a_body_that_is_not_valid_is_a_200_without_success(
    sandbox: Sandbox, client: aiohttp.ClientSession, path: str, body: object
) -> None:
    status, answer = await ask(sandbox, client, path, body)

    assert (status, answer["success"]) == (200, False)
    assert len(sandbox.books) == 0


async def test_reading_has_a_limit_of_its_own(
    slow_sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    body = {"mode": "single", "limit": 1}

    reads = await asyncio.gather(*(ask(slow_sandbox, client, READ, body) for _ in range(60)))
    submitted, _ = await ask(slow_sandbox, client, "/bulk-search", FIND)

    assert {status for status, _ in reads} == {200, 429}
    assert submitted == 200


async def test_the_callback_counts_and_its_signature_leaves_the_body_out(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    received: asyncio.Queue[Any] = asyncio.Queue()

    async def receive(request: web.Request) -> web.Response:
        await received.put(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", receive)
    async with TestServer(app) as server, asyncio.timeout(5):
        custom = {"webhookUrlBulkDone": str(server.make_url("/hook"))}
        file = await submit(sandbox, client, FIND | {"custom": custom})
        body = await received.get()

    signed = f"/hook{body['timestamp']}".lower().encode()
    assert body["signature"] == hmac.new(b"sandbox", signed, sha1).hexdigest()
    assert (body["data"]["file"], body["data"]["total"], body["data"]["found"]) == (file, 2, 1)
    assert [entry.delivered for entry in sandbox.books.entries()] == [False, False]
