"""Prospeo as its adapter meets it: over the wire, with every answer it is known for."""

from typing import Any

import aiohttp
import phonenumbers
import pytest

from providers.sandbox.server import Sandbox

PERSON = {
    "first_name": "Nadia",
    "last_name": "Only-Prospeo",
    "company_website": "brightwater.leadfall",
}
FOUND = {"only_verified_email": True, "data": PERSON}
MISSING = {"only_verified_email": True, "data": PERSON | {"last_name": "Only-Nobody"}}
PHONE = {"enrich_mobile": True, "only_verified_mobile": True, "data": PERSON}


async def ask(
    sandbox: Sandbox,
    client: aiohttp.ClientSession,
    body: Any,
    key: str = "sandbox",
    path: str = "/enrich-person",
) -> tuple[int, Any]:
    url = sandbox.base_urls["prospeo"] + path
    async with client.post(url, json=body, headers={"X-KEY": key}) as answer:
        return answer.status, await answer.json()


async def test_a_known_person_is_found_with_a_verified_address(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    status, body = await ask(sandbox, client, FOUND)

    assert (status, body["error"], body["free_enrichment"]) == (200, False, False)
    assert (body["person"]["email"]["status"], body["person"]["email"]["revealed"]) == (
        "VERIFIED",
        True,
    )
    assert "nadia.onlyprospeo" in body["person"]["email"]["email"]
    assert sandbox.books.entry(0).credits == 1.0


async def test_a_profile_names_a_person_as_well(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    url = "https://www.linkedin.com/in/nadia-onlyprospeo-brightwater"

    _, body = await ask(sandbox, client, {"data": {"linkedin_url": url}})

    assert "nadia.onlyprospeo" in body["person"]["email"]["email"]


async def test_an_address_that_cannot_be_verified_is_told_only_when_it_may_be(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    person = PERSON | {"company_website": "opendoor.leadfall"}

    _, refused = await ask(sandbox, client, {"only_verified_email": True, "data": person})
    _, told = await ask(sandbox, client, {"data": person})

    assert refused["error_code"] == "NO_MATCH"
    assert told["person"]["email"]["status"] == "UNVERIFIED"


async def test_a_repeat_is_free_and_says_so(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    await ask(sandbox, client, FOUND)

    _, body = await ask(sandbox, client, FOUND)

    assert body["free_enrichment"]
    assert [entry.credits for entry in sandbox.books.entries()] == [1.0, 0.0]


async def test_a_person_nobody_knows_is_an_error_that_costs_nothing(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    status, body = await ask(sandbox, client, MISSING)

    assert (status, body) == (400, {"error": True, "error_code": "NO_MATCH"})
    assert (sandbox.books.entry(0).credits, sandbox.books.entry(0).outcome) == (0.0, "missing")


async def test_a_mobile_number_is_a_possible_one_and_costs_ten(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    _, body = await ask(sandbox, client, PHONE)

    mobile = body["person"]["mobile"]
    number = phonenumbers.parse(mobile["mobile_international"])
    assert phonenumbers.is_possible_number(number)
    assert mobile["mobile"] == phonenumbers.format_number(
        number, phonenumbers.PhoneNumberFormat.E164
    )
    assert sandbox.books.entry(0).credits == 10.0


@pytest.mark.parametrize(
    ("key", "body", "said"),
    [
        ("wrong", FOUND, (401, "INVALID_API_KEY")),
        ("", FOUND, (401, "INVALID_API_KEY")),
        ("sandbox-limited", FOUND, (429, "RATE_LIMITED")),
        ("sandbox-empty", FOUND, (400, "INSUFFICIENT_CREDITS")),
        ("sandbox", {"data": {"first_name": "Nadia"}}, (400, "INVALID_DATAPOINTS")),
        ("sandbox", {"only_verified_email": True}, (400, "INVALID_REQUEST")),
        ("sandbox", ["data"], (400, "INVALID_REQUEST")),
    ],
)
async def test_a_refusal_is_an_error_code_and_books_nothing(
    sandbox: Sandbox, client: aiohttp.ClientSession, key: str, body: Any, said: tuple[int, str]
) -> None:
    status, refused = await ask(sandbox, client, body, key)

    assert said == (status, refused["error_code"])
    assert refused["error"]
    assert len(sandbox.books) == 0


async def test_a_throttled_answer_says_when_the_minute_is_over(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    url = sandbox.base_urls["prospeo"] + "/enrich-person"

    async with client.post(url, json=FOUND, headers={"X-KEY": "sandbox-limited"}) as answer:
        assert answer.headers["x-minute-request-left"] == "0"
        assert answer.headers["x-minute-reset-seconds"] == "1"


async def test_an_old_route_is_gone(sandbox: Sandbox, client: aiohttp.ClientSession) -> None:
    assert (await ask(sandbox, client, FOUND, path="/email-finder"))[0] == 404


async def test_the_account_shows_what_is_left(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    await ask(sandbox, client, FOUND)
    url = sandbox.base_urls["prospeo"] + "/account-information"

    async with client.get(url, headers={"X-KEY": "sandbox"}) as answer:
        body = await answer.json()

    assert body["response"]["remaining_credits"] == 999_999
    assert body["response"]["used_credits"] == 1
