"""Requests that cannot be understood: they say what to change and leave nothing behind."""

import asyncio
import json
from typing import Any

import pytest

from service.domain.kinds import Face
from tests.api.conftest import OpenStage
from tests.api.stage import Stage, people

OBJECT_ID = "507f1f77bcf86cd799439011"

BAD_SELEQT: list[tuple[Any, list[str]]] = [
    (b"{", ["not valid JSON", "line 1"]),
    (b"[]", ["must be a JSON object"]),
    (b"null", ["must be a JSON object"]),
    (b'"text"', ["must be a JSON object"]),
    (b'{"mode": NaN}', ["not valid JSON"]),
    (b'{"mode": "\\ud800"}', ["not valid JSON"]),
    (b'{"mode": "\xff"}', ["not valid JSON"]),
    (b"[" * 5_000, ["not valid JSON"]),
    ({"mode": "fast"}, ["mode must be sync or async"]),
    ({"mode": 1}, ["mode must be sync or async"]),
    ({"prospect_limit": -5}, ["prospect_limit must be at least 0"]),
    ({"prospect_limit": "100"}, ["prospect_limit must be an integer"]),
    ({"prospect_limit": 1.5}, ["prospect_limit must be an integer"]),
    ({"prospect_limit": True}, ["prospect_limit must be an integer"]),
    ({"prospect_limit": 10_001}, ["prospect_limit must be at most 10000", "several requests"]),
    (b'{"prospect_limit": 1' + b"0" * 30 + b"}", ["prospect_limit must be at most 10000"]),
    ({"prospect_limit": 10**400}, ["not valid JSON"]),
    ({"mode": "sync", "prospect_limit": 1_001}, ["at most 1000 in sync mode", "use mode async"]),
    ({"mode": "sync", "webhook_url": "https://a.example/"}, ["webhook_url is for mode async only"]),
    ({"webhook_url": 5}, ["webhook_url must be a string"]),
    ({"webhook_url": ""}, ["webhook_url is not allowed"]),
    ({"webhook_url": "http://a.example/"}, ["does not begin with https://"]),
    ({"webhook_url": "https://127.0.0.1/"}, ["address instead", "LEADFALL_EGRESS__ALLOW"]),
    ({"webhook_url": "https://localhost/"}, ["private name"]),
    ({"webhook_url": "https://u:p@a.example/"}, ["user name or password"]),
    ({"webhook_url": "https://a.example/" + "x" * 2_048}, ["longer than 2048"]),
    ({"filters": []}, ["filters must be an object"]),
    ({"filters": {"shoe_size": "44"}}, ["filters.shoe_size is not a known filter", "job_title"]),
    ({"filters": {"years_experience": "5-10"}}, ["filters.years_experience", "no such data"]),
    ({"filters": {"job_title": 5}}, ["filters.job_title must be a string or an array"]),
    ({"filters": {"job_title": [["a"]]}}, ["filters.job_title must be a string or an array"]),
    ({"filters": {"job_title": {"not": "a"}}}, ["filters.job_title.not is not known"]),
    ({"filters": {"job_title": "a", "current_title": "b"}}, ["same column"]),
    ({"filters": {"job_title": ["a"] * 101}}, ["at most 100 values"]),
    ({"filters": {"job_title": "a" * 201}}, ["at most 200 characters"]),
    ({"filters": {"job_title": "a\0b"}}, ["filters.job_title contains a NUL character"]),
    ({"sort_field": "email; drop table leads"}, ["sort_field must be id", "created_at"]),
    ({"sort_direction": "up"}, ["sort_direction must be asc or desc"]),
    ({"limit": 5}, ["limit is not a known field", "prospect_limit"]),
    (
        {"mode": "x", "sort_direction": "y", "z": 1},
        ["mode must", "sort_direction must", "z is not"],
    ),
]

BAD_SENDKIT: list[tuple[Any, list[str]]] = [
    (b"", ["leadIds is required", "enrichmentTypes is required"]),
    (b"{", ["not valid JSON"]),
    ({"leadIds": [], "enrichmentTypes": ["email"]}, ["leadIds must not be empty"]),
    ({"leadIds": [OBJECT_ID], "enrichmentTypes": []}, ["enrichmentTypes must not be empty"]),
    ({"leadIds": OBJECT_ID, "enrichmentTypes": ["email"]}, ["leadIds must be an array"]),
    ({"leadIds": [5], "enrichmentTypes": ["email"]}, ["leadIds.0 must be a string"]),
    ({"leadIds": ["a\0"], "enrichmentTypes": ["email"]}, ["leadIds contains a NUL character"]),
    (
        {"leadIds": [OBJECT_ID], "enrichmentTypes": ["fax"]},
        ["enrichmentTypes.0 must be email, phoneEnrichment, segGateway or espDetection"],
    ),
    (
        {"leadIds": [f"{n:024x}" for n in range(10_001)], "enrichmentTypes": ["email"]},
        ["leadIds must have at most 10000 leads"],
    ),
    (
        {"leadIds": [OBJECT_ID], "enrichmentTypes": ["email"], "lead_ids": []},
        ["lead_ids is not a known field", "leadIds"],
    ),
    (
        {"leadIds": [OBJECT_ID], "enrichmentTypes": ["email"], "emailProvider": "nobody"},
        ["emailProvider is not a known provider. Use one of: enrich", "hunter"],
    ),
    (
        {"leadIds": [OBJECT_ID], "enrichmentTypes": ["email"], "emailProvider": ["enrich"]},
        ["emailProvider must be a string"],
    ),
    (
        {
            "leadIds": [OBJECT_ID],
            "enrichmentTypes": ["phoneEnrichment"],
            "phoneProvider": "enrich",
            "phoneEnrichmentProvider": "leadmagic",
        },
        ["different values; send one"],
    ),
]


@pytest.mark.parametrize(("body", "said"), BAD_SELEQT)
async def test_a_bad_seleqt_body(stage: Stage, body: Any, said: list[str]) -> None:
    """Every bad field is named in one flat error, and nothing is written."""
    await stage.add_leads(people(1))
    before = await stage.count_rows()

    status, answer = await stage.seleqt(body)

    assert status == 400
    assert set(answer) <= {"error", "message"}
    text = " ".join(answer.values())
    assert [part for part in said if part not in text] == []
    assert await stage.count_rows() == before


@pytest.mark.parametrize(("body", "said"), BAD_SENDKIT)
async def test_a_bad_sendkit_body(stage: Stage, body: Any, said: list[str]) -> None:
    """Every bad field is named in SendKit's envelope, and nothing is written."""
    before = await stage.count_rows()

    status, answer = await stage.sendkit(body)

    assert status == 400
    assert answer["success"] is False
    assert answer["error"]["code"] == "VALIDATION_ERROR"
    assert [part for part in said if part not in answer["error"]["message"]] == []
    assert await stage.count_rows() == before


@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"],
)
async def test_another_media_type(stage: Stage, media_type: str) -> None:
    """A body that is not JSON by its header is a 415 in each face's shape."""
    raw = b'{"mode": "async"}'

    seleqt_status, seleqt = await stage.seleqt(raw, Content_Type=media_type)
    sendkit_status, sendkit = await stage.sendkit(raw, Content_Type=media_type)

    assert (seleqt_status, sendkit_status) == (415, 415)
    assert "Content-Type: application/json" in seleqt["message"]
    assert sendkit["error"]["code"] == "UNSUPPORTED_MEDIA_TYPE"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_huge_body(open_stage: OpenStage, *, chunked: bool) -> None:
    """A body above the bound is a 413 that names the bound, announced or not."""
    stage = await open_stage(limits={"body_bytes_max": 2_048})
    huge = json.dumps({"filters": {"job_title": "x" * 4_000}}).encode()

    async def pieces() -> Any:
        yield huge[:1_000]
        yield huge[1_000:]

    async with stage.client.post(
        f"/api/v1/public/lead-lists/{stage.tenant.people_list}/enrichment/",
        data=pieces() if chunked else huge,
        headers={
            "X-API-Key": stage.tenant.seleqt_key.text,
            "Content-Type": "application/json",
        },
    ) as answer:
        body = await answer.json()

    assert answer.status == 413
    assert body == {"error": "Request body too large", "message": "Send at most 2048 bytes"}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "NOT_FOUND"),
        ("GET", "/nothing", 404, "NOT_FOUND"),
        ("GET", "/v1/enrichment/enrich", 405, "METHOD_NOT_ALLOWED"),
        ("PATCH", "/v1/enrichment/enrich", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/v1/leads/bulk", 405, "METHOD_NOT_ALLOWED"),
        ("PATCH", "/v1/leads/search", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/v1/leads/erase", 405, "METHOD_NOT_ALLOWED"),
    ],
)
async def test_an_unknown_sendkit_route(
    stage: Stage, method: str, path: str, status: int, code: str
) -> None:
    """Unknown paths and methods are answered in the envelope too."""
    async with stage.client.request(method, path) as answer:
        body = await answer.json()

    assert answer.status == status
    assert body["error"]["code"] == code


async def test_a_byte_order_mark_before_the_json(stage: Stage) -> None:
    """Some programs write one; it says nothing and is passed over."""
    status, body = await stage.seleqt(b'\xef\xbb\xbf{"prospect_limit": 1}')

    assert (status, body["success"]) == (200, True)


async def test_an_unknown_seleqt_route(stage: Stage) -> None:
    """Unknown paths and methods are answered flat, with the methods there are."""
    async with stage.client.get("/api/v1/public/nothing/") as answer:
        assert answer.status == 404
        assert (await answer.json())["error"] == "Not found"
    async with stage.client.delete("/api/v1/public/lead-lists/1/enrichment/") as answer:
        assert answer.status == 405
        assert answer.headers["Allow"] == "POST"
        assert (await answer.json())["message"] == "Use POST"


@pytest.mark.parametrize(
    ("tail", "query", "said"),
    [
        ("leads/", {"page": "0"}, "page must be an integer of at least 1 and at most 1000"),
        ("leads/", {"page": "9" * 12}, "page must be an integer of at least 1 and at most 1000"),
        ("leads/", {"page_size": "0"}, "page_size must be an integer of at least 1"),
        ("leads/", {"page": "x"}, "page must be an integer"),
        ("leads/", {"page": "9" * 30}, "page must be an integer"),
        ("leads/", {"page_size": "-1"}, "page_size must be an integer"),
        (
            "leads/",
            {"size": "1"},
            "size is not a known parameter; known are cursor, filters, page",
        ),
        ("leads/", [("page", "1"), ("page", "2")], "page is given more than once"),
        ("enrichment/count/", {"filters": "{"}, "filters must be a JSON object"),
        ("enrichment/count/", {"filters": "[]"}, "filters must be a JSON object"),
        ("enrichment/count/", {"filters": '{"x":1}'}, "filters.x is not a known filter"),
        ("enrichment/count/", {"filters": '{"job_title":"\\u0000"}'}, "NUL character"),
        ("enrichment/count/", {"enrichment_type": "X"}, "enrichment_type must be FIND_EMAIL,"),
        ("enrichment/x/results/", {"cursor": "!"}, "cursor is not valid"),
        ("enrichment/x/results/", {"cursor": "AAAA"}, "cursor is not valid"),
        ("enrichment/x/results/", {"cursor": "__________8"}, "cursor is not valid"),
    ],
)
async def test_a_bad_query(stage: Stage, tail: str, query: Any, said: str) -> None:
    """Parameters are read as strictly as bodies."""
    path = f"/api/v1/public/lead-lists/{stage.tenant.people_list}/{tail}"
    headers = {"X-API-Key": stage.tenant.seleqt_key.text}

    async with stage.client.get(path, params=query, headers=headers) as answer:
        body = await answer.json()

    assert answer.status == 400
    assert said in body["error"]


async def test_a_limit_above_the_bound_on_sendkit(stage: Stage) -> None:
    """SendKit's limit is 1 to 100, as its pages say."""
    status, body = await stage.get("/v1/enrichment/jobs/x/results", Face.SENDKIT, limit=101)

    assert status == 400
    assert body["error"]["message"] == "limit must be at most 100"


@pytest.mark.parametrize("face", [Face.SELEQT, Face.SENDKIT])
async def test_a_lost_database_is_not_told_in_detail(stage: Stage, face: Face) -> None:
    """When the database is gone, callers are told to come again, without internals."""
    await stage.pool.close()

    status, body = await stage.get("/v1/x" if face is Face.SENDKIT else "/api/v1/x", face)
    assert status == 404
    status, body = await (
        stage.seleqt({}) if face is Face.SELEQT else stage.sendkit({"leadIds": ["x"]})
    )

    assert status == 503
    assert "could not finish" in str(body["error"])
    assert "pool" not in str(body)


async def test_a_fault_of_ours_shows_only_the_request_id(stage: Stage) -> None:
    """An unexpected error is a 500 that carries the id under which the log has it."""
    await stage.fetch("alter table list_leads rename to gone")

    status, body = await stage.seleqt({}, X_Request_Id="req-77")

    assert status == 500
    assert body == {
        "error": "Internal error",
        "message": "Tell the operator this request id: req-77",
    }


async def test_a_body_that_stops_half_way_holds_no_connection(stage: Stage) -> None:
    """Clients that send slowly wait without any connection of the pool."""
    writers = []
    port = stage.client.port
    head = (
        f"POST /v1/enrichment/enrich HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
        f"X-Api-Key: {stage.tenant.sendkit_key.text}\r\nContent-Type: application/json\r\n\r\n{{"
    )
    for _ in range(12):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.encode())
        await writer.drain()
        writers.append(writer)

    async with asyncio.timeout(5):
        await stage.get_seleqt("leads/")

    for writer in writers:
        writer.close()
        await writer.wait_closed()
