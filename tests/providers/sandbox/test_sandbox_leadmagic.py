"""LeadMagic as its adapter meets it: over the wire, with every answer it is known for."""

import asyncio
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


async def submit(
    sandbox: Sandbox, client: aiohttp.ClientSession, body: object, key: str = "sandbox"
) -> tuple[int, Any]:
    url = sandbox.base_urls["leadmagic"] + "/bulk/submit"
    async with client.post(url, json=body, headers={"X-API-Key": key}) as answer:
        return answer.status, await answer.json()


async def results(
    sandbox: Sandbox, client: aiohttp.ClientSession, job: str, key: str = "sandbox"
) -> tuple[int, Any]:
    url = f"{sandbox.base_urls['leadmagic']}/bulk/jobs/{job}/results?limit=100"
    async with client.get(url, headers={"X-API-Key": key}) as answer:
        return answer.status, await answer.json()


async def test_each_row_of_a_job_has_the_answer_it_would_have_by_itself(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    asked = [MISSING, FOUND, {"first_name": "Nadia"}]

    _, job = await submit(sandbox, client, {"product": "email_finder", "rows": asked})
    async with asyncio.timeout(5):
        rows = [{"status": "pending"}]
        while any(row["status"] == "pending" for row in rows):
            _, body = await results(sandbox, client, job["job_id"])
            rows = body["rows"]

    assert asked == [row["lm_input"] for row in rows]
    assert [row["status"] for row in rows] == ["success", "success", "failed"]
    assert [row["lm_output"]["credits_consumed"] for row in rows[:2]] == [0, 1]
    assert rows[2]["error"]["code"] == "validation_error"
    entries = sandbox.books.entries()
    assert [(entry.outcome, entry.credits, entry.delivered) for entry in entries] == [
        ("missing", 0.0, True),
        ("found", 1.0, True),
    ]
    assert all(entry.ready_at_s is not None for entry in entries)


async def test_a_job_that_is_not_ready_shows_none_of_its_results(
    slow_sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    _, job = await submit(slow_sandbox, client, {"product": "email_finder", "rows": [FOUND]})

    _, body = await results(slow_sandbox, client, job["job_id"])

    assert [(row["status"], row["lm_output"]) for row in body["rows"]] == [("pending", None)]
    assert not slow_sandbox.books.entry(0).delivered


@pytest.mark.parametrize(
    ("body", "key", "status"),
    [
        ({"product": "email_finder", "rows": []}, "sandbox", 400),
        ({"product": "email_finder", "rows": ["Nadia"]}, "sandbox", 400),
        ({"product": "astrology", "rows": [FOUND]}, "sandbox", 400),
        ([FOUND], "sandbox", 400),
        ({"product": "email_finder", "rows": [FOUND]}, "sandbox-empty", 402),
        ({"product": "email_finder", "rows": [FOUND]}, "sandbox-limited", 429),
    ],
)
async def test_a_job_that_is_refused_books_nothing(
    sandbox: Sandbox, client: aiohttp.ClientSession, body: object, key: str, status: int
) -> None:
    actual, refused = await submit(sandbox, client, body, key)

    assert (actual, refused["success"]) == (status, False)
    assert len(sandbox.books) == 0


async def test_another_keys_job_is_unknown(sandbox: Sandbox, client: aiohttp.ClientSession) -> None:
    _, job = await submit(sandbox, client, {"product": "email_finder", "rows": [FOUND]})

    status, _ = await results(sandbox, client, job["job_id"], "sandbox-user-b")

    assert status == 404
