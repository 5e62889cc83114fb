"""Vendors that take their time: what waits for them costs no slot, and is fetched when due."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from providers.registry import all_providers
from providers.sandbox.server import Sandbox, start_sandbox
from service import app
from service.domain.kinds import Capability
from service.settings import ProviderSettings, Settings
from service.store.waterfalls import keep_waterfall
from tests.faults.enrichment import until
from tests.faults.test_failing_vendors import person
from tests.flows.workshop import TYPES, Workshop, open_workshop

# `make faults` asks for 1,000; fewer show the same in the time that every test run has.
LEADS = int(os.environ.get("FAULT_SLOW_LEADS", "100"))
TIME_SCALE = 0.1
ASYNCHRONOUS = ("enrow", "fullenrich", "bettercontact")
TASKS_MAX = 64
FINISHED_S = 150.0
# What is added to the interval, whatever its length: the tick of the loop that polls, the gate, and
# the batch in which a lookup is settled.
TICK_S_MAX = 0.5


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
        providers={
            slug: ProviderSettings(api_key="sandbox", base_url=sandbox.base_urls[slug])
            for slug in ASYNCHRONOUS
        },
    )
    shop = await open_workshop(pool, credits_granted=LEADS * 30)
    job_id = await accept(shop, settings)

    tasks = 0
    async with app.worker(settings):
        finished = asyncio.create_task(until(pool, "finished_at is not null", job_id, FINISHED_S))
        while not finished.done():
            tasks = max(tasks, count_tasks())
            await asyncio.sleep(0.01)
        await finished

    assert tasks <= TASKS_MAX
    assert await pool.fetchval("select count(distinct provider) from calls") == len(ASYNCHRONOUS)
    late = [
        (provider, delay_s)
        for provider, delay_s in await delays(pool, sandbox)
        if delay_s > poll_every_s(provider) + TICK_S_MAX
    ]
    assert late == []


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


async def delays(pool: asyncpg.Pool, sandbox: Sandbox) -> list[tuple[str, float]]:
    """Return, for each submission that ended lookups, seconds from its being ready to their end.

    It is ready when the last of its rows is, by the vendor's own books.
    """
    ready_at_s = {
        (entry.vendor, entry.person): entry.ready_at_s
        for entry in sandbox.books.entries(limit=1_000_000)
    }
    now_s = await pool.fetchval("select extract(epoch from leadfall_now())::float8")
    offset_s = now_s - time.monotonic()
    rows = await pool.fetch(
        "select c.provider, c.submission_id, k.input,"
        " extract(epoch from k.settled_at)::float8 as settled_s, exists ("
        "   select from calls n where n.lookup_id = c.lookup_id and n.step > c.step) as went_on"
        " from calls c join lookups k on k.id = c.lookup_id where c.submission_id is not null"
    )
    ready: dict[UUID, float] = {}
    settled: dict[UUID, tuple[str, float]] = {}
    for row in rows:
        at_s = ready_at_s[(row["provider"], person(row["input"]))]
        if at_s is not None:
            ready[row["submission_id"]] = max(ready.get(row["submission_id"], 0.0), at_s + offset_s)
        if not row["went_on"]:
            _, before = settled.get(row["submission_id"], ("", 0.0))
            settled[row["submission_id"]] = row["provider"], max(before, row["settled_s"])
    return [
        (provider, last_s - ready[submission_id])
        for submission_id, (provider, last_s) in settled.items()
    ]


def poll_every_s(slug: str) -> float:
    """Return how often a vendor is polled for a phone number, in real seconds."""
    offer = all_providers()[slug].offer(Capability.FIND_PHONE)
    return getattr(offer.shape if offer is not None else None, "poll_every_s", 0.0) * TIME_SCALE
