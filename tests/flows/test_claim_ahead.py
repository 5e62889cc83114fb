"""A worker claims before it has nothing left to begin."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from service import app
from service.domain.kinds import Kind
from service.domain.waterfall import Step, Waterfall
from service.settings import ProviderSettings, Settings, WorkerSettings
from tests.flows.workshop import open_workshop

FIND = Waterfall(Kind.FIND_EMAIL, (Step("findymail"),))
SLOTS = 32
LEADS = 6 * SLOTS


@pytest.fixture
def answers() -> asyncio.Semaphore:
    """As many answers as the vendor may give; it knows nobody."""
    return asyncio.Semaphore(0)


@pytest.fixture
async def settings(
    database_url: str, redis_url: str, answers: asyncio.Semaphore
) -> AsyncIterator[Settings]:
    """A worker whose vendor answers when it is let."""

    async def answer(_request: web.Request) -> web.Response:
        await answers.acquire()
        return web.json_response({}, status=404)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(application) as server:
        url = str(server.make_url("")).rstrip("/")
        yield Settings(
            database_url=database_url,
            redis_url=redis_url,
            vendor_time_scale=0.01,
            worker=WorkerSettings(concurrency=SLOTS, claim_batch=SLOTS, drain_grace_s=0.1),
            providers={"findymail": ProviderSettings(api_key="key", base_url=url)},
        )
        for _ in range(LEADS):
            answers.release()


async def until(pool: asyncpg.Pool, condition: str) -> None:
    """Wait until an SQL condition holds."""
    async with asyncio.timeout(10.0):
        while not await pool.fetchval(f"select {condition}"):
            await asyncio.sleep(0.02)


async def test_the_next_lookups_are_claimed_while_others_wait_to_begin(
    pool: asyncpg.Pool, settings: Settings, answers: asyncio.Semaphore
) -> None:
    """A claim takes its time: when half of the last one has begun, the next is asked for."""
    shop = await open_workshop(pool, credits_granted=10_000)
    await shop.accept(await shop.add_leads(LEADS), waterfall=FIND)
    held = "from lookups where state = 'running'"

    async with app.worker(settings):
        await until(pool, f"count(*) = {2 * SLOTS} {held}")
        for _ in range(SLOTS * 5 // 8):
            answers.release()

        # More than a window is left to run, and a claim came all the same.
        await until(pool, f"count(*) > {2 * SLOTS} {held}")
