"""The vendors that only verify, as their adapters meet them: keys in the query, failures as 200."""

from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest

from providers.sandbox.server import Sandbox

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
