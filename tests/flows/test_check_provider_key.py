"""What is read into each vendor's answer to the question whether a key works."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from providers.registry import all_providers
from service.edges.vendor_http import VendorHTTP
from service.flows.check_provider_key import KeyCheck, KeyState, check_key

Check = Callable[[str, int, Any], Awaitable[KeyCheck]]

WORKS, REJECTED = KeyState.WORKS, KeyState.REJECTED
EMPTY, UNREACHABLE = KeyState.OUT_OF_CREDIT, KeyState.UNREACHABLE
ASKED = sorted(slug for slug, each in all_providers().items() if each.key_check is not None)

CASES: list[tuple[str, int, Any, KeyState]] = [
    ("leadmagic", 200, {"credits": 9, "is_frozen": False, "credits_frozen": 0}, WORKS),
    ("leadmagic", 200, {"credits": 0, "credits_frozen": 5, "credits_liquid": 0}, EMPTY),
    ("icypeas", 200, {"success": True, "items": [{"status": "INSUFFICIENT_FUNDS"}]}, WORKS),
    ("hunter", 200, {"data": {"requests": {"searches": {"used": 5, "available": 3}}}}, WORKS),
    ("hunter", 200, {"data": {"requests": {"searches": {"used": 5, "available": 0}}}}, EMPTY),
    ("hunter", 403, {"errors": [{"id": "too_many_requests"}]}, UNREACHABLE),
    ("hunter", 429, {"errors": [{"id": "usage_exceeded"}]}, EMPTY),
    ("fullenrich", 200, {"workspace_id": "7d1f0000"}, WORKS),
    ("bettercontact", 200, {"success": True, "credits_left": 3, "email": "me@x.example"}, WORKS),
    ("bettercontact", 200, {"success": True, "credits_left": 0, "email": "me@x.example"}, EMPTY),
    ("enrow", 200, {"credits": 12.5, "webhooks": []}, WORKS),
    ("enrow", 200, {"credits": 0, "webhooks": []}, EMPTY),
    ("enrow", 422, {"message": "no credits"}, EMPTY),
    ("prospeo", 200, {"error": False, "response": {"remaining_credits": 1}}, WORKS),
    ("prospeo", 200, {"response": {"remaining_credits": 0, "used_credits": 9}}, EMPTY),
    ("prospeo", 400, {"error": True, "error_code": "INVALID_API_KEY"}, REJECTED),
    ("prospeo", 400, {"error": True, "error_code": "RATE_LIMITED"}, UNREACHABLE),
    ("findymail", 200, {"credits": 0, "verifier_credits": 7}, WORKS),
    ("findymail", 200, {"credits": 0, "verifier_credits": 0}, EMPTY),
    ("findymail", 423, {"message": "slow down"}, UNREACHABLE),
    ("dropcontact", 200, {"credits": 5}, WORKS),
    ("dropcontact", 400, {"error": True, "reason": "bad token"}, REJECTED),
    ("dropcontact", 403, {"error": True, "reason": "not enough credits"}, EMPTY),
    ("neverbounce", 200, {"status": "success", "credits_info": {"paid": 1}}, WORKS),
    (
        "neverbounce",
        200,
        {
            "status": "success",
            "credits_info": {"paid_credits_used": 9, "paid_credits_remaining": 0},
        },
        EMPTY,
    ),
    ("neverbounce", 200, {"status": "auth_failure", "message": "no such key"}, REJECTED),
    ("neverbounce", 200, {"status": "throttle_triggered"}, UNREACHABLE),
    ("zerobounce", 200, {"Credits": "2375323"}, WORKS),
    ("zerobounce", 200, {"Credits": "0"}, EMPTY),
    ("zerobounce", 403, "shield", UNREACHABLE),
    ("millionverifier", 200, {"credits": 90, "bulk_credits": 0}, WORKS),
    ("millionverifier", 200, {"error": "apikey not found"}, REJECTED),
    # What is missing where only the place of the balance is stated says nothing of the key.
    ("icypeas", 200, {"success": True, "total": 0}, WORKS),
    ("hunter", 200, {"data": {"email": "me@x.example", "plan_name": "Free"}}, WORKS),
    ("neverbounce", 200, {"status": "success", "job_counts": {"completed": 4}}, WORKS),
    ("dropcontact", 200, {"error": False, "success": True, "credits": 5, "plan": "x"}, WORKS),
    # A failure that is about the key, in an answer of another status than the vendor documents.
    ("bettercontact", 200, {"success": False, "message": "Invalid api key"}, REJECTED),
    ("dropcontact", 200, {"error": True, "success": False, "reason": "Token expired"}, REJECTED),
    ("fullenrich", 200, {"code": "error.api.key", "message": "no"}, REJECTED),
    ("hunter", 200, {"errors": [{"id": "authentication_failed"}]}, REJECTED),
    ("leadmagic", 200, {"error": "Unauthorized"}, REJECTED),
    ("enrow", 400, {"message": "Invalid API key"}, REJECTED),
    (
        *("zerobounce", 400),
        {"error": "Invalid API Key or your account ran out of credits"},
        REJECTED,
    ),
    ("zerobounce", 200, {"Credits": "-1"}, REJECTED),
    ("enrow", 400, {"message": "Invalid request"}, UNREACHABLE),
    # A failure that says nothing of the key.
    ("bettercontact", 200, {"success": False, "credits_left": 3, "message": "oops"}, UNREACHABLE),
    ("icypeas", 200, {"success": False, "validationErrors": [{"field": "mode"}]}, UNREACHABLE),
    ("icypeas", 200, {"success": False, "message": "user_not_found"}, UNREACHABLE),
    ("neverbounce", 200, {"status": "general_failure", "message": "suspended"}, UNREACHABLE),
    ("neverbounce", 200, {"status": "maintenance"}, UNREACHABLE),
    ("zerobounce", 200, {"error": "Service unavailable"}, UNREACHABLE),
    ("millionverifier", 200, {"error": "server busy"}, UNREACHABLE),
    ("findymail", 200, {"error": "Subscription paused"}, UNREACHABLE),
    ("prospeo", 200, {"error": True, "response": {"remaining_credits": 1}}, UNREACHABLE),
    ("prospeo", 200, {"error": True, "error_code": "INVALID_REQUEST"}, UNREACHABLE),
    ("enrow", 200, {"message": "Too many requests for this api key"}, UNREACHABLE),
]


@pytest.fixture
async def check() -> AsyncIterator[Check]:
    """A function that checks a key with a vendor that answers as the test says."""
    said: list[tuple[int, Any]] = []

    async def answer(request: web.Request) -> web.Response:
        status, body = said[-1]
        if isinstance(body, bytes):
            return web.Response(status=status, body=body)
        return web.json_response(body, status=status)

    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", answer)
    server = TestServer(application)
    await server.start_server()
    http = VendorHTTP()

    async def check_with(slug: str, status: int, body: Any) -> KeyCheck:
        said.append((status, body))
        base_url = str(server.make_url("/"))
        return await check_key(http, all_providers()[slug], "a-key", base_url, timeout_s=5)

    yield check_with
    await http.close()
    await server.close()


@pytest.mark.parametrize(("slug", "status", "body", "state"), CASES)
async def test_an_account_s_answer_is_understood(
    check: Check, slug: str, status: int, body: Any, state: KeyState
) -> None:
    """Each vendor's own way to say it comes to one of our states."""
    assert state is (await check(slug, status, body)).state


@pytest.mark.parametrize("slug", sorted({*ASKED} - {"zerobounce"}))
async def test_unauthorized_is_a_rejected_key(check: Check, slug: str) -> None:
    """At every vendor a 401 says so."""
    assert REJECTED is (await check(slug, 401, {"error": True, "message": "no"})).state


@pytest.mark.parametrize("slug", ASKED)
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"oops"),
        (503, {}),
        (404, b""),
        (302, b""),
        (200, b""),
        (200, b"<html>"),
        (200, b'{"data": '),
        (200, []),
        (200, {}),
        (200, {"message": "Welcome"}),
        (200, {"credits": None, "data": None, "success": None}),
    ],
)
async def test_an_answer_that_says_nothing_condemns_no_key(
    check: Check, slug: str, status: int, body: Any
) -> None:
    """A vendor that is broken, or a page in between, is no judgement on the key."""
    assert UNREACHABLE is (await check(slug, status, body)).state


async def test_a_stated_failure_is_told_apart_from_silence(check: Check) -> None:
    """The sentence says that the vendor refused the question, not that it is down."""
    found = await check("neverbounce", 200, {"status": "general_failure", "message": "suspended"})

    assert found.detail == (
        "NeverBounce could not say whether this key works: it answers with a failure."
    )


async def test_a_vendor_without_a_free_request_is_not_asked(check: Check) -> None:
    """The sentence says why the key was not checked."""
    found = await check("aleads", 500, b"")

    assert found.state is KeyState.NOT_CHECKABLE
    assert found.detail == (
        "A-Leads has no free request that tells whether a key works, so it was not checked."
    )
