"""Hunter as its adapter meets it: over the wire, with every answer it is known for."""

import asyncio
from typing import Any

import aiohttp
import pytest

from providers.sandbox.server import Sandbox

FOUND = {"domain": "brightwater.leadfall", "first_name": "Nadia", "last_name": "Only-Hunter"}
MISSING = {"domain": "brightwater.leadfall", "first_name": "Nadia", "last_name": "Only-Nobody"}


async def ask(
    sandbox: Sandbox,
    client: aiohttp.ClientSession,
    path: str,
    query: dict[str, str],
    key: str = "sandbox",
) -> tuple[int, Any]:
    url = sandbox.base_urls["hunter"] + path
    async with client.get(url, params=query, headers={"X-API-KEY": key}) as answer:
        return answer.status, await answer.json()


async def test_a_known_person_is_found_with_score_and_verification(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    status, body = await ask(sandbox, client, "/email-finder", FOUND)

    assert status == 200
    assert "nadia.onlyhunter" in body["data"]["email"]
    assert body["data"]["verification"]["status"] == "valid"
    assert body["meta"]["params"] == FOUND
    assert sandbox.books.entry(0).credits == 1.0


async def test_an_unknown_person_is_a_null_that_costs_nothing(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    status, body = await ask(sandbox, client, "/email-finder", MISSING)

    assert (status, body["data"]["email"]) == (200, None)
    assert (sandbox.books.entry(0).credits, sandbox.books.entry(0).outcome) == (0.0, "missing")


@pytest.mark.parametrize(
    ("key", "asked", "status"),
    [
        ("wrong", ("/email-finder", FOUND), 401),
        ("", ("/email-finder", FOUND), 401),
        ("sandbox-limited", ("/email-finder", FOUND), 403),
        ("sandbox-empty", ("/email-finder", FOUND), 429),
        ("sandbox", ("/email-finder", {"domain": "brightwater.leadfall"}), 400),
        ("sandbox", ("/email-finder", FOUND | {"max_duration": "2"}), 400),
        ("sandbox", ("/email-finder", FOUND | {"last_name": "Optout"}), 451),
        ("sandbox", ("/email-verifier", {"email": "nobody"}), 400),
        ("sandbox", ("/email-verifier", {"email": "a.b@stuckpost.leadfall"}), 222),
        ("sandbox", ("/people/find", {}), 404),
    ],
)
async def test_a_refusal_is_a_list_of_errors_and_books_nothing(
    sandbox: Sandbox,
    client: aiohttp.ClientSession,
    key: str,
    asked: tuple[str, dict[str, str]],
    status: int,
) -> None:
    actual, body = await ask(sandbox, client, *asked, key)

    assert status == actual
    assert {"id", "code", "details"} == body["errors"][0].keys()
    assert len(sandbox.books) == 0


@pytest.mark.parametrize(
    ("email", "verdict"),
    [
        ("nadia.onlybuiltin@brightwater.leadfall", "valid"),
        ("nadia.onlynobody@brightwater.leadfall", "invalid"),
        ("anybody@opendoor.leadfall", "accept_all"),
        ("anybody@nomail.leadfall", "invalid"),
    ],
)
async def test_the_verifier_tells_what_is_true_of_the_mailbox(
    sandbox: Sandbox, client: aiohttp.ClientSession, email: str, verdict: str
) -> None:
    status, body = await ask(sandbox, client, "/email-verifier", {"email": email})

    assert (200, verdict) == (status, body["data"]["status"])
    assert sandbox.books.entry(0).credits == 0.5


async def test_a_slow_verification_is_202_until_it_is_ready_and_books_once(
    slow_sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    query = {"email": "slow11@brightwater.leadfall"}

    first, _ = await ask(slow_sandbox, client, "/email-verifier", query)
    async with asyncio.timeout(5):
        while (await ask(slow_sandbox, client, "/email-verifier", query))[0] == 202:
            pass

    assert first == 202
    assert len(slow_sandbox.books) == 1


async def test_too_many_requests_a_second_are_403(
    slow_sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    answers = await asyncio.gather(
        *(ask(slow_sandbox, client, "/email-finder", MISSING) for _ in range(40))
    )

    assert {200, 403} == {status for status, _ in answers}


async def test_the_account_shows_what_was_used(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    await ask(sandbox, client, "/email-finder", FOUND)

    _, body = await ask(sandbox, client, "/account", {})

    assert body["data"]["requests"]["credits"] == {"used": 1, "available": 999_999}
