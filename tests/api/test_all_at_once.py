"""Validation names every bad field of a request in one answer, on both faces."""

from typing import Any

import pytest
from cryptography.fernet import Fernet

from service.domain.kinds import Face
from tests.api.conftest import OpenStage
from tests.api.sendkit_calls import call
from tests.api.stage import Stage

LIST = "/api/v1/public/lead-lists/{list_id}"

Bad = tuple[str, str, Any, dict[str, str], set[str]]

SELEQT: list[Bad] = [
    (
        "POST",
        f"{LIST}/enrichment/",
        {
            "enrichment_type": "FAX",
            "prospect_limit": 99_999,
            "webhook_url": "http://a.example/",
            "filters": {"age": "1", "job_title": 5},
            "metadata": {"k": "x" * 5_000},
            "sort_field": "age",
            "x": 1,
        },
        {},
        {"enrichment_type", "prospect_limit", "webhook_url", "filters.age", "filters.job_title",
         "metadata", "sort_field", "x"},
    ),
    (
        "POST",
        "/api/v1/public/prospects/search/",
        {"page": 0, "filters": {"age": "1"}, "sort_direction": "up"},
        {},
        {"page", "filters.age", "sort_direction"},
    ),
    ("POST", "/api/v1/public/lead-lists/", {"search_type": "X", "y": 1}, {},
     {"name", "search_type", "y"}),
    ("POST", "/api/v1/public/lead-lists/", {"name": " ", "search_type": "X"}, {},
     {"name must", "search_type"}),
    ("POST", f"{LIST}/add-leads/", {"prospect_ids": "x", "company_ids": "y", "z": 1}, {},
     {"prospect_ids must", "company_ids must", "z is not"}),
    (
        "GET",
        f"{LIST}/leads/",
        None,
        {"page": "0", "page_size": "x", "filters": '{"age": 1}', "sort_field": "age",
         "sort_direction": "up", "z": "1"},
        {"page must", "page_size must", "filters.age", "sort_field", "sort_direction", "z is not"},
    ),
    ("GET", f"{LIST}/enrichment/count/", None,
     {"enrichment_type": "X", "filters": '{"age": 1}', "z": "1"},
     {"enrichment_type", "filters.age", "z is not"}),
    ("GET", f"{LIST}/enrichment/none/results/", None,
     {"cursor": "?", "page_size": "x", "z": "1"}, {"cursor", "page_size", "z is not"}),
    ("GET", "/api/v1/public/lead-lists/", None,
     {"page": "0", "page_size": "x", "z": "1"}, {"page must", "page_size must", "z is not"}),
]  # fmt: skip

SENDKIT: list[Bad] = [
    (
        "POST",
        "/v1/enrichment/enrich",
        {
            "enrichmentTypes": ["fax"],
            "webhookUrl": "http://a.example/",
            "metadata": {"k": "x" * 5_000},
            "emailProvider": "nobody",
            "phoneProvider": "leadmagic",
            "phoneEnrichmentProvider": "enrow",
            "x": 1,
        },
        {},
        {"leadIds", "enrichmentTypes.0", "webhookUrl", "metadata", "emailProvider",
         "phoneEnrichmentProvider", "x"},
    ),
    ("POST", "/v1/leads/search",
     {"filters": {"age": 1, "search": "a b c d e f g h i j k"}, "cursor": "?", "limit": "5"}, {},
     {"filters.age", "filters.search", "cursor", "limit"}),
    ("DELETE", "/v1/leads",
     {"leadIds": ["x", "y"], "deleteAll": "yes", "filters": {"age": 1}}, {},
     {"leadIds", "leadIds.0", "leadIds.1", "deleteAll", "filters.age"}),
    ("POST", "/v1/leads/erase", {"leadIds": ["x"], "emails": ["y", "z"], "age": 1}, {},
     {"leadIds.0", "emails.0", "emails.1", "age"}),
    ("PUT", "/v1/enrichment-settings/hunter", {"apiKey": "a b", "z": 1}, {}, {"apiKey", "z"}),
    ("PATCH", "/v1/enrichment-settings",
     {"providers": [{"provider": "nobody", "priority": -1}, {"provider": "none"}], "z": 1}, {},
     {"providers.0.provider", "providers.0.priority", "providers.1.provider", "z"}),
    ("POST", "/v1/webhooks",
     {"url": "http://a.example/", "events": ["none"], "secret": "x", "timeoutMs": 1, "x": 1}, {},
     {"name", "url", "events", "secret", "timeoutMs", "x"}),
    ("GET", "/v1/leads", None,
     {"hasPhone": "1", "limit": "101", "cursor": "?", "search": "x" * 201, "z": "1"},
     {"hasPhone", "limit", "cursor", "search", "z"}),
    ("GET", "/v1/enrichment/jobs", None,
     {"cursor": "?", "limit": "0", "status": "x", "type": "y", "z": "1"},
     {"cursor", "limit", "status", "type", "z"}),
    ("GET", "/v1/enrichment/jobs/none/results", None,
     {"cursor": "?", "limit": "0", "outcome": "x", "z": "1"}, {"cursor", "limit", "outcome", "z"}),
    ("GET", "/v1/credits/ledger", None,
     {"cursor": "?", "limit": "0", "kind": "x", "from": "y", "to": "y", "jobId": "", "z": "1"},
     {"cursor", "limit", "kind", "from", "to", "jobId", "z"}),
    ("GET", "/v1/credits/usage", None, {"from": "x", "to": "y", "z": "1"}, {"from", "to", "z"}),
    ("GET", "/v1/webhooks", None, {"cursor": "?", "limit": "0", "z": "1"},
     {"cursor", "limit", "z"}),
    ("GET", "/v1/workspaces", None, {"cursor": "?", "limit": "0", "z": "1"},
     {"cursor", "limit", "z"}),
    ("GET", "/v1/webhooks/000000000000000000000000/deliveries", None,
     {"cursor": "?", "limit": "0", "state": "x", "type": "y", "since": "x", "until": "y",
      "z": "1"},
     {"cursor", "limit", "state", "type", "since", "until", "z"}),
]  # fmt: skip


@pytest.mark.parametrize("bad", SELEQT, ids=lambda bad: bad[1])
async def test_seleqt_names_all(stage: Stage, bad: Bad) -> None:
    """The flat text names each field that is wrong."""
    method, path, body, query, named = bad
    before = await stage.count_rows()

    async with stage.client.request(
        method,
        path.format(list_id=stage.tenant.people_list),
        json=body,
        params=query,
        headers={"X-API-Key": stage.tenant.seleqt_key.text},
    ) as answer:
        said = await answer.json()

    assert (answer.status, set(said)) == (400, {"error"})
    assert {name for name in named if name not in said["error"]} == set()
    assert said["error"].count("; ") >= len(named) - 1
    assert await stage.count_rows() == before


@pytest.mark.parametrize("bad", SENDKIT, ids=lambda bad: bad[1])
async def test_sendkit_names_all(open_stage: OpenStage, bad: Bad) -> None:
    """The details hold a sentence for each field that is wrong, by its path."""
    stage = await open_stage(secret_keys=Fernet.generate_key().decode())
    method, path, body, query, named = bad
    before = await stage.count_rows()

    status, answer = await call(stage, method, path, body, **query)

    assert (status, answer["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert set(answer["error"]["details"]["fields"]) == named
    assert await stage.count_rows() == before


async def test_a_replay_names_all(open_stage: OpenStage) -> None:
    """A moment that is none does not wait until the rest is right."""
    stage = await open_stage(secret_keys=Fernet.generate_key().decode())
    wanted = {"name": "x", "url": "https://hooks.example/", "events": ["*"]}
    _, made = await call(stage, "POST", "/v1/webhooks", wanted)

    _, answer = await call(
        stage, "POST", f"/v1/webhooks/{made['data']['_id']}/replay", {"since": "noon", "z": 1}
    )

    assert set(answer["error"]["details"]["fields"]) == {"since", "z"}


async def test_an_empty_name_is_told_as_such(open_stage: OpenStage) -> None:
    """What it must have is said in the answer, and not only on another page."""
    stage = await open_stage(secret_keys=Fernet.generate_key().decode())

    _, answer = await call(stage, "POST", "/v1/webhooks", {"name": ""})

    said = answer["error"]["details"]["fields"]["name"]
    assert said == "name must not be empty"


@pytest.mark.parametrize("face", list(Face))
async def test_a_long_list_of_problems_is_cut(stage: Stage, face: Face) -> None:
    """A body full of unknown fields is answered with the first twenty."""
    body = {f"field{number}": 1 for number in range(500)}

    status, answer = await (stage.seleqt(body) if face is Face.SELEQT else stage.sendkit(body))

    assert status == 400
    assert str(answer).count("is not a known field") <= 2 * 20


async def test_a_long_list_of_bad_ids_is_cut(stage: Stage) -> None:
    """However many entries are bad, the first twenty are named."""
    _, answer = await call(stage, "DELETE", "/v1/leads", {"leadIds": ["x"] * 10_000})

    named = answer["error"]["details"]["fields"]
    assert list(named) == [f"leadIds.{place}" for place in range(20)]
    assert len(answer["error"]["message"]) < 2_000


async def test_a_bad_header_is_named_beside_the_body(stage: Stage) -> None:
    """An Idempotency-Key that is none does not wait until the body is right."""
    bad = {"mode": "later"}

    _, seleqt = await stage.seleqt(bad, Idempotency_Key="")
    _, sendkit = await stage.sendkit(bad, Idempotency_Key="")

    assert "mode must be" in seleqt["error"]
    assert "Idempotency-Key must be" in seleqt["error"]
    assert set(sendkit["error"]["details"]["fields"]) == {
        "leadIds",
        "enrichmentTypes",
        "mode",
        "Idempotency-Key",
    }
