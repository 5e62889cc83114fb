"""Findymail as its adapter meets it: over the wire, with every answer it is known for."""

from typing import Any

import aiohttp
import pytest

from providers.sandbox.server import Sandbox

NAME = "/search/name"
PROFILE = "/search/linkedin"
PHONE = "/search/phone"
VERIFY = "/verify"
FOUND = {"name": "Nadia Only-Findymail", "domain": "harborline.leadfall"}
MISSING = FOUND | {"name": "Nadia Only-Nobody"}
URL = {"linkedin_url": "https://www.linkedin.com/in/nadia-onlyfindymail-kestrel-labs"}


async def ask(
    sandbox: Sandbox,
    client: aiohttp.ClientSession,
    path: str,
    body: Any,
    key: str = "sandbox",
) -> tuple[int, Any]:
    url = sandbox.base_urls["findymail"] + path
    async with client.post(url, json=body, headers={"Authorization": f"Bearer {key}"}) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize(
    ("path", "body", "domain"),
    [
        (NAME, FOUND, "harborline.leadfall"),
        (NAME, FOUND | {"domain": "Harborline Insurance"}, "harborline.leadfall"),
        (PROFILE, URL, "kestrel-labs.leadfall"),
        ("/search/business-profile", URL, "kestrel-labs.leadfall"),
    ],
)
async def test_a_known_person_is_found_by_name_or_profile(
    sandbox: Sandbox, client: aiohttp.ClientSession, path: str, body: Any, domain: str
) -> None:
    status, answer = await ask(sandbox, client, path, body)

    assert status == 200
    assert "nadia.onlyfindymail" in answer["contact"]["email"]
    assert domain == answer["contact"]["domain"]
    assert sandbox.books.entry(0).credits == 1.0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (NAME, MISSING),
        (NAME, FOUND | {"domain": "quillstone.leadfall"}),
        (PROFILE, {"linkedin_url": "https://example.com/nadia"}),
        (PHONE, {"linkedin_url": "https://example.com/nadia"}),
    ],
)
async def test_what_is_unknown_or_not_verified_is_a_404_that_costs_nothing(
    sandbox: Sandbox, client: aiohttp.ClientSession, path: str, body: Any
) -> None:
    status, answer = await ask(sandbox, client, path, body)

    assert status == 404
    assert "not found" in answer["error"]
    assert (sandbox.books.entry(0).credits, sandbox.books.entry(0).outcome) == (0.0, "missing")


async def test_a_phone_is_found_by_profile_and_costs_ten(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    status, body = await ask(sandbox, client, PHONE, URL)

    assert (status, body["line_type"]) == (200, "mobile")
    assert body["phone"].startswith("+1")
    assert sandbox.books.entry(0).credits == 10.0


@pytest.mark.parametrize(
    ("email", "verified"),
    [
        ("nadia.onlybuiltin@brightwater.leadfall", True),
        ("nadia.onlynobody@brightwater.leadfall", False),
        ("anybody@opendoor.leadfall", False),
        ("a.b@stuckpost.leadfall", False),
    ],
)
async def test_a_verification_knows_only_yes_and_no_and_is_always_charged(
    sandbox: Sandbox, client: aiohttp.ClientSession, email: str, *, verified: bool
) -> None:
    status, body = await ask(sandbox, client, VERIFY, {"email": email})

    assert (200, verified) == (status, body["verified"])
    assert sandbox.books.entry(0).credits == 1.0


@pytest.mark.parametrize(
    ("key", "asked", "status"),
    [
        ("wrong", (NAME, FOUND), 401),
        ("", (NAME, FOUND), 401),
        ("sandbox-limited", (NAME, FOUND), 429),
        ("sandbox-empty", (NAME, FOUND), 402),
        ("sandbox", (NAME, {"name": "Nadia"}), 422),
        ("sandbox", (PROFILE, {}), 422),
        ("sandbox", (PHONE, {}), 422),
        ("sandbox", (VERIFY, {"email": "nadia"}), 422),
        ("sandbox", ("/search", FOUND), 404),
    ],
)
async def test_a_refusal_says_why_and_books_nothing(
    sandbox: Sandbox,
    client: aiohttp.ClientSession,
    key: str,
    asked: tuple[str, Any],
    status: int,
) -> None:
    actual, refused = await ask(sandbox, client, *asked, key)

    assert status == actual
    assert refused.keys() & {"message", "error"}
    assert len(sandbox.books) == 0


async def test_the_verifiers_empty_purse_is_a_200_with_an_error(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    answer = await ask(
        sandbox, client, VERIFY, {"email": "a@brightwater.leadfall"}, "sandbox-empty"
    )

    assert answer == (200, {"error": "Not enough credits"})
    assert len(sandbox.books) == 0


async def test_both_purses_are_shown(sandbox: Sandbox, client: aiohttp.ClientSession) -> None:
    await ask(sandbox, client, NAME, FOUND)
    url = sandbox.base_urls["findymail"] + "/credits"

    async with client.get(url, headers={"Authorization": "Bearer sandbox"}) as answer:
        assert await answer.json() == {"credits": 999_999, "verifier_credits": 999_999}
