"""Vendors that take their time: what waits for them costs no slot, and is fetched when due."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from prometheus_client import REGISTRY

from providers.registry import all_providers
from providers.sandbox.server import Sandbox, start_sandbox
from service import app
from service.domain.kinds import Capability
from service.settings import ProviderSettings, Settings, WorkerSettings
from service.store.waterfalls import keep_waterfall
from tests.faults.enrichment import until
from tests.flows.workshop import TYPES, Workshop, open_workshop

# `make faults` asks for 1,000; fewer show the same in the time that every test run has.
LEADS = int(os.environ.get("FAULT_SLOW_LEADS", "100"))
TIME_SCALE = 0.1
ASYNCHRONOUS = ("enrow", "fullenrich", "bettercontact")
TASKS_MAX = 64
FINISHED_S = 150.0
# A poll may come so much after its time: the tick of the polling loop, the gate and the write.
POLL_LATE_S_MAX = 1.5


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Vendors whose clock runs ten times as fast as ours."""
    started = await start_sandbox(time_scale=TIME_SCALE)
    yield started
    await started.stop()


@pytest.mark.timeout(200)
async def test_leads_wait_in_the_database(
    pool: asyncpg.Pool, database_url: str, redis_url: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Three vendors that answer later hold at most 64 tasks, and are read as soon as they may."""
    settings = Settings(
        database_url=database_url,
        redis_url=redis_url,
        lease_s=2,
        vendor_time_scale=TIME_SCALE,
        worker=WorkerSettings(concurrency=16, claim_batch=32),
        providers={
            slug: ProviderSettings(api_key="sandbox", base_url=sandbox.base_urls[slug])
            for slug in ASYNCHRONOUS
        },
    )
    shop = await open_workshop(pool, credits_granted=LEADS * 30)
    job_id = await accept(shop, settings)

    tasks = held = 0
    async with app.worker(settings):
        finished = asyncio.create_task(until(pool, "finished_at is not null", job_id, FINISHED_S))
        while not finished.done():
            tasks = max(tasks, count_tasks())
            held = max(held, REGISTRY.get_sample_value("leadfall_lookups_held") or 0)
            await asyncio.sleep(0.01)
        await finished

    assert tasks <= TASKS_MAX
    assert held <= TASKS_MAX
    assert await pool.fetchval("select count(distinct provider) from calls") == len(ASYNCHRONOUS)
    assert await late_settlements(pool) == []


def count_tasks() -> int:
    """Count the tasks of this process but for those in which the sandbox answers."""
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return sum(not name.startswith("RequestHandler.") for name in names)


async def accept(shop: Workshop, settings: Settings) -> str:
    """Accept a phone job over new people, on the waterfall that the settings leave."""
    waterfall = app.usable_waterfalls(settings)[TYPES["FIND_PHONE"].kind]
    async with shop.pool.acquire() as connection:
        await keep_waterfall(connection, waterfall)
    accepted = await shop.accept(
        await shop.add_leads(LEADS),
        job_types=(TYPES["FIND_PHONE"],),
        price=30,
        waterfall=waterfall,
    )
    return accepted.jobs[0].public_id


async def late_settlements(pool: asyncpg.Pool) -> list[tuple[object, ...]]:
    """Return the submissions whose end came later than one interval after the poll before it."""
    rows = await pool.fetch(
        "select s.provider, s.poll_count,"
        " extract(epoch from max(c.answered_at) - s.submitted_at)::float8 as answered_s,"
        " extract(epoch from max(k.settled_at) - max(c.answered_at))::float8 as settled_s"
        " from submissions s join calls c on c.submission_id = s.id"
        " join lookups k on k.id = c.lookup_id and not exists ("
        "   select from calls n where n.lookup_id = c.lookup_id and n.step > c.step)"
        " group by s.id"
    )
    late = []
    for row in rows:
        first_s, every_s = pace(row["provider"])
        due_s = first_s + (row["poll_count"] - 1) * every_s
        slack_s = row["poll_count"] * POLL_LATE_S_MAX
        if row["answered_s"] > due_s + slack_s or row["settled_s"] > every_s:
            late.append(tuple(row))
    return late


def pace(slug: str) -> tuple[float, float]:
    """Return when a vendor is polled first and how often, in real seconds."""
    offer = all_providers()[slug].offer(Capability.FIND_PHONE)
    shape = offer.shape if offer is not None else None
    first_s = getattr(shape, "first_poll_after_s", 0.0)
    return first_s * TIME_SCALE, getattr(shape, "poll_every_s", 0.0) * TIME_SCALE
