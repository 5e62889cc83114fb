"""The vendors that only verify, as their adapters meet them: keys in the query, failures as 200.

The key of a batch is in its body.
"""

from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest

from providers.sandbox.server import Sandbox, start_sandbox

VALID = "nadia.onlybuiltin@brightwater.leadfall"
INVALID = "nadia.onlynobody@brightwater.leadfall"
CATCH_ALL = "anybody@opendoor.leadfall"
UNKNOWN = "a.b@stuckpost.leadfall"

CHECKS = {
    "neverbounce": ("/single/check", "key", {}),
    "zerobounce": ("/validate", "api_key", {"ip_address": ""}),
    "millionverifier": ("/", "api", {}),
}
ACCOUNTS = {
    "neverbounce": ("/account/info", "key"),
    "zerobounce": ("/getcredits", "api_key"),
    "millionverifier": ("/credits", "api"),
}


async def ask(
    sandbox: Sandbox, client: aiohttp.ClientSession, slug: str, path: str, query: Mapping[str, str]
) -> tuple[int, Any]:
    async with client.get(sandbox.base_urls[slug] + path, params=query) as answer:
        return answer.status, await answer.json()


async def check(
    sandbox: Sandbox,
    client: aiohttp.ClientSession,
    slug: str,
    email: str,
    key: str = "sandbox",
) -> tuple[int, Any]:
    path, name, fixed = CHECKS[slug]
    return await ask(sandbox, client, slug, path, {name: key, "email": email, **fixed})


@pytest.mark.parametrize(
    ("asked", "said", "charge"),
    [
        (("neverbounce", VALID), {"status": "success", "result": "valid"}, 1.0),
        (("neverbounce", INVALID), {"status": "success", "result": "invalid"}, 1.0),
        (("neverbounce", CATCH_ALL), {"status": "success", "result": "catchall"}, 1.0),
        (("neverbounce", UNKNOWN), {"status": "success", "result": "unknown"}, 1.0),
        (("zerobounce", VALID), {"address": VALID, "status": "valid", "sub_status": ""}, 1.0),
        (("zerobounce", INVALID), {"status": "invalid", "sub_status": "mailbox_not_found"}, 1.0),
        (("zerobounce", CATCH_ALL), {"status": "catch-all", "catchall_domain": True}, 1.0),
        (("zerobounce", UNKNOWN), {"status": "unknown"}, 0.0),
        (("zerobounce", "nadia"), {"status": "invalid", "sub_status": "failed_syntax_check"}, 1.0),
        (("millionverifier", VALID), {"email": VALID, "result": "ok", "resultcode": 1}, 1.0),
        (("millionverifier", INVALID), {"result": "invalid", "resultcode": 6, "error": ""}, 1.0),
        (("millionverifier", CATCH_ALL), {"result": "catch_all", "resultcode": 2}, 0.0),
        (("millionverifier", UNKNOWN), {"result": "unknown", "resultcode": 3}, 0.0),
    ],
)
async def test_a_check_says_what_is_true_and_charges_as_documented(
    sandbox: Sandbox,
    client: aiohttp.ClientSession,
    asked: tuple[str, str],
    said: Mapping[str, Any],
    charge: float,
) -> None:
    status, body = await check(sandbox, client, *asked)

    assert status == 200
    assert said.items() <= body.items()
    assert charge == sandbox.books.entry(0).credits


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        (("neverbounce", VALID, "wrong"), 200, {"status": "auth_failure"}),
        (("neverbounce", VALID, ""), 200, {"status": "auth_failure"}),
        (("neverbounce", VALID, "sandbox-limited"), 200, {"status": "throttle_triggered"}),
        (("neverbounce", VALID, "sandbox-empty"), 200, {"message": "Insufficient credits"}),
        (("zerobounce", VALID, "wrong"), 400, {}),
        (("zerobounce", VALID, ""), 200, {"error": "Missing parameter: api_key."}),
        (("zerobounce", VALID, "sandbox-limited"), 429, {}),
        (("zerobounce", VALID, "sandbox-empty"), 200, {}),
        (("millionverifier", VALID, "wrong"), 200, {"error": "Invalid API key", "result": ""}),
        (("millionverifier", VALID, ""), 200, {"error": "No API key specified"}),
        (("millionverifier", VALID, "sandbox-limited"), 429, {}),
        (("millionverifier", VALID, "sandbox-empty"), 200, {"error": "Insufficient credits"}),
    ],
)
async def test_a_refusal_is_told_in_the_body_and_books_nothing(
    sandbox: Sandbox,
    client: aiohttp.ClientSession,
    asked: tuple[str, str, str],
    status: int,
    said: Mapping[str, Any],
) -> None:
    actual, body = await check(sandbox, client, *asked)

    assert status == actual
    assert said.items() <= body.items()
    assert len(sandbox.books) == 0


async def test_zerobounce_has_one_sentence_for_a_wrong_key_and_an_empty_account(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    _, wrong = await check(sandbox, client, "zerobounce", VALID, "wrong")
    _, empty = await check(sandbox, client, "zerobounce", VALID, "sandbox-empty")

    assert wrong == empty


@pytest.mark.parametrize(
    ("slug", "more", "status"),
    [
        ("neverbounce", {"email": ""}, 200),
        ("zerobounce", {"email": ""}, 400),
        ("millionverifier", {"email": ""}, 200),
        ("millionverifier", {"timeout": "61"}, 200),
    ],
)
async def test_a_check_that_lacks_something_is_refused(
    sandbox: Sandbox,
    client: aiohttp.ClientSession,
    slug: str,
    more: Mapping[str, str],
    status: int,
) -> None:
    path, name, fixed = CHECKS[slug]
    query = {name: "sandbox", "email": VALID, **fixed, **more}

    actual, body = await ask(sandbox, client, slug, path, query)

    assert status == actual
    assert body.get("error") or body.get("message")
    assert len(sandbox.books) == 0


async def test_zerobounce_wants_the_parameter_that_may_be_empty(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    query = {"api_key": "sandbox", "email": VALID}

    assert (await ask(sandbox, client, "zerobounce", "/validate", query))[0] == 400


@pytest.mark.parametrize("slug", CHECKS)
async def test_a_path_that_is_not_there_is_a_404(
    sandbox: Sandbox, client: aiohttp.ClientSession, slug: str
) -> None:
    assert (await ask(sandbox, client, slug, "/elsewhere", {}))[0] == 404


@pytest.mark.parametrize(
    ("slug", "said"),
    [
        ("neverbounce", {"status": "success"}),
        ("zerobounce", {"Credits": "1000000"}),
        ("millionverifier", {"credits": 1_000_000}),
    ],
)
async def test_the_account_is_shown_free_of_charge(
    sandbox: Sandbox, client: aiohttp.ClientSession, slug: str, said: Mapping[str, Any]
) -> None:
    path, name = ACCOUNTS[slug]

    status, body = await ask(sandbox, client, slug, path, {name: "sandbox"})

    assert status == 200
    assert said.items() <= body.items()
    assert len(sandbox.books) == 0


async def check_batch(
    sandbox: Sandbox, client: aiohttp.ClientSession, batch: Any, key: str = "sandbox"
) -> tuple[int, Any]:
    url = sandbox.base_urls["zerobounce"] + "/validatebatch"
    async with client.post(url, json={"api_key": key, "email_batch": batch}) as answer:
        return answer.status, await answer.json()


def batch_of(*emails: str) -> list[dict[str, str]]:
    return [{"email_address": email, "ip_address": ""} for email in emails]


async def test_a_batch_at_zerobounce_is_checked_and_charged_one_by_one(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    batch = batch_of(UNKNOWN, VALID, "", INVALID)

    status, body = await check_batch(sandbox, client, batch)

    assert status == 200
    told = [(each["address"], each["status"]) for each in body["email_batch"]]
    assert told == [(UNKNOWN, "unknown"), (VALID, "valid"), (INVALID, "invalid")]
    assert [each["email_address"] for each in body["errors"]] == ["unknown"]
    assert [entry.credits for entry in sandbox.books.entries()] == [0.0, 1.0, 1.0]


@pytest.mark.parametrize("key", ["wrong", "", "sandbox-empty"])
async def test_a_batch_without_a_key_or_credit_fails_for_all(
    sandbox: Sandbox, client: aiohttp.ClientSession, key: str
) -> None:
    status, body = await check_batch(sandbox, client, batch_of(VALID), key)

    (failure,) = body["errors"]
    assert (status, body["email_batch"], failure["email_address"]) == (200, [], "all")
    assert "ran out of credits" in failure["error"]
    assert len(sandbox.books) == 0


@pytest.mark.parametrize("batch", [None, [], "nadia", batch_of(*[VALID] * 101)])
async def test_a_batch_of_none_or_too_many_is_refused(
    sandbox: Sandbox, client: aiohttp.ClientSession, batch: Any
) -> None:
    status, _ = await check_batch(sandbox, client, batch)

    assert (status, len(sandbox.books)) == (400, 0)


async def test_of_batches_five_a_minute_pass_and_of_single_checks_more(
    client: aiohttp.ClientSession,
) -> None:
    sandbox = await start_sandbox(time_scale=1.0, answer_after_s=0.0)

    batches = [await check_batch(sandbox, client, batch_of(VALID)) for _ in range(6)]
    single = await check(sandbox, client, "zerobounce", VALID)
    await sandbox.stop()

    assert [status for status, _ in [*batches, single]] == [200] * 5 + [429, 200]
