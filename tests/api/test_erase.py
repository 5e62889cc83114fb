"""Erasing people over the API, and what is refused of them afterwards."""

from typing import Any

import pytest
from cryptography.fernet import Fernet

from service.domain.kinds import Face
from tests.api.conftest import OpenStage
from tests.api.stage import Stage, people

ERASE = "/v1/leads/erase"
KEYS = {"secret_keys": Fernet.generate_key().decode()}


async def test_people_are_erased_by_lead_and_by_address(open_stage: OpenStage) -> None:
    """The answer counts what was removed; open lookups are refunded, results lack the row."""
    stage = await open_stage(**KEYS)
    ids = await stage.add_leads(
        [{**lead, "email": f"{n}@e.example"} for n, lead in enumerate(people(3))]
    )
    _, accepted = await stage.sendkit({"leadIds": ids, "enrichmentTypes": ["phoneEnrichment"]})
    job_id = accepted["data"]["jobs"][0]["jobId"]

    status, body = await stage.post(ERASE, {"leadIds": [ids[0].upper()], "emails": ["1@E.example"]})

    assert (status, body) == (
        200,
        {
            "success": True,
            "data": {
                "leads": 2,
                "lookups": 2,
                "creditsRefunded": 40,
                "events": 0,
                "deliveries": 0,
                "cachedAnswers": 0,
                "hasMore": False,
            },
        },
    )
    _, results = await stage.get(f"/v1/enrichment/jobs/{job_id}/results", Face.SENDKIT)
    assert [row["leadId"] for row in results["data"]] == [ids[2]]
    assert results["pagination"]["total"] == 1
    trace, _ = await stage.get(f"/v1/enrichment/jobs/{job_id}/leads/{ids[0]}", Face.SENDKIT)
    assert trace == 404


async def test_a_repeated_request_names_the_erased_no_more(open_stage: OpenStage) -> None:
    """Those it left out are named without them; how many leads it asked for stays."""
    stage = await open_stage(**KEYS)
    ids = await stage.add_leads(people(3))
    await stage.sendkit({"leadIds": ids[:2], "enrichmentTypes": ["phoneEnrichment"]})
    body = {"leadIds": ids, "enrichmentTypes": ["phoneEnrichment"]}
    _, before = await stage.sendkit(body, Idempotency_Key="k")

    await stage.post(ERASE, {"leadIds": [ids[0]]})
    status, after = await stage.sendkit(body, Idempotency_Key="k")

    assert (status, before["data"]["skippedLeadIds"]) == (200, ids[:2])
    assert after["data"]["skippedLeadIds"] == [ids[1]]
    assert after["data"]["totalLeads"] == 3


async def test_whom_nobody_knows_is_suppressed_all_the_same(open_stage: OpenStage) -> None:
    """Erasing an address of nobody counts nothing, and it cannot be created or imported then."""
    stage = await open_stage(**KEYS)
    lead = {"email": "Ada@x.example", "firstName": "Ada"}

    status, erased = await stage.post(ERASE, {"emails": ["ada@x.example"]})
    refused, error = await stage.post("/v1/leads", lead)
    _, bulk = await stage.post("/v1/leads/bulk", {"leads": [lead, {"email": "bo@x.example"}]})

    assert (status, set(erased["data"].values())) == (200, {0})
    assert (refused, error["error"]["code"]) == (409, "PERSON_SUPPRESSED")
    data = bulk["data"]
    assert (data["imported"], data["failed"]) == (1, 1)
    assert data["errors"][0]["error"] == "This person must not be kept or looked up"


async def test_the_other_face_s_import_reports_them_too(open_stage: OpenStage) -> None:
    """A row of an erased person is listed by its place and reason."""
    stage = await open_stage(**KEYS)
    await stage.post(ERASE, {"emails": ["ada@x.example"]})
    path = f"/api/v1/public/lead-lists/{stage.tenant.people_list}/import/"

    key = {"X-API-Key": stage.tenant.seleqt_key.text}
    body = [{"email": "ada@x.example"}, {"email": "bo@x.example"}]
    async with stage.client.post(path, json=body, headers=key) as answer:
        report = await answer.json()

    assert (report["imported_count"], report["failed_count"]) == (1, 1)
    assert report["errors"][0]["error"] == "this person must not be kept or looked up"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "leadIds or emails must name somebody"),
        ({"leadIds": ["x"]}, "leadIds.0 must be a lead's id: 24 hex digits"),
        ({"emails": ["nobody"]}, "emails.0 must be an e-mail address"),
        ({"emails": "a@x.example"}, "emails must be an array"),
        ({"leadIds": ["a" * 24] * 101}, "leadIds must have at most 100 entries"),
        ({"all": True}, "all is not a known field"),
    ],
)
async def test_a_bad_erasure_is_refused(open_stage: OpenStage, body: Any, said: str) -> None:
    """The sentence names what is wrong."""
    stage = await open_stage(**KEYS)

    status, answer = await stage.post(ERASE, body)

    assert (status, answer["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert said in answer["error"]["message"]


async def test_ids_are_taken_under_either_name(open_stage: OpenStage) -> None:
    """As every body does, an erasure takes a field under its name with an underscore as well."""
    stage = await open_stage(**KEYS)
    (lead_id,) = await stage.add_leads(people(1))

    status, answer = await stage.post(ERASE, {"lead_ids": [lead_id]})

    assert (status, answer["data"]["leads"]) == (200, 1)


async def test_without_keys_the_operator_is_named(stage: Stage) -> None:
    """A server that cannot keep a suppression erases nobody."""
    (lead_id,) = await stage.add_leads(people(1))

    status, body = await stage.post(ERASE, {"leadIds": [lead_id]})

    assert (status, body["error"]["code"]) == (503, "SUPPRESSIONS_UNREADABLE")
    assert "LEADFALL_SECRET_KEYS" in body["error"]["message"]
    assert len(await stage.fetch("select 1 from leads")) == 1


async def test_a_domain_is_one_in_unicode_and_in_ascii(open_stage: OpenStage) -> None:
    """Whichever spelling a lead came with, and whichever one is asked for, the lead is erased."""
    stage = await open_stage(**KEYS)
    path = f"/api/v1/public/lead-lists/{stage.tenant.people_list}/import/"
    rows = [
        {"email": "ada@m\u00fcller.example"},
        {"email": "bo@xn--mller-kva.example"},
        {"email": "cy@M\u00dcLLER.example"},
    ]
    key = {"X-API-Key": stage.tenant.seleqt_key.text}
    async with stage.client.post(path, json=rows, headers=key) as answer:
        assert (await answer.json())["imported_count"] == 3

    _, erased = await stage.post(
        ERASE,
        {
            "emails": [
                "ada@xn--mller-kva.example",
                "bo@m\u00fcller.example",
                "cy@xn--mller-kva.example",
            ]
        },
    )

    assert erased["data"]["leads"] == 3
    assert await stage.fetch("select 1 from leads") == []
