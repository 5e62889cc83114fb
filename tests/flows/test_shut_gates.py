"""Waiting for a gate that is shut: since when is on record, and it has an end."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from providers.sandbox.server import Sandbox, start_sandbox
from service import app
from service.domain.kinds import Kind
from service.domain.waterfall import Step, Waterfall
from service.settings import ProviderSettings, Settings, WorkerSettings
from tests.flows.workshop import open_workshop

SLUG = "hunter"
SCALE = 0.005
LEADS = 60
FINISHED_S = 20.0
WAITS = Waterfall(Kind.FIND_EMAIL, (Step(SLUG, when_gate_shut="wait"),))


@pytest.fixture
async def settings(database_url: str, redis_url: str) -> AsyncIterator[Settings]:
    """A worker with a key that its one vendor does not know."""
    sandbox: Sandbox = await start_sandbox(time_scale=SCALE)
    yield Settings(
        database_url=database_url,
        redis_url=redis_url,
        vendor_time_scale=SCALE,
        worker=WorkerSettings(drain_grace_s=0.1),
        providers={SLUG: ProviderSettings(api_key="nobodys", base_url=sandbox.base_urls[SLUG])},
    )
    await sandbox.stop()


async def until(pool: asyncpg.Pool, condition: str) -> None:
    """Wait until an SQL condition holds; whoever waits for the gate looks at it meanwhile."""
    async with asyncio.timeout(FINISHED_S):
        while not await pool.fetchval(f"select {condition}"):
            await pool.execute(
                "update lookups set wake_at = leadfall_now() where state = 'waiting'"
            )
            await asyncio.sleep(0.05)


async def test_nobody_waits_for_ever_for_a_key_that_is_refused(
    pool: asyncpg.Pool, settings: Settings
) -> None:
    """After a quarter of an hour its leads end without an answer, and their credits are back."""
    shop = await open_workshop(pool)
    await shop.accept(await shop.add_leads(LEADS), waterfall=WAITS)

    async with app.worker(settings):
        await until(pool, "count(*) > 5 from calls where outcome is null and ask_count = 0")
        await pool.execute("update calls set intended_at = intended_at - interval '16 minutes'")
        await until(pool, "open_count = 0 from jobs")

    assert await shop.balance() == 1_000
    assert await pool.fetchval("select count(*) from calls where reason = 'put_off_too_long'") > 5


async def test_a_job_that_is_cancelled_waits_for_no_gate(
    pool: asyncpg.Pool, settings: Settings
) -> None:
    """What was never asked needs no answer."""
    shop = await open_workshop(pool)
    await shop.accept(await shop.add_leads(LEADS), waterfall=WAITS)

    async with app.worker(settings):
        await until(pool, "count(*) > 5 from calls where outcome is null and ask_count = 0")
        await pool.execute("update jobs set cancelled_at = leadfall_now()")
        await until(pool, "open_count = 0 from jobs")

    assert await pool.fetchval("select count(*) from lookups where outcome = 'cancelled'") > 5
