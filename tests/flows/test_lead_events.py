"""One event for each lead as it settles, for jobs that ask for it."""

from datetime import timedelta

import asyncpg
import orjson
import pytest

from providers.registry import all_providers
from service.domain.kinds import JobType
from service.flows.audit import audit
from service.flows.settle_lookups import settle_lookups
from tests.flows.workshop import PUBLICATION, TYPES, found, missing, new_worker, open_workshop

HOOK = "https://hooks.example.net/s"
TOLD = "select * from events where type = 'lead.enriched' order by created_at, id"


async def test_each_lead_is_told_once_however_often_it_is_settled(pool: asyncpg.Pool) -> None:
    """Batches, repeats and the end of the job make one event per lead, and one terminal event."""
    shop = await open_workshop(pool)
    await shop.accept(await shop.add_leads(5), webhook_url=HOOK, lead_events=True)
    claims = await shop.claim(await new_worker(pool))
    first, second = list(map(missing, claims[:2])), list(map(missing, claims[2:]))

    counts = [
        await settle_lookups(pool, batch, PUBLICATION) for batch in (first, first, second, second)
    ]

    assert counts == [2, 0, 3, 0]
    told = [orjson.loads(event["payload"])["data"]["id"] for event in await pool.fetch(TOLD)]
    assert sorted(claim.lead_id for claim in claims) == sorted(told)
    types = await pool.fetch("select event_type, count(*) from deliveries group by 1 order by 1")
    assert dict(types) == {"enrichment.completed": 1, "lead.enriched": 5}
    assert (await audit(pool, all_providers(), timedelta(seconds=5))).clean


async def test_the_event_is_the_row_of_the_face_and_its_job(pool: asyncpg.Pool) -> None:
    """Its data is what the results will show of the lead, the job's id and the caller's note."""
    shop = await open_workshop(pool)
    accepted = await shop.accept(
        await shop.add_leads(1), lead_events=True, metadata={"batch": "7"}, webhook_url=HOOK
    )
    (claim,) = await shop.claim(await new_worker(pool))

    await settle_lookups(pool, [found(claim)], PUBLICATION)

    (event,) = await pool.fetch(TOLD)
    body = orjson.loads(event["payload"])
    assert body["type"] == "lead.enriched"
    assert body["data"] == {
        "id": claim.lead_id,
        "first_name": "Nadia",
        "last_name": "Okafor1",
        "success": True,
        "data": {"email": "nadia@brightwater.leadfall"},
        "job_id": accepted.jobs[0].public_id,
        "lead_list_id": None,
        "enrichment_type": "FIND_EMAIL",
        "metadata": {"batch": "7"},
    }


async def test_subscribers_are_told_too(pool: asyncpg.Pool) -> None:
    """An endpoint that subscribes to the type gets it without a URL on the job."""
    shop = await open_workshop(pool)
    await pool.execute(
        "insert into endpoints (workspace_id, name, url, host, port, event_types)"
        " values ($1, 'crm', 'https://crm.example/', 'crm.example', 443, '{lead.*}')",
        shop.workspace_id,
    )
    await shop.accept(await shop.add_leads(2), lead_events=True)

    claims = await shop.claim(await new_worker(pool))
    await settle_lookups(pool, list(map(found, claims)), PUBLICATION)

    assert [row["event_type"] for row in await pool.fetch("select * from deliveries")] == [
        "lead.enriched"
    ] * 2


@pytest.mark.parametrize("job_type", [TYPES["FIND_EMAIL"], TYPES["phoneEnrichment"]], ids=str)
async def test_jobs_that_do_not_ask_tell_at_the_end_only(
    pool: asyncpg.Pool, job_type: JobType
) -> None:
    """No event per lead is written unless it is asked for."""
    shop = await open_workshop(pool)
    await shop.accept(await shop.add_leads(2), webhook_url=HOOK, job_types=(job_type,))

    claims = await shop.claim(await new_worker(pool))
    await settle_lookups(pool, list(map(missing, claims)), PUBLICATION)

    assert await pool.fetch(TOLD) == []
    assert await pool.fetchval("select count(*) from deliveries") == 1
