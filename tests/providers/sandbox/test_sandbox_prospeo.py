"""Prospeo as its adapter meets it: over the wire, with every answer it is known for."""

from typing import Any

import aiohttp
import phonenumbers
import pytest

from providers.sandbox.server import Sandbox, start_sandbox

PERSON = {
    "first_name": "Nadia",
    "last_name": "Only-Prospeo",
    "company_website": "brightwater.leadfall",
}
FOUND: dict[str, Any] = {"only_verified_email": True, "data": PERSON}
MISSING: dict[str, Any] = {
    "only_verified_email": True,
    "data": PERSON | {"last_name": "Only-Nobody"},
}
PHONE = {"enrich_mobile": True, "only_verified_mobile": True, "data": PERSON}


BULK = "/bulk-enrich-person"
KNOWN = PERSON | {"identifier": "1"}
UNKNOWN = MISSING["data"] | {"identifier": "2"}
NAMELESS = {"identifier": "3", "first_name": "Nadia"}


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


async def test_a_bulk_tells_of_each_person_and_books_each_that_is_named(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    again = KNOWN | {"identifier": "4"}
    body = {"only_verified_email": True, "data": [NAMELESS, UNKNOWN, KNOWN, again]}

    status, told = await ask(sandbox, client, body, path=BULK)

    assert (status, told["error"], told["total_cost"]) == (200, False, 1)
    assert (told["not_matched"], told["invalid_datapoints"]) == (["2"], ["3"])
    assert [each["identifier"] for each in told["matched"]] == ["1", "4"]
    assert [each["free_enrichment"] for each in told["matched"]] == [False, True]
    assert "nadia.onlyprospeo" in told["matched"][0]["person"]["email"]["email"]
    entries = [(entry.reference, entry.credits) for entry in sandbox.books.entries()]
    assert entries == [("2", 0.0), ("1", 1.0), ("4", 0.0)]


async def test_a_bulk_asks_for_mobile_numbers_as_well(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    _, told = await ask(sandbox, client, PHONE | {"data": [KNOWN]}, path=BULK)

    assert told["matched"][0]["person"]["mobile"]["mobile_international"].startswith("+1 ")
    assert (told["total_cost"], sandbox.books.entry(0).credits) == (10, 10.0)


@pytest.mark.parametrize(
    ("key", "data", "said"),
    [
        ("wrong", [KNOWN], (401, "INVALID_API_KEY")),
        ("sandbox-limited", [KNOWN], (429, "RATE_LIMITED")),
        ("sandbox-empty", [KNOWN], (400, "INSUFFICIENT_CREDITS")),
        ("sandbox", [], (400, "INVALID_REQUEST")),
        ("sandbox", KNOWN, (400, "INVALID_REQUEST")),
        ("sandbox", [PERSON], (400, "INVALID_REQUEST")),
        ("sandbox", [KNOWN, KNOWN], (400, "INVALID_REQUEST")),
        ("sandbox", [KNOWN | {"identifier": "1.2"}], (400, "INVALID_REQUEST")),
        (
            "sandbox",
            [KNOWN | {"identifier": f"{number}"} for number in range(51)],
            (400, "INVALID_REQUEST"),
        ),
    ],
)
async def test_a_bulk_that_is_refused_books_nothing(
    sandbox: Sandbox, client: aiohttp.ClientSession, key: str, data: Any, said: tuple[int, str]
) -> None:
    status, refused = await ask(sandbox, client, {"data": data}, key, BULK)

    assert said == (status, refused["error_code"])
    assert len(sandbox.books) == 0


async def test_each_record_of_a_bulk_counts_as_a_request_of_the_minute(
    client: aiohttp.ClientSession,
) -> None:
    """Six bulks of fifty are a minute's three hundred; a few more records pass as time goes by."""
    sandbox = await start_sandbox(time_scale=0.2, answer_after_s=0.04)
    data = [KNOWN | {"identifier": f"{number}"} for number in range(50)]

    told = [await ask(sandbox, client, {"data": data}, path=BULK) for _ in range(8)]
    await sandbox.stop()

    assert [status for status, _ in told[:6]] == [200] * 6
    assert (429, "RATE_LIMITED") in [(status, body.get("error_code")) for status, body in told[6:]]


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
