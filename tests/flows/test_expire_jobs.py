"""Jobs that ended long ago go in bounded batches, and the ledger still adds up."""

from datetime import timedelta

import asyncpg
import pytest

from providers.registry import all_providers
from service.flows.audit import audit
from service.flows.expire_jobs import expire_batch
from service.flows.settle_lookups import settle_lookups
from service.settings import RetentionSettings
from service.store.jobs import read_job
from service.worker.janitor import Janitor
from tests.flows.workshop import (
    PUBLICATION,
    Workshop,
    found,
    missing,
    new_worker,
    open_workshop,
)

KEPT = timedelta(days=7)
LEASE = timedelta(seconds=5)
COUNTS = """
    select (select count(*) from jobs), (select count(*) from lookups),
           (select count(*) from calls), (select count(*) from submissions)
"""


async def finish_job(shop: Workshop, size: int) -> str:
    """Run a job to its end, one call and one submission for each lead; return its public id."""
    accepted = await shop.accept(await shop.add_leads(size))
    claims = await shop.claim(await new_worker(shop.pool))
    await shop.pool.execute(
        "with sent as (insert into submissions (id, provider, capability, credential, token, state,"
        " deadline_at, created_at) select gen_random_uuid(), 'fullenrich', 'find_email',"
        " 'operator', 'token' || k, 'answered', now(), now() from unnest($1::bigint[]) k"
        " returning id, token)"
        " insert into calls (lookup_id, step, provider, epoch, submission_id, intended_at)"
        " select k, 0, 'fullenrich', 1, sent.id, now() from unnest($1::bigint[]) k"
        " join sent on sent.token = 'token' || k",
        [claim.lookup_id for claim in claims],
    )
    await settle_lookups(shop.pool, [found(claims[0]), *map(missing, claims[1:])], PUBLICATION)
    return accepted.jobs[0].public_id


async def age(pool: asyncpg.Pool, public_id: str, days: float) -> None:
    """Let a job have ended so long ago."""
    await pool.execute(
        "update jobs set finished_at = finished_at - make_interval(secs => $2 * 86400)"
        " where public_id = $1",
        public_id,
        days,
    )


async def is_clean(pool: asyncpg.Pool) -> bool:
    """Whether the audit finds nothing."""
    return (await audit(pool, all_providers(), LEASE)).clean


async def test_an_old_job_goes_whole_and_the_ledger_stays(pool: asyncpg.Pool) -> None:
    """Job, lookups, calls and submissions go; entries and balance do not; younger jobs stay."""
    shop = await open_workshop(pool)
    old, young = await finish_job(shop, 3), await finish_job(shop, 2)
    await age(pool, old, 8)
    entries = await pool.fetch("select * from ledger order by id")

    async with pool.acquire() as connection, connection.transaction():
        more = await expire_batch(connection, KEPT)

    assert not more
    assert tuple(await pool.fetchrow(COUNTS)) == (1, 2, 2, 2)
    assert entries == await pool.fetch("select * from ledger order by id")
    async with pool.acquire() as connection:
        assert await read_job(connection, shop.workspace_id, "seleqt", old) is None
        assert await read_job(connection, shop.workspace_id, "seleqt", young) is not None
    assert await is_clean(pool)


async def test_a_large_job_goes_in_batches_and_every_step_is_clean(pool: asyncpg.Pool) -> None:
    """The job is gone at once, its lookups follow a bounded number at a time."""
    shop = await open_workshop(pool)
    await age(pool, await finish_job(shop, 5), 8)

    left, clean = [], []
    for _ in range(4):
        async with pool.acquire() as connection, connection.transaction():
            more = await expire_batch(connection, KEPT, lookups_max=2)
        left.append((more, *await pool.fetchrow(COUNTS)))
        clean.append(await is_clean(pool))

    assert left == [
        (True, 0, 3, 3, 3),
        (True, 0, 1, 1, 1),
        (False, 0, 0, 0, 0),
        (False, 0, 0, 0, 0),
    ]
    assert clean == [True] * 4
    assert await pool.fetchval("select count(*) from expired_jobs where swept_at is null") == 0


async def test_a_shared_submission_stays_for_its_other_calls(pool: asyncpg.Pool) -> None:
    """What younger jobs were submitted together with goes with the last of them."""
    shop = await open_workshop(pool)
    old = await finish_job(shop, 1)
    await finish_job(shop, 1)
    await pool.execute(
        "update calls set submission_id = (select min(id::text)::uuid from submissions)"
    )
    await age(pool, old, 8)

    async with pool.acquire() as connection, connection.transaction():
        await expire_batch(connection, KEPT)

    assert (
        await pool.fetchval("select count(*) from calls join submissions on id = submission_id")
        == 1
    )


@pytest.mark.parametrize(("days", "jobs_left"), [(6.9, 1), (7.1, 0)])
async def test_the_janitor_expires_by_the_setting(
    pool: asyncpg.Pool, days: float, jobs_left: int
) -> None:
    """A worker's chores expire what is older than the operator wants to keep."""
    shop = await open_workshop(pool)
    await age(pool, await finish_job(shop, 1), days)
    janitor = Janitor(
        pool,
        LEASE,
        idempotency_kept=timedelta(hours=24),
        jobs_kept=KEPT,
        retention=RetentionSettings(),
        ring=lambda: None,
    )

    for _ in range(20):
        await janitor.run_once()

    assert jobs_left == await pool.fetchval("select count(*) from jobs")
    assert await is_clean(pool)
