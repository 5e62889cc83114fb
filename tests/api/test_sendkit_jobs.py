"""Jobs on the SendKit face: the list, cancelling, results by outcome, and the end of their time."""

from datetime import timedelta
from typing import Any

import pytest

from providers.registry import all_providers
from service.domain.kinds import Face
from service.flows.audit import audit
from service.flows.expire_jobs import expire_batch
from tests.api.stage import Stage, add_tenant, found, found_if_first_name, missing, people

JOBS = "/v1/enrichment/jobs"


async def start(stage: Stage, *types: str, leads: int = 1) -> list[str]:
    """Start jobs over new leads and return their ids."""
    with_email = [{**lead, "email": f"{lead['first_name']}@j.example"} for lead in people(leads)]
    known = await stage.fetch("select 1 from leads")
    ids = await stage.add_leads(
        [{**lead, "email": f"n{len(known)}{lead['email']}"} for lead in with_email]
    )
    status, body = await stage.sendkit({"leadIds": ids, "enrichmentTypes": list(types)})
    assert status == 200, body
    return [job["jobId"] for job in body["data"]["jobs"]]


async def listed(stage: Stage, **query: Any) -> list[str]:
    """Return the ids of a page of jobs."""
    status, body = await stage.get(JOBS, Face.SENDKIT, **query)
    assert status == 200, body
    return [job["id"] for job in body["data"]]


async def test_jobs_are_listed_newest_first_page_by_page(stage: Stage) -> None:
    """Every job comes once, also when others are accepted in between."""
    jobs = [(await start(stage, "espDetection"))[0] for _ in range(3)]

    _, first = await stage.get(JOBS, Face.SENDKIT, limit=2)
    await start(stage, "segGateway")
    cursor = first["pagination"]["nextCursor"]
    _, second = await stage.get(JOBS, Face.SENDKIT, limit=2, cursor=cursor)

    ids = [job["id"] for job in first["data"] + second["data"]]
    assert jobs[::-1] == ids
    assert first["pagination"] == {
        "limit": 2,
        "total": 3,
        "totalIsCapped": False,
        "hasMore": True,
        "nextCursor": cursor,
    }
    assert second["pagination"]["nextCursor"] is None
    assert first["data"][0] == (await stage.get(f"{JOBS}/{jobs[2]}", Face.SENDKIT))[1]["data"]


async def test_jobs_are_filtered_by_status_and_type(stage: Stage) -> None:
    """Each filter names exactly the jobs that are so."""
    (failed,) = await start(stage, "phoneEnrichment")
    await stage.settle(missing)
    await stage.pool.execute("update jobs set missing_count = 0, no_answer_count = 1")
    (done,) = await start(stage, "email")
    await stage.settle(found)
    pending, other = await start(stage, "email", "segGateway")
    await stage.post(f"{JOBS}/{other}/cancel")

    assert {
        "completed": [done],
        "failed": [failed],
        "pending": [pending],
        "processing": [],
        "cancelled": [other],
    } == {
        status: await listed(stage, status=status)
        for status in ("completed", "failed", "pending", "processing", "cancelled")
    }
    assert await listed(stage, type="email_verification") == [pending, done]
    assert await listed(stage, type="email_verification", status="completed") == [done]


async def test_jobs_of_others_are_not_listed(stage: Stage) -> None:
    """Neither another workspace's jobs nor those of the other face are there."""
    await stage.add_leads(people(1))
    await stage.seleqt({})
    other = await add_tenant(stage.pool, "Other", 10)
    await stage.pool.execute("update jobs set workspace_id = $1, face = 'sendkit'", other.id)
    await stage.pool.execute("update lookups set workspace_id = $1", other.id)

    assert await listed(stage) == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"status": "done"}, "status must be pending, processing, completed, failed or cancelled"),
        ({"type": "email"}, "type must be email_verification"),
        ({"cursor": "x"}, "cursor is not valid"),
        ({"cursor": "A" * 22 + "=="}, "cursor is not valid"),
        ({"limit": "0"}, "limit must be an integer of at least 1 and at most 100"),
        ({"limit": "101"}, "limit must be at most 100"),
        ({"page": "2"}, "page is not a known parameter"),
    ],
)
async def test_a_bad_query_of_the_list(stage: Stage, query: dict[str, str], said: str) -> None:
    """The answer names the parameter and what it may be."""
    status, body = await stage.get(JOBS, Face.SENDKIT, **query)

    assert (status, body["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert said in body["error"]["message"]


async def test_cancelling_answers_as_on_its_page(stage: Stage) -> None:
    """The job shows cancelled at once; its lookups are refunded as workers come across them."""
    (job_id,) = await start(stage, "phoneEnrichment", leads=2)
    rung = len(stage.rings)

    status, body = await stage.post(f"{JOBS}/{job_id}/cancel")

    assert status == 200
    updated_at = body["data"].pop("updatedAt")
    assert body == {
        "success": True,
        "data": {
            "id": job_id,
            "type": "phone_enrichment",
            "status": "cancelled",
            "metadata": {
                "totalItems": 2,
                "processedItems": 0,
                "successCount": 0,
                "failedCount": 0,
                "creditsUsed": 40,
                "creditsRefunded": 0,
            },
            "completedAt": None,
        },
    }
    assert updated_at.endswith("Z")
    assert len(stage.rings) == rung + 1


async def test_a_job_that_has_ended_cannot_be_cancelled(stage: Stage) -> None:
    """Neither a finished nor a cancelled job is cancelled again, nor one that is not there."""
    (done,) = await start(stage, "espDetection")
    await stage.settle(found)
    (cancelled,) = await start(stage, "espDetection")
    await stage.post(f"{JOBS}/{cancelled}/cancel")

    answers = [await stage.post(f"{JOBS}/{each}/cancel") for each in (done, cancelled, "bulk_x")]

    assert [(status, body["error"]["code"]) for status, body in answers] == [
        (409, "JOB_NOT_CANCELLABLE"),
        (409, "JOB_NOT_CANCELLABLE"),
        (404, "NOT_FOUND"),
    ]


async def test_results_by_outcome(stage: Stage) -> None:
    """Rows and total are those of the outcome; an outcome that is none is refused."""
    (job_id,) = await start(stage, "phoneEnrichment", leads=3)
    await stage.settle(found_if_first_name("First2"))
    path = f"{JOBS}/{job_id}/results"

    _, hits = await stage.get(path, Face.SENDKIT, outcome="found")
    _, misses = await stage.get(path, Face.SENDKIT, outcome="missing", limit=1)
    status, body = await stage.get(path, Face.SENDKIT, outcome="interrupted")

    assert [row["data"] for row in hits["data"]] == [{"phoneNumber": "+14155550100"}]
    assert (hits["pagination"]["total"], misses["pagination"]["total"]) == (1, 2)
    assert (len(misses["data"]), misses["pagination"]["hasMore"]) == (1, True)
    assert status == 400
    assert "outcome must be found, missing, no_answer" in body["error"]["message"]


async def test_an_expired_job_is_not_there_any_more(stage: Stage) -> None:
    """After its time, every path of the job answers 404; the ledger still names it."""
    (job_id,) = await start(stage, "email")
    (lead_id,) = [row["public_id"] for row in await stage.fetch("select public_id from leads")]
    await stage.settle(found)
    await stage.pool.execute(
        "update jobs set created_at = created_at - interval '8 days',"
        " finished_at = finished_at - interval '8 days';"
        "update ledger set created_at = created_at - interval '8 days'"
    )

    async with stage.pool.acquire() as connection, connection.transaction():
        await expire_batch(connection, timedelta(days=7))

    paths = [f"{JOBS}/{job_id}{tail}" for tail in ("", "/results", f"/leads/{lead_id}")]
    statuses = [(await stage.get(path, Face.SENDKIT))[0] for path in paths]
    assert statuses == [404, 404, 404]
    assert await listed(stage) == []
    _, ledger = await stage.get("/v1/credits/ledger", Face.SENDKIT, jobId=job_id)
    assert [(row["jobId"], row["amount"]) for row in ledger["data"]] == [(job_id, -1)]
    assert (await audit(stage.pool, all_providers(), timedelta(seconds=5))).clean
