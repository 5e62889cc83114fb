"""Credits: the balance, the ledger page by page, and what credits were used for."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.domain.kinds import Face
from service.store.ledger import enter_grant
from tests.api.stage import Stage, add_tenant, found_if_first_name, missing, people

LEDGER = "/v1/credits/ledger"
USAGE = "/v1/credits/usage"


async def run_job(stage: Stage) -> str:
    """Charge 60 credits for three phones, of which one is found, and return the job's id."""
    ids = await stage.add_leads(people(3))
    _, body = await stage.sendkit({"leadIds": ids, "enrichmentTypes": ["phoneEnrichment"]})
    await stage.settle(found_if_first_name("First2"))
    job_id: str = body["data"]["jobs"][0]["jobId"]
    return job_id


async def entries(stage: Stage, **query: Any) -> list[tuple[str, int]]:
    """Return kind and amount of a page of entries."""
    status, body = await stage.get(LEDGER, Face.SENDKIT, **query)
    assert status == 200, body
    return [(entry["kind"], entry["amount"]) for entry in body["data"]]


async def test_the_balance(stage: Stage) -> None:
    """It is what is left, with the number below which the workspace is told."""
    await run_job(stage)

    status, body = await stage.get("/v1/credits", Face.SENDKIT)

    assert (status, body) == (200, {"success": True, "data": {"balance": 980, "lowBalance": 100}})


async def test_the_ledger_explains_the_balance(stage: Stage) -> None:
    """Every movement is there, newest first, with its job; the sum is the balance."""
    job_id = await run_job(stage)

    _, body = await stage.get(LEDGER, Face.SENDKIT)

    assert [(row["kind"], row["amount"], row["jobId"]) for row in body["data"]] == [
        ("refund", 20, job_id),
        ("refund", 20, job_id),
        ("charge", -60, job_id),
        ("grant", 1_000, None),
    ]
    assert sum(row["amount"] for row in body["data"]) == await stage.balance()
    assert body["data"][-1]["note"] == "test"
    assert set(body["data"][0]) == {"id", "kind", "amount", "jobId", "note", "createdAt"}


async def test_the_ledger_is_read_page_by_page(stage: Stage) -> None:
    """Every entry comes once, although others are entered meanwhile."""
    await run_job(stage)
    whole = await entries(stage)

    pages, cursor = [], {}
    for _ in range(4):
        _, body = await stage.get(LEDGER, Face.SENDKIT, limit=1, **cursor)
        pages += [(row["kind"], row["amount"]) for row in body["data"]]
        cursor = {"cursor": body["pagination"]["nextCursor"]}
        async with stage.pool.acquire() as connection:
            await enter_grant(connection, stage.tenant.id, 1, None)

    assert whole == pages
    assert body["pagination"]["hasMore"] is False


async def test_the_ledger_is_filtered(stage: Stage) -> None:
    """By kind, by job and by time, alone and together."""
    job_id = await run_job(stage)
    await run_job(stage)
    (moment,) = await stage.fetch("select max(created_at) as at from ledger where kind = 'charge'")
    second = moment["at"].isoformat()

    assert await entries(stage, kind="grant") == [("grant", 1_000)]
    assert await entries(stage, jobId=job_id) == [("refund", 20), ("refund", 20), ("charge", -60)]
    assert await entries(stage, jobId=job_id, kind="charge") == [("charge", -60)]
    assert await entries(stage, jobId="bulk_unknown") == []
    assert await entries(stage, **{"from": second}) == [
        ("refund", 20),
        ("refund", 20),
        ("charge", -60),
    ]
    assert await entries(stage, to=second, kind="charge") == [("charge", -60)]
    assert await entries(stage, to="2001-01-01T00:00:00Z") == []


async def test_another_workspace_s_credits_are_not_shown(stage: Stage) -> None:
    """A key sees its own workspace only, even by the id of another one's job."""
    job_id = await run_job(stage)
    other = await add_tenant(stage.pool, "Other", 7)
    stage.tenant = other

    assert await entries(stage) == [("grant", 7)]
    assert await entries(stage, jobId=job_id) == []
    _, usage = await stage.get(USAGE, Face.SENDKIT)
    assert (usage["data"]["byKind"], usage["data"]["byProvider"]) == ([], [])


async def test_usage_by_kind_provider_and_day(stage: Stage) -> None:
    """What was charged and given back, and whom it asked; a passed-over step asked nobody."""
    await run_job(stage)
    await stage.pool.execute(
        "insert into calls (lookup_id, step, provider, epoch, outcome, price_thousandths,"
        " duration_ms, from_memory_at, intended_at, answered_at, reason)"
        " select k.id, s.step, s.provider, 1, s.outcome, s.price, s.ms, s.memory, now(), now(), ''"
        " from lookups k, (values (0, 'leadmagic', 'missing', 1000, 12, null::timestamptz),"
        " (1, 'enrow', 'found', 0, null, now()), (2, 'hunter', 'no_answer', 0, null, null))"
        " as s(step, provider, outcome, price, ms, memory)"
    )

    status, body = await stage.get(USAGE, Face.SENDKIT)

    today = datetime.now(UTC).date().isoformat()
    data = body["data"]
    assert status == 200
    assert (data["charged"], data["refunded"]) == (60, 40)
    assert data["byKind"] == [{"day": today, "kind": "find_phone", "charged": 60, "refunded": 40}]
    assert data["byProvider"] == [
        {
            "day": today,
            "kind": "find_phone",
            "provider": provider,
            "calls": calls,
            "fromCache": cached,
            "found": cached,
            "providerCredits": spent,
        }
        for provider, calls, cached, spent in (("enrow", 0, 3, 0), ("leadmagic", 3, 0, 3))
    ]


async def test_usage_stays_after_its_jobs_expired(stage: Stage) -> None:
    """Credits by kind reach further back than jobs are kept."""
    await run_job(stage)
    await stage.settle(missing)
    await stage.pool.execute(
        "insert into expired_jobs select id, public_id, workspace_id, face, type, kind,"
        " lookup_count, charged, refunded, created_at, finished_at, now() from jobs"
    )
    await stage.pool.execute("delete from jobs")

    _, body = await stage.get(USAGE, Face.SENDKIT)

    assert [(row["kind"], row["charged"]) for row in body["data"]["byKind"]] == [("find_phone", 60)]


@pytest.mark.parametrize(
    ("path", "query", "said"),
    [
        (LEDGER, {"kind": "gift"}, "kind must be grant, charge or refund"),
        (LEDGER, {"from": "yesterday"}, "from must be a time such as"),
        (LEDGER, {"from": "2025-01-01T00:00:00"}, "from must be a time such as"),
        (LEDGER, {"to": "0001-01-01T00:00:00+14:00"}, "to must be a time such as"),
        (LEDGER, {"cursor": "AAAA"}, "cursor is not valid"),
        (LEDGER, {"jobId": ""}, "jobId must be the id of a job"),
        (USAGE, {"from": "2025-01-01T00:00:00Z"}, "by at most 92 days"),
        (USAGE, {"to": "2020-01-01T00:00:00Z", "from": "2020-01-02T00:00:00Z"}, "before to"),
        (USAGE, {"days": "3"}, "days is not a known parameter"),
        ("/v1/credits", {"limit": "3"}, "limit is not a known parameter"),
    ],
)
async def test_a_bad_query(stage: Stage, path: str, query: dict[str, str], said: str) -> None:
    """The answer names the parameter and what it may be."""
    status, body = await stage.get(path, Face.SENDKIT, **query)

    assert (status, body["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert said in body["error"]["message"]


async def test_a_window_of_usage_is_kept_to(stage: Stage) -> None:
    """Only what happened inside of it is counted."""
    await run_job(stage)
    later = datetime.now(UTC) + timedelta(days=1)

    _, body = await stage.get(
        USAGE, Face.SENDKIT, **{"from": later.isoformat(), "to": (later + timedelta(1)).isoformat()}
    )

    assert (body["data"]["charged"], body["data"]["byKind"]) == (0, [])
