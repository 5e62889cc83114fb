"""A line at a vendor's gate that is longer than the vendor's deadline."""

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

SLUG = "prospeo"
SCALE = 0.1
# Five at once for 0.1 s each: the last of the leads wait for three deadlines.
ANSWER_AFTER_S, DEADLINE_S, LEADS = 0.1, 0.25, 40
FINISHED_S = 20.0


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Vendors that take as long for everybody."""
    started = await start_sandbox(time_scale=SCALE, answer_after_s=ANSWER_AFTER_S)
    yield started
    await started.stop()


async def test_waiting_for_a_turn_takes_nothing_off_the_deadline(
    pool: asyncpg.Pool, database_url: str, redis_url: str, sandbox: Sandbox
) -> None:
    """Whoever waited long has as long for the vendor's answer, and is not paid for in vain."""
    settings = Settings(
        database_url=database_url,
        redis_url=redis_url,
        vendor_time_scale=SCALE,
        worker=WorkerSettings(drain_grace_s=0.1),
        providers={SLUG: ProviderSettings(api_key="sandbox", base_url=sandbox.base_urls[SLUG])},
    )
    shop = await open_workshop(pool, credits_granted=1_000)
    waterfall = Waterfall(Kind.FIND_EMAIL, (Step(SLUG, deadline_s=DEADLINE_S),))
    accepted = await shop.accept(await shop.add_leads(LEADS), waterfall=waterfall)

    async with app.worker(settings), asyncio.timeout(FINISHED_S):
        while not await pool.fetchval(
            "select finished_at is not null from jobs where id = $1", accepted.jobs[0].id
        ):
            await asyncio.sleep(0.02)

    unanswered = await pool.fetch(
        "select lookup_id, outcome, reason from calls where outcome not in ('found', 'missing')"
    )
    waited_ms = await pool.fetchval("select max(gate_wait_ms) from calls")
    assert unanswered == []
    assert waited_ms > DEADLINE_S * 1_000
