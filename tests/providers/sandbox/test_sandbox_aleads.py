"""A-Leads as its adapter meets it: over the wire, with every answer its users have seen."""

from typing import Any

import aiohttp
import pytest

from providers.sandbox.server import Sandbox

FIND = "/find-email"
VERIFY = "/verify-email"
PHONE = "/find-phone"
FOUND = {"first_name": "Nadia", "last_name": "Only-Aleads", "website": "northgate.leadfall"}


async def ask(
    sandbox: Sandbox,
    client: aiohttp.ClientSession,
    path: str,
    data: Any,
    key: str = "sandbox",
) -> tuple[int, Any]:
    url = sandbox.base_urls["aleads"] + path
    async with client.post(url, json={"data": data}, headers={"x-api-key": key}) as answer:
        return answer.status, await answer.json()


async def test_a_known_person_is_found_inside_two_wrappers(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    status, body = await ask(sandbox, client, FIND, FOUND)

    response = body["data"]["response"]
    assert (status, body["message"]["statusCode"]) == (200, 200)
    assert (response["quality"], response["catch_all_status"]) == ("good", False)
    assert "nadia.onlyaleads" in response["email"]
    assert sandbox.books.entry(0).credits == 1.0


async def test_an_unknown_person_is_a_null_that_costs_nothing(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    status, body = await ask(sandbox, client, FIND, FOUND | {"last_name": "Only-Nobody"})

    assert (status, body["data"]["response"]["email"]) == (200, None)
    assert (sandbox.books.entry(0).credits, sandbox.books.entry(0).outcome) == (0.0, "missing")


@pytest.mark.parametrize(
    ("email", "said", "charge"),
    [
        ("nadia.onlybuiltin@brightwater.leadfall", (True, False), 1.0),
        ("nadia.onlynobody@brightwater.leadfall", (False, False), 1.0),
        ("anybody@opendoor.leadfall", (True, True), 1.0),
        ("a.b@stuckpost.leadfall", (None, None), 0.0),
    ],
)
async def test_a_verification_is_charged_when_it_decides(
    sandbox: Sandbox,
    client: aiohttp.ClientSession,
    email: str,
    said: tuple[bool | None, bool | None],
    charge: float,
) -> None:
    _, body = await ask(sandbox, client, VERIFY, {"email": email})

    response = body["data"]["response"]
    assert said == (response["is_valid"], response["catch_all_status"])
    assert charge == sandbox.books.entry(0).credits


@pytest.mark.parametrize(
    "profile",
    [
        "nadia-onlyaleads-kestrel-labs",
        "https://www.linkedin.com/in/nadia-onlyaleads-kestrel-labs/",
    ],
)
async def test_a_phone_is_found_by_a_profiles_name_or_url(
    sandbox: Sandbox, client: aiohttp.ClientSession, profile: str
) -> None:
    _, body = await ask(sandbox, client, PHONE, {"linkedin_username": profile})

    assert body["data"]["response"]["phone_number"].startswith("+1")
    assert sandbox.books.entry(0).credits == 15.0


@pytest.mark.parametrize(
    ("key", "asked", "status"),
    [
        ("wrong", (FIND, FOUND), 401),
        ("", (FIND, FOUND), 401),
        ("sandbox-limited", (FIND, FOUND), 429),
        ("sandbox-empty", (FIND, FOUND), 402),
        ("sandbox", (FIND, {"first_name": "Nadia"}), 400),
        ("sandbox", (VERIFY, {"email": "nadia"}), 400),
        ("sandbox", (PHONE, None), 400),
        ("sandbox", ("/find", FOUND), 404),
    ],
)
async def test_a_refusal_says_why_in_the_envelope_and_books_nothing(
    sandbox: Sandbox,
    client: aiohttp.ClientSession,
    key: str,
    asked: tuple[str, Any],
    status: int,
) -> None:
    actual, refused = await ask(sandbox, client, *asked, key)

    assert (status, status) == (actual, refused["message"]["statusCode"])
    assert refused["message"]["description"]
    assert len(sandbox.books) == 0
