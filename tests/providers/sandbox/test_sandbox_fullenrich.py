"""FullEnrich as its adapter meets it: submitted, pending, read, called back, out of credits."""

import asyncio
import hmac
from hashlib import sha1
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from providers.sandbox.server import Sandbox

PATH = "/contact/enrich/bulk"
PERSON = {
    "first_name": "Nadia",
    "last_name": "Only-Fullenrich",
    "domain": "brightwater.leadfall",
    "enrich_fields": ["contact.work_emails", "contact.phones"],
    "custom": {"row": "17"},
}
BATCH: dict[str, Any] = {"name": "batch 12", "data": [PERSON]}


async def ask(
    sandbox: Sandbox,
    client: aiohttp.ClientSession,
    path: str,
    body: object = None,
    authorization: str = "Bearer sandbox",
) -> tuple[int, Any]:
    method = "GET" if body is None else "POST"
    url = sandbox.base_urls["fullenrich"] + path
    headers = {"Authorization": authorization}
    async with client.request(method, url, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def read_when_ready(
    sandbox: Sandbox, client: aiohttp.ClientSession, enrichment_id: str
) -> Any:
    async with asyncio.timeout(5):
        while True:
            status, body = await ask(sandbox, client, f"{PATH}/{enrichment_id}")
            if status == 200:
                return body


async def submit(sandbox: Sandbox, client: aiohttp.ClientSession, body: object = BATCH) -> str:
    status, answer = await ask(sandbox, client, PATH, body)
    assert status == 200
    return str(answer["enrichment_id"])


async def is_delivered(sandbox: Sandbox, client: aiohttp.ClientSession) -> bool:
    """Tell whether the books say that the first row reached its caller."""
    async with client.get(f"{sandbox.addresses.http_url}/_books") as answer:
        return bool((await answer.json())["entries"][0]["delivered"])


async def test_a_finished_enrichment_carries_email_phone_cost_and_our_row(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    body = await read_when_ready(sandbox, client, await submit(sandbox, client))

    (row,) = body["data"]
    assert (body["status"], body["cost"]) == ("FINISHED", {"credits": 11})
    assert row["custom"] == {"row": "17"}
    assert row["contact_info"]["most_probable_work_email"]["status"] == "DELIVERABLE"
    assert row["contact_info"]["most_probable_phone"]["number"][:3] == "+1 "
    assert [(entry.reference, entry.delivered) for entry in sandbox.books.entries()] == [
        ("batch 12/17", True)
    ] * 2


async def test_what_is_not_ready_is_a_400_with_its_own_code(
    slow_sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    enrichment_id = await submit(slow_sandbox, client)

    status, body = await ask(slow_sandbox, client, f"{PATH}/{enrichment_id}")
    forced, partial = await ask(slow_sandbox, client, f"{PATH}/{enrichment_id}?forceResults=true")

    assert (status, body["code"]) == (400, "error.enrichment.in_progress")
    assert (forced, partial["status"], partial["data"]) == (200, "IN_PROGRESS", [])


async def test_an_unknown_person_has_no_values_and_costs_nothing(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    nobody = PERSON | {"last_name": "Only-Nobody"}

    enrichment_id = await submit(sandbox, client, {"name": "miss", "data": [nobody]})
    body = await read_when_ready(sandbox, client, enrichment_id)

    assert (body["data"][0]["contact_info"], body["cost"]["credits"]) == ({}, 0)


async def test_a_person_is_also_found_by_profile_alone(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    row = {
        "linkedin_url": "https://www.linkedin.com/in/nadia-onlyfullenrich-brightwater",
        "enrich_fields": ["contact.work_emails"],
    }

    enrichment_id = await submit(sandbox, client, {"name": "profile", "data": [row]})
    body = await read_when_ready(sandbox, client, enrichment_id)

    assert "most_probable_work_email" in body["data"][0]["contact_info"]


async def test_the_same_person_again_is_free_and_shows_as_a_repeat(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    await submit(sandbox, client)
    await submit(sandbox, client)

    summary = sandbox.books.summary()
    assert summary["credits"]["fullenrich"] == 11.0
    assert [(r["count"], r["charged_count"]) for r in summary["repeats"]] == [(2, 1), (2, 1)]


async def test_an_account_without_credits_reads_a_402_result_and_is_charged_nothing(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    key = "Bearer sandbox-empty"
    _, submitted = await ask(sandbox, client, PATH, BATCH, key)

    path = f"{PATH}/{submitted['enrichment_id']}"
    status, body = await ask(sandbox, client, path, authorization=key)

    assert (status, body["status"]) == (402, "CREDITS_INSUFFICIENT")
    assert body["data"][0]["contact_info"] == {}
    assert len(sandbox.books) == 0


@pytest.mark.parametrize(
    ("authorization", "status", "code"),
    [
        ("", 401, "error.authorization.not_set"),
        ("sandbox", 401, "error.authorization.not_bearer"),
        ("Bearer wrong", 401, "error.api.key"),
        ("Bearer sandbox-limited", 429, "error.rate.limit"),
    ],
)
async def test_each_refusal_has_its_code(
    sandbox: Sandbox, client: aiohttp.ClientSession, authorization: str, status: int, code: str
) -> None:
    actual, body = await ask(sandbox, client, PATH, BATCH, authorization)

    assert (status, code) == (actual, body["code"])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], "name.empty"),
        ({"name": "x"}, "data.empty"),
        ({"name": "x", "data": [PERSON] * 101}, "data.empty"),
        ({"name": "x", "data": ["Nadia"]}, "data.empty"),
        (BATCH | {"webhook_url": "file:///etc"}, "webhook_url"),
        ({"name": "x", "data": [PERSON | {"first_name": ""}]}, "first_name.empty"),
        ({"name": "x", "data": [PERSON | {"last_name": None}]}, "last_name.empty"),
        ({"name": "x", "data": [PERSON | {"domain": ""}]}, "domain.empty"),
        ({"name": "x", "data": [PERSON | {"enrich_fields": []}]}, "enrich_fields.empty"),
        ({"name": "x", "data": [PERSON | {"enrich_fields": [{}]}]}, "enrich_field.value"),
        (
            {"name": "x", "data": [PERSON | {"custom": {str(n): "" for n in range(11)}}]},
            "custom.key.exceeded",
        ),
        ({"name": "x", "data": [PERSON | {"custom": {"row": "7" * 101}}]}, "custom.value.exceeded"),
    ],
)
async def test_a_body_that_is_not_valid_is_a_400_that_books_nothing(
    sandbox: Sandbox, client: aiohttp.ClientSession, body: object, code: str
) -> None:
    status, answer = await ask(sandbox, client, PATH, body)

    assert (400, f"error.enrichment.{code}") == (status, answer["code"])
    assert len(sandbox.books) == 0


async def test_another_keys_enrichment_is_not_found(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    enrichment_id = await submit(sandbox, client)

    path = f"{PATH}/{enrichment_id}"
    status, body = await ask(sandbox, client, path, authorization="Bearer sandbox-user-b")

    assert (status, body["code"]) == (404, "error.enrichment.not_found")


async def test_the_account_routes_know_the_key(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    _, verified = await ask(sandbox, client, "/account/keys/verify")
    _, credit = await ask(sandbox, client, "/account/credits")

    assert verified["workspace_id"]
    assert credit == {"balance": 1_000_000}


async def test_a_callback_repeats_the_result_signed_with_the_key(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    received: asyncio.Queue[tuple[bytes, str]] = asyncio.Queue()

    async def receive(request: web.Request) -> web.Response:
        await received.put((await request.read(), request.headers["X-Signature-SHA1"]))
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", receive)
    async with TestServer(app) as server:
        url = str(server.make_url("/hook"))
        enrichment_id = await submit(sandbox, client, BATCH | {"webhook_url": url})
        async with asyncio.timeout(5):
            body, signature = await received.get()

    result = await read_when_ready(sandbox, client, enrichment_id)
    assert result == orjson.loads(body)
    assert hmac.new(b"sandbox", body, sha1).hexdigest() == signature


async def test_a_callback_for_each_contact_is_repeated_until_it_is_taken(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    statuses = iter((500, 503, 200))
    received: asyncio.Queue[Any] = asyncio.Queue()

    async def receive(request: web.Request) -> web.Response:
        await received.put(await request.json())
        return web.Response(status=next(statuses))

    app = web.Application()
    app.router.add_post("/hook", receive)
    async with TestServer(app) as server, asyncio.timeout(5):
        events = {"contact_finished": str(server.make_url("/hook"))}
        await submit(sandbox, client, BATCH | {"webhook_events": events})
        bodies = [await received.get() for _ in range(3)]
        while not await is_delivered(sandbox, client):
            pass

    assert [(body["status"], body["data"][0]["custom"]) for body in bodies] == [
        ("IN_PROGRESS", {"row": "17"})
    ] * 3


async def test_a_callback_never_leaves_the_machine(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    await submit(sandbox, client, BATCH | {"webhook_url": "https://192.0.2.1/hook"})

    assert sandbox.books.summary()["violations"] == {"callback.not_local": 1}
