"""LeadMagic as its adapter meets it: over the wire, with every answer it is known for."""

from typing import Any

import aiohttp
import phonenumbers
import pytest

from providers.sandbox.server import Sandbox

FIND = "/v1/people/email-finder"
VERIFY = "/v1/people/email-validation"
PHONE = "/v1/people/mobile-finder"
FOUND = {"first_name": "Nadia", "last_name": "Only-Leadmagic", "domain": "harborline.leadfall"}
MISSING = FOUND | {"last_name": "Only-Nobody"}


async def ask(
    sandbox: Sandbox,
    client: aiohttp.ClientSession,
    path: str,
    body: dict[str, str],
    key: str = "sandbox",
) -> tuple[int, Any]:
    url = sandbox.base_urls["leadmagic"] + path
    async with client.post(url, json=body, headers={"X-API-Key": key}) as answer:
        return answer.status, await answer.json()


async def test_a_known_person_is_found_with_facts_about_the_domain(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    status, body = await ask(sandbox, client, FIND, FOUND)

    assert (status, body["status"], body["credits_consumed"]) == (200, "valid", 1)
    assert "nadia.onlyleadmagic" in body["email"]
    assert body["mx_security_gateway"]


async def test_a_company_stands_for_its_domain(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    named = {
        "full_name": "Nadia Only-Leadmagic",
        "company_name": "Harborline Insurance",
    }

    _, body = await ask(sandbox, client, FIND, named)

    assert body["email"].endswith("@harborline.leadfall")


async def test_an_unknown_person_is_a_null_that_costs_nothing(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    status, body = await ask(sandbox, client, FIND, MISSING)

    assert (status, body["email"], body["credits_consumed"]) == (200, None, 0)


@pytest.mark.parametrize(
    ("key", "asked", "status"),
    [
        ("wrong", (FIND, FOUND), 401),
        ("", (FIND, FOUND), 401),
        ("sandbox-limited", (FIND, FOUND), 429),
        ("sandbox-empty", (FIND, FOUND), 402),
        ("sandbox", (FIND, {"first_name": "Nadia"}), 400),
        ("sandbox", (VERIFY, {"email": "@"}), 400),
        ("sandbox", (PHONE, {"first_name": "Nadia"}), 400),
        ("sandbox", ("/email-finder", FOUND), 404),
    ],
)
async def test_a_refusal_is_a_list_of_errors_and_books_nothing(
    sandbox: Sandbox,
    client: aiohttp.ClientSession,
    key: str,
    asked: tuple[str, dict[str, str]],
    status: int,
) -> None:
    actual, refused = await ask(sandbox, client, *asked, key)

    assert status == actual
    assert (False, status) == (refused["success"], refused["errors"][0]["status"])
    assert refused["meta"]["request_id"]
    assert len(sandbox.books) == 0


async def test_a_throttled_answer_says_when_to_come_back(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    url = sandbox.base_urls["leadmagic"] + FIND

    async with client.post(url, json=FOUND, headers={"X-API-Key": "sandbox-limited"}) as answer:
        assert answer.headers["Retry-After"] == "1"


async def test_a_body_that_is_not_json_is_400(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    url = sandbox.base_urls["leadmagic"] + FIND

    async with client.post(url, data=b"{", headers={"X-API-Key": "sandbox"}) as answer:
        assert answer.status == 400


@pytest.mark.parametrize(
    ("email", "verdict", "charge"),
    [
        ("nadia.onlybuiltin@brightwater.leadfall", ("valid", False), 0.25),
        ("nadia.onlynobody@brightwater.leadfall", ("invalid", False), 0.25),
        ("anybody@quillstone.leadfall", ("unknown", True), 0.0),
        ("a.b@darkdns.leadfall", ("unknown", False), 0.0),
    ],
)
async def test_validation_costs_a_quarter_when_it_decides(
    sandbox: Sandbox,
    client: aiohttp.ClientSession,
    email: str,
    verdict: tuple[str, bool],
    charge: float,
) -> None:
    _, body = await ask(sandbox, client, VERIFY, {"email": email})

    assert verdict == (body["email_status"], body["is_domain_catch_all"])
    assert charge == body["credits_consumed"] == sandbox.books.entry(0).credits


async def test_a_phone_is_found_by_profile_and_is_a_possible_number(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    profile = "https://www.linkedin.com/in/nadia-onlyleadmagic-kestrel-labs/"

    _, body = await ask(sandbox, client, PHONE, {"profile_url": profile})

    assert body["credits_consumed"] == 5
    assert phonenumbers.is_valid_number(phonenumbers.parse(body["mobile_number"]))


async def test_a_profile_of_another_shape_is_known_to_nobody(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    _, body = await ask(sandbox, client, PHONE, {"profile_url": "https://example.com/nadia"})

    assert (body["mobile_number"], body["credits_consumed"]) == (None, 0)


async def test_credits_go_down_by_what_was_charged(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    await ask(sandbox, client, FIND, FOUND)
    url = sandbox.base_urls["leadmagic"] + "/v1/credits"

    async with client.get(url, headers={"X-API-Key": "sandbox"}) as answer:
        assert (await answer.json())["credits"] == 999_999
