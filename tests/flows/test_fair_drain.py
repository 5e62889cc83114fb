"""Fairness: a big job at a slow vendor delays no other workspace, no sync caller, no answer."""

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
from service.worker.drain import FULL_QUEUES_MAX
from tests.flows.submitting import Vendor
from tests.flows.workshop import TYPES, Workshop, open_workshop

SCALE = 0.01
SLOW = Waterfall(Kind.FIND_EMAIL, (Step("leadmagic"),))
LATER = Waterfall(Kind.FIND_EMAIL, (Step("bettercontact"),))
VERIFY = Waterfall(Kind.VERIFY_EMAIL, (Step("enrich"),))
LEADS = 500
"""More than a worker holds in memory."""
DELAY_S_MAX = 3.0


@pytest.fixture
def later() -> Vendor:
    """A vendor that takes what is submitted, and is ready when it is told to be."""
    return Vendor()


@pytest.fixture
async def settings(database_url: str, redis_url: str, later: Vendor) -> AsyncIterator[Settings]:
    """A worker of which one vendor takes longer than the test."""
    released = asyncio.Event()

    async def answer(_request: web.Request) -> web.Response:
        await released.wait()
        return web.json_response({})

    application = web.Application()
    application.router.add_post("/later/{path:.*}", later.take)
    application.router.add_get("/later/{path:.*}", later.show)
    application.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(application) as server:
        url = str(server.make_url("")).rstrip("/")
        yield Settings(
            database_url=database_url,
            redis_url=redis_url,
            vendor_time_scale=SCALE,
            worker=WorkerSettings(drain_grace_s=0.1),
            providers={
                "leadmagic": ProviderSettings(api_key="key", base_url=url),
                "bettercontact": ProviderSettings(api_key="key", base_url=f"{url}/later"),
            },
        )
        released.set()


async def until(pool: asyncpg.Pool, condition: str, wait_s: float, *arguments: object) -> None:
    """Wait until an SQL condition holds."""
    async with asyncio.timeout(wait_s):
        while not await pool.fetchval(f"select {condition}", *arguments):
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("mode", ["async", "sync"])
async def test_a_small_job_is_done_beside_a_big_one(
    pool: asyncpg.Pool, settings: Settings, mode: str
) -> None:
    """Another workspace's ten leads are done while hundreds wait, and so are a sync caller's."""
    big = await open_workshop(pool, credits_granted=10_000)
    neighbour = await open_workshop(pool)
    small: dict[str, Workshop] = {"async": neighbour, "sync": big}
    await big.accept(await big.add_leads(LEADS), waterfall=SLOW)

    async with app.worker(settings):
        await until(pool, "count(*) > 30 from calls", 10.0)
        accepted = await small[mode].accept(
            await small[mode].add_leads(10),
            job_types=(TYPES["email"],),
            price=1,
            mode=mode,
            waterfall=VERIFY,
        )

        await until(
            pool,
            "finished_at is not null from jobs where id = $1",
            DELAY_S_MAX,
            accepted.jobs[0].id,
        )


@pytest.mark.parametrize("slots", [2, 16])
async def test_a_sync_caller_is_answered_beside_many_full_workspaces(
    pool: asyncpg.Pool, settings: Settings, slots: int
) -> None:
    """What a worker may hold and run of other workspaces leaves room for those who wait."""
    worker = WorkerSettings(concurrency=slots, claim_batch=slots, drain_grace_s=0.1)
    # At their own pace vendors hang for longer than the test.
    settings = settings.model_copy(update={"worker": worker, "vendor_time_scale": 1.0})
    caller = await open_workshop(pool)
    for _ in range(3 * FULL_QUEUES_MAX):
        crowd = await open_workshop(pool)
        await crowd.accept(await crowd.add_leads(2 * slots), waterfall=SLOW)

    async with app.worker(settings):
        full = f"count(*) > {FULL_QUEUES_MAX * 2 * slots} from lookups where state = 'running'"
        await until(pool, full, 10.0)
        accepted = await caller.accept(
            await caller.add_leads(10),
            job_types=(TYPES["email"],),
            price=1,
            mode="sync",
            waterfall=VERIFY,
        )

        await until(
            pool,
            "finished_at is not null from jobs where id = $1",
            DELAY_S_MAX,
            accepted.jobs[0].id,
        )


async def test_an_answer_is_settled_beside_a_job_that_fills_the_worker(
    pool: asyncpg.Pool, settings: Settings, later: Vendor
) -> None:
    """What a vendor has answered does not wait until its workspace's other job has room."""
    shop = await open_workshop(pool, credits_granted=10_000)
    accepted = await shop.accept(await shop.add_leads(5), waterfall=LATER)

    async with app.worker(settings):
        await until(pool, "count(*) > 0 from submissions where state = 'submitted'", 10.0)
        await shop.accept(await shop.add_leads(LEADS), waterfall=SLOW)
        await until(pool, "count(*) > 30 from calls where provider = 'leadmagic'", 10.0)
        later.ready = True

        await until(
            pool,
            "finished_at is not null from jobs where id = $1",
            DELAY_S_MAX,
            accepted.jobs[0].id,
        )
