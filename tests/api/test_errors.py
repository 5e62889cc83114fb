"""Errors of both faces: in the face's shape, traceable by their request id, without internals."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from service.domain.kinds import Face
from tests.api.conftest import OpenStage
from tests.api.stage import Stage, people

LIST = "/api/v1/public/lead-lists/{list_id}"
ENRICH = "/v1/enrichment/enrich"
INTERNALS = ("asyncpg", "postgres", "relation", "select ", "Traceback", ".py", "Error:", "None")
Prepare = Callable[[Stage], Awaitable[object]]


async def nothing(_stage: Stage) -> None:
    """Leave the stage as it is."""


async def lose_tables(stage: Stage) -> None:
    """Make what reads lists or jobs fail in a way that nobody foresaw."""
    await stage.fetch("alter table list_leads rename to gone")
    await stage.fetch("alter table jobs rename to gone_too")


async def lose_the_database(stage: Stage) -> None:
    """Close the pool once the keys are known."""
    await spend_one(stage)
    await stage.pool.close()


async def use_the_key(stage: Stage) -> None:
    """Send another body under the same Idempotency-Key."""
    ids = [row["public_id"] for row in await stage.fetch("select public_id from leads")]
    await stage.seleqt({"prospect_limit": 1}, Idempotency_Key="k")
    await stage.sendkit({"leadIds": ids, "enrichmentTypes": ["segGateway"]}, Idempotency_Key="k")


async def spend_one(stage: Stage) -> None:
    """Send one request with each key."""
    await stage.get("/api/v1/api-keys/", Face.SELEQT)
    await stage.get("/v1/credits", Face.SENDKIT)


SEND_LESS = {"limits": {"body_bytes_max": 2_048}}
ONE_A_MINUTE = {"limits": {"requests_per_minute": 1, "sendkit_requests_per_minute": 1}}
HUGE = b'{"x": "' + b"x" * 4_000 + b'"}'
TEXT = {"Content-Type": "text/plain"}
KEY = {"Idempotency-Key": "k"}
NO_KEY = {"X-Api-Key": ""}

# Method, path, body, headers beyond the key, settings, what happened before, then the status.
Case = tuple[str, str, Any, dict[str, str], dict[str, Any], Prepare, int]

SELEQT: list[Case] = [
    ("POST", f"{LIST}/enrichment/", b"{", {}, {}, nothing, 400),
    ("POST", f"{LIST}/enrichment/", b'{"mode": "x"}', {}, {}, nothing, 400),
    ("POST", f"{LIST}/enrichment/", b"{}", {}, {}, nothing, 400),
    ("POST", f"{LIST}/enrichment/", b"{}", NO_KEY, {}, nothing, 401),
    ("POST", f"{LIST}/enrichment/", b"{}", {"X-Api-Key": "a.b"}, {}, nothing, 401),
    ("GET", "/api/v1/public/lead-lists/987654/", None, {}, {}, nothing, 404),
    ("GET", f"{LIST}/enrichment/none/results/", None, {}, {}, nothing, 404),
    ("GET", "/api/v1/public/none/", None, {}, {}, nothing, 404),
    ("DELETE", f"{LIST}/", None, {}, {}, nothing, 405),
    ("POST", f"{LIST}/enrichment/", HUGE, {}, SEND_LESS, nothing, 413),
    ("POST", f"{LIST}/enrichment/", b"{}", TEXT, {}, nothing, 415),
    ("POST", f"{LIST}/enrichment/", b"{}", KEY, {}, use_the_key, 422),
    ("GET", f"{LIST}/leads/", None, {}, ONE_A_MINUTE, spend_one, 429),
    ("GET", f"{LIST}/leads/", None, {}, {}, lose_tables, 500),
    ("GET", f"{LIST}/leads/", None, {}, {}, lose_the_database, 503),
]

SENDKIT: list[tuple[Case, str]] = [
    (("POST", ENRICH, b"{", {}, {}, nothing, 400), "VALIDATION_ERROR"),
    (("POST", ENRICH, b"{}", {}, {}, nothing, 400), "VALIDATION_ERROR"),
    (("POST", ENRICH, b"{}", NO_KEY, {}, nothing, 401), "UNAUTHORIZED"),
    (("POST", ENRICH, b"{}", {"X-Api-Key": "sk_0"}, {}, nothing, 401), "UNAUTHORIZED"),
    (("POST", ENRICH, "ids", {}, {}, nothing, 402), "INSUFFICIENT_CREDITS"),
    (("GET", "/v1/account", None, {}, {}, nothing, 403), "FORBIDDEN"),
    (("GET", "/v1/enrichment/jobs/none", None, {}, {}, nothing, 404), "NOT_FOUND"),
    (("GET", "/v1/none", None, {}, {}, nothing, 404), "NOT_FOUND"),
    (("PUT", ENRICH, b"{}", {}, {}, nothing, 405), "METHOD_NOT_ALLOWED"),
    (("POST", ENRICH, HUGE, {}, SEND_LESS, nothing, 413), "PAYLOAD_TOO_LARGE"),
    (("POST", ENRICH, b"{}", TEXT, {}, nothing, 415), "UNSUPPORTED_MEDIA_TYPE"),
    (("POST", ENRICH, "ids", KEY, {}, use_the_key, 422), "IDEMPOTENCY_KEY_REUSED"),
    (("GET", "/v1/credits", None, {}, ONE_A_MINUTE, spend_one, 429), "RATE_LIMITED"),
    (("GET", "/v1/enrichment/jobs", None, {}, {}, lose_tables, 500), "INTERNAL_ERROR"),
    (("GET", "/v1/credits", None, {}, {}, lose_the_database, 503), "UNAVAILABLE"),
]


async def provoke(open_stage: OpenStage, case: Case, number: int) -> tuple[Any, list[Any], str]:
    """Send a bad request under an id; return its answer, the lines it left, and the id."""
    method, path, body, headers, settings, prepare, status = case
    stage = await open_stage(3, **settings)
    ids = await stage.add_leads(people(2))
    await prepare(stage)
    asked = {"leadIds": ids, "enrichmentTypes": ["phoneEnrichment"]}
    key = stage.tenant.seleqt_key if path.startswith("/api/") else stage.tenant.sendkit_key
    request_id = f"req-{number}"
    given = {"X-Api-Key": key.text, "X-Request-Id": request_id, **headers}
    url = path.format(list_id=stage.tenant.people_list)
    with capture_logs() as lines:
        async with stage.client.request(
            method,
            url,
            data=body if isinstance(body, bytes) else None,
            json=asked if body == "ids" else None,
            headers={"Content-Type": "application/json"} | {k: v for k, v in given.items() if v},
        ) as answer:
            shown = await answer.json()
    assert (answer.status, answer.headers["X-Request-Id"]) == (status, request_id)
    return shown, lines, request_id


@pytest.mark.parametrize("number", range(len(SELEQT)))
async def test_seleqts_errors(open_stage: OpenStage, number: int) -> None:
    """They are flat: what was wrong, and what to do where that is not said by it."""
    shown, lines, request_id = await provoke(open_stage, SELEQT[number], number)

    assert "error" in shown
    assert set(shown) <= {"error", "message", "success"}
    assert all(isinstance(text, str) for name, text in shown.items() if name != "success")
    assert [part for part in INTERNALS if part in str(shown.values())] == []
    assert [line["request_id"] for line in lines if line["event"] == "request.finished"] == [
        request_id
    ]


@pytest.mark.parametrize("number", range(len(SENDKIT)))
async def test_sendkits_errors(open_stage: OpenStage, number: int) -> None:
    """They are nested, with a code that stays, and a sentence for people."""
    case, code = SENDKIT[number]

    shown, lines, request_id = await provoke(open_stage, case, number)

    assert (shown["success"], shown["error"]["code"]) == (False, code)
    assert set(shown) == {"success", "error"}
    assert set(shown["error"]) <= {"code", "message", "details"}
    assert [part for part in INTERNALS if part in shown["error"]["message"]] == []
    assert [line["request_id"] for line in lines if line["event"] == "request.finished"] == [
        request_id
    ]


async def test_success_carries_a_request_id_too(stage: Stage) -> None:
    """Each answer has one, its caller's or ours."""
    headers = {"X-API-Key": stage.tenant.seleqt_key.text}

    async with stage.client.get("/api/v1/api-keys/", headers=headers) as answer:
        assert answer.status == 200
        assert len(answer.headers["X-Request-Id"]) == 32
