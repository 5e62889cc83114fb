"""Hosts whose clocks are ten minutes off, to either side: nothing changes."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from tests.faults.enrichment import add_people, post_job, until
from tests.faults.fleet import Fleet, launch
from tests.faults.inbox import Inbox

LEADS = 60
AHEAD_S, BEHIND_S = 600.0, -600.0
# What a test machine under load may take; far from ten minutes.
SOON_S = 30.0
# `make faults` turns every clock the other way as well.
WAYS = [(AHEAD_S, BEHIND_S), (BEHIND_S, AHEAD_S)][: 2 if "FAULT_EVERY_POINT" in os.environ else 1]
WRONG_CLOCK = Path(__file__).parent / "wrong_clock"


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    """A receiver whose clock is right, and whose library refuses what is five minutes off."""
    started = Inbox()
    await started.start()
    yield started
    await started.stop()


@pytest.fixture(params=WAYS, ids=lambda way: f"api {way[0]:+g} s")
async def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Fleet]:
    """Processes that disagree by twenty minutes; the worker looks for work only when rung for."""
    one, other = request.param
    launched = await launch(tmp_path, roles=())
    launched.environment |= {
        "PYTHONPATH": str(WRONG_CLOCK),
        "LEADFALL_WORKER__POLL_INTERVAL_S": "60",
    }
    for role, wrong_s in (("api", one), ("worker", other), ("dispatcher", one)):
        launched.environment["WRONG_CLOCK_S"] = str(wrong_s)
        await launched.start(role)
    launched.environment["WRONG_CLOCK_S"] = str(one)
    yield launched
    await launched.stop()


@pytest.mark.timeout(150)
async def test_wrong_clocks_change_nothing(fleet: Fleet, inbox: Inbox) -> None:
    """A job starts when rung for, ends, and is told of with the right time; no lease is lost."""
    tenant = await fleet.tenant(credits_granted=LEADS * 6)
    name = str(tenant.workspace.id)
    inbox.secrets[name] = tenant.workspace.webhook_secret
    async with await fleet.pool() as pool:
        await add_people(pool, tenant, tenant.list_id, LEADS)
        job_id = await post_job(
            fleet,
            tenant,
            tenant.list_id,
            enrichment_type="FIND_EMAIL_WATERFALL",
            prospect_limit=LEADS,
            webhook_url=f"{inbox.url}/{name}",
        )
        accepted_at = time.time()
        await until(pool, "finished_at is not null", job_id, SOON_S)
        async with asyncio.timeout(SOON_S):
            while not inbox.of(name):
                await asyncio.sleep(0.02)
        times = await read_times(pool)
        report = await fleet.audit()

    [arrival] = inbox.of(name)
    # An id is no due time: it shows that the API's clock really was wrong.
    assert abs(abs(int(job_id.split("_")[-2]) / 1_000 - accepted_at) - AHEAD_S) < SOON_S
    assert abs(arrival.timestamp_s - time.time()) < SOON_S
    assert abs(times["created_at"] - accepted_at) < SOON_S
    assert 0 < times["taken_s"] < SOON_S
    assert times["reclaimed"] == 0
    assert inbox.forged == 0
    assert report["clean"], report


async def read_times(pool: asyncpg.Pool) -> asyncpg.Record:
    """Return when the one job was accepted, how long it took, and how often leases were lost."""
    row = await pool.fetchrow(
        "select extract(epoch from created_at)::float8 as created_at,"
        " extract(epoch from finished_at - created_at)::float8 as taken_s,"
        " (select sum(reclaim_count) from lookups) as reclaimed from jobs"
    )
    assert row is not None
    return row
