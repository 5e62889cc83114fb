"""Enriching on the SendKit face."""

import re
from typing import Any

import pytest

from service.domain.kinds import Face
from tests.api.conftest import OpenStage
from tests.api.stage import Stage, add_tenant, found, missing, people


def with_email(count: int) -> list[dict[str, str]]:
    """Return leads with an address to verify."""
    return [{**lead, "email": f"{lead['first_name']}@x.example"} for lead in people(count)]


async def test_the_page_s_example_answers_as_shown(stage: Stage) -> None:
    """One job for each type, its credits charged, in the page's envelope."""
    ids = await stage.add_leads(with_email(2))

    status, body = await stage.sendkit(
        {"leadIds": ids, "enrichmentTypes": ["email", "phoneEnrichment", "segGateway"]}
    )

    assert status == 200
    job_ids = [job.pop("jobId") for job in body["data"]["jobs"]]
    assert body == {
        "success": True,
        "data": {
            "jobs": [
                {
                    "type": "email_verification",
                    "status": "pending",
                    "totalItems": 2,
                    "creditsUsed": 2,
                },
                {
                    "type": "phone_enrichment",
                    "status": "pending",
                    "totalItems": 2,
                    "creditsUsed": 40,
                },
                {"type": "seg_gateway", "status": "pending", "totalItems": 2, "creditsUsed": 0},
            ],
            "totalLeads": 2,
            "totalCreditsCharged": 42,
            "creditsRefunded": 0,
            "remainingCredits": 958,
            "skippedLeadIds": [],
        },
    }
    assert re.fullmatch(r"bulk_email_verification_\d{13}_[0-9a-z]{7}", job_ids[0])
    assert len(stage.rings) == 1
    charges = await stage.fetch("select amount from ledger where kind = 'charge' order by amount")
    assert [row["amount"] for row in charges] == [-40, -2]


async def test_esp_detection_is_free(open_stage: OpenStage) -> None:
    """Free types run with a balance of zero and make no ledger entry."""
    stage = await open_stage(0)
    ids = await stage.add_leads(with_email(1))

    status, body = await stage.sendkit(
        {"leadIds": ids, "enrichmentTypes": ["espDetection", "segGateway"]}
    )

    assert status == 200
    assert [job["type"] for job in body["data"]["jobs"]] == ["esp_detection", "seg_gateway"]
    assert await stage.fetch("select 1 from ledger") == []


async def test_too_few_credits_leave_nothing_behind(open_stage: OpenStage) -> None:
    """The whole request is refused with what it needs, and nothing is written."""
    stage = await open_stage(10)
    ids = await stage.add_leads(with_email(5))
    before = await stage.count_rows()

    status, body = await stage.sendkit(
        {"leadIds": ids, "enrichmentTypes": ["email", "phoneEnrichment"]}, Idempotency_Key="k"
    )

    assert status == 402
    assert body == {
        "success": False,
        "error": {
            "code": "INSUFFICIENT_CREDITS",
            "message": "Insufficient credits",
            "details": {
                "required": 105,
                "available": 10,
                "leads": 5,
                "enrichmentTypes": ["email", "phoneEnrichment"],
            },
        },
    }
    assert await stage.count_rows() == before
    assert await stage.balance() == 10


@pytest.mark.parametrize(
    ("parameter", "purpose", "types"),
    [
        ("phoneProvider", "Phone", ["phoneEnrichment"]),
        ("phoneEnrichmentProvider", "Phone", ["phoneEnrichment"]),
        ("emailProvider", "Email", ["email"]),
        ("emailVerificationProvider", "Email", ["email"]),
    ],
)
async def test_an_external_provider_needs_its_own_key(
    stage: Stage, parameter: str, purpose: str, types: list[str]
) -> None:
    """Without a key of the workspace's own, the page's sentence says where to add one."""
    ids = await stage.add_leads(with_email(1))
    before = await stage.count_rows()

    status, body = await stage.sendkit(
        {"leadIds": ids, "enrichmentTypes": types, parameter: "leadmagic"}
    )

    assert status == 400
    assert body == {
        "success": False,
        "error": {
            "code": "PROVIDER_NOT_CONFIGURED",
            "message": f'{purpose} provider "leadmagic" is not configured. '
            "Add your API key via PUT /v1/enrichment-settings/leadmagic",
        },
    }
    assert await stage.count_rows() == before


@pytest.mark.parametrize("provider", ["enrich", "sendkit", "Enrich"])
async def test_the_built_in_provider_by_name(stage: Stage, provider: str) -> None:
    """The built-in provider may be named by either of its names, at its price."""
    ids = await stage.add_leads(with_email(1))

    status, body = await stage.sendkit(
        {
            "leadIds": ids,
            "enrichmentTypes": ["email", "phoneEnrichment"],
            "emailProvider": provider,
            "phoneProvider": provider,
        }
    )

    assert status == 200
    assert body["data"]["totalCreditsCharged"] == 21


async def test_a_provider_that_lacks_the_capability(stage: Stage) -> None:
    """A provider that cannot do it is refused with those that can."""
    ids = await stage.add_leads(with_email(1))

    status, body = await stage.sendkit(
        {"leadIds": ids, "enrichmentTypes": ["phoneEnrichment"], "phoneProvider": "hunter"}
    )

    assert status == 400
    assert body["error"]["code"] == "PROVIDER_LACKS_CAPABILITY"
    assert body["error"]["message"].startswith('Phone provider "hunter" cannot do this. Use one of')
    assert {"enrich", "leadmagic", "fullenrich"} <= set(
        re.findall(r"[a-z]+", body["error"]["message"])
    )


async def test_a_type_without_a_provider(open_stage: OpenStage) -> None:
    """A type nobody on this server can do is refused before any charge."""
    stage = await open_stage(providers={})
    ids = await stage.add_leads(with_email(1))
    before = await stage.count_rows()

    status, body = await stage.sendkit(
        {"leadIds": ids, "enrichmentTypes": ["email", "phoneEnrichment"]}
    )

    assert status == 400
    assert body["error"]["code"] == "NO_PROVIDER_AVAILABLE"
    assert "LEADFALL_PROVIDERS__FULLENRICH__API_KEY" in body["error"]["message"]
    assert await stage.count_rows() == before


async def test_leads_and_types_given_twice_are_priced_once(stage: Stage) -> None:
    """Duplicates, also in another case, are one lead."""
    (lead_id,) = await stage.add_leads(with_email(1))

    _, body = await stage.sendkit(
        {"leadIds": [lead_id, lead_id.upper(), lead_id], "enrichmentTypes": ["email", "email"]}
    )

    assert body["data"]["totalLeads"] == 1
    assert body["data"]["totalCreditsCharged"] == 1


async def test_unknown_malformed_and_foreign_leads_are_named(stage: Stage) -> None:
    """One wrong id refuses the request, names every wrong one and charges nothing."""
    (known,) = await stage.add_leads(with_email(1))
    other = await add_tenant(stage.pool, "Other", 0)
    rows = await stage.fetch(
        "insert into leads (workspace_id, first_name) values ($1, 'Foreign') returning public_id",
        other.id,
    )
    wrong = ["f" * 24, "not-an-id", rows[0]["public_id"]]
    before = await stage.count_rows()

    status, body = await stage.sendkit({"leadIds": [known, *wrong], "enrichmentTypes": ["email"]})

    assert status == 404
    assert body["error"]["code"] == "NOT_FOUND"
    assert body["error"]["details"] == {"leadIds": wrong, "count": 3}
    assert await stage.count_rows() == before


async def test_leads_with_an_open_lookup_are_skipped(stage: Stage) -> None:
    """A lead that is being looked up is left out, uncharged and named."""
    first, second = await stage.add_leads(with_email(2))
    await stage.sendkit({"leadIds": [first], "enrichmentTypes": ["email"]})

    status, body = await stage.sendkit(
        {"leadIds": [first, second], "enrichmentTypes": ["email", "segGateway"]}
    )

    assert status == 200
    assert [job["totalItems"] for job in body["data"]["jobs"]] == [1, 2]
    assert body["data"]["totalCreditsCharged"] == 1
    assert body["data"]["skippedLeadIds"] == [first]


async def test_a_job_of_skipped_leads_alone_is_completed_at_once(stage: Stage) -> None:
    """Its acceptance says what its page says; the request's leads and the job's are two counts."""
    (lead_id,) = await stage.add_leads(with_email(1))
    await stage.sendkit({"leadIds": [lead_id], "enrichmentTypes": ["email"]})

    _, body = await stage.sendkit({"leadIds": [lead_id], "enrichmentTypes": ["email"]})
    (job,) = body["data"]["jobs"]
    _, shown = await stage.get(f"/v1/enrichment/jobs/{job['jobId']}", Face.SENDKIT)

    assert (job["status"], job["totalItems"]) == ("completed", 0)
    assert shown["data"]["status"] == "completed"
    assert shown["data"]["metadata"]["totalItems"] == 0
    assert (body["data"]["totalLeads"], shown["data"]["totalLeads"]) == (1, 0)


async def test_a_job_is_shown_as_on_its_page(stage: Stage) -> None:
    """The job's page counts what was done; times are null until reached."""
    first, second = await stage.add_leads(with_email(2))
    _, accepted = await stage.sendkit(
        {"leadIds": [first, second], "enrichmentTypes": ["phoneEnrichment"]}
    )
    job_id = accepted["data"]["jobs"][0]["jobId"]
    path = f"/v1/enrichment/jobs/{job_id}"

    _, before = await stage.get(path, Face.SENDKIT)
    await stage.settle(missing, count_max=1)
    await stage.settle(found)
    status, after = await stage.get(path, Face.SENDKIT)

    assert status == 200
    assert before["data"]["status"] == "pending"
    assert (before["data"]["startedAt"], before["data"]["completedAt"]) == (None, None)
    data: dict[str, Any] = after["data"]
    assert (data["id"], data["type"], data["status"]) == (job_id, "phone_enrichment", "completed")
    assert data["metadata"] == {
        "totalItems": 2,
        "processedItems": 2,
        "successCount": 1,
        "failedCount": 1,
        "creditsUsed": 40,
        "creditsRefunded": 20,
    }
    assert data["totalLeads"] == 2
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", data["completedAt"])


async def test_results_are_read_page_by_page(stage: Stage) -> None:
    """A cursor leads through all rows once, in order, and ends with null."""
    ids = await stage.add_leads(with_email(3))
    _, accepted = await stage.sendkit({"leadIds": ids, "enrichmentTypes": ["email"]})
    path = f"/v1/enrichment/jobs/{accepted['data']['jobs'][0]['jobId']}/results"
    await stage.settle(found)

    _, first = await stage.get(path, Face.SENDKIT, limit=2)
    cursor = first["pagination"]["nextCursor"]
    status, second = await stage.get(path, Face.SENDKIT, limit=2, cursor=cursor)

    assert status == 200
    assert [row["leadId"] for row in first["data"] + second["data"]] == ids
    assert first["pagination"] == {"limit": 2, "total": 3, "hasMore": True, "nextCursor": cursor}
    assert second["pagination"] == {"limit": 2, "total": 3, "hasMore": False, "nextCursor": None}
    assert first["data"][0] == {
        "leadId": ids[0],
        "success": True,
        "outcome": "found",
        "data": {
            "email": "First1@x.example",
            "emailVerificationResult": "deliverable",
            "emailVerificationReason": "accepted_email",
        },
    }


@pytest.mark.parametrize("tail", ["", "/results"])
async def test_a_job_of_another_workspace_or_face_is_not_there(stage: Stage, tail: str) -> None:
    """Jobs can be read with a key of their own workspace and face only."""
    await stage.add_leads(people(1))
    _, seleqt = await stage.seleqt({})

    status, body = await stage.get(f"/v1/enrichment/jobs/{seleqt['job_id']}{tail}", Face.SENDKIT)

    assert status == 404
    assert body["error"]["code"] == "NOT_FOUND"
