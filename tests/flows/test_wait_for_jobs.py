"""The watcher that wakes callers who wait for jobs."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from service.errors import TooBusy
from service.flows.wait_for_jobs import FinishedWatcher
from service.store.connection import Pool, open_pool

INSERT = """
insert into jobs (
  id, public_id, workspace_id, request_id, face, type, kind, mode, waterfall_version, price,
  lookup_count, open_count, charged, created_at, updated_at
)
values (
  $1::uuid, $1::uuid::text, 1, $1::uuid, 'seleqt', 't', 'find_email', 'sync', 'v', 1,
  1, 1, 0, now(), now()
)
"""
FINISH = "update jobs set open_count = 0, finished_at = now() where id = $1"


@pytest.fixture
async def watched(database_url: str) -> AsyncIterator[Pool]:
    """A pool as the service opens it."""
    pool = await open_pool(database_url, size_max=2, role="test")
    await pool.execute("insert into workspaces (public_id, name) values (repeat('a', 24), 'x')")
    yield pool
    await pool.close()


async def add_job(pool: Pool) -> UUID:
    """Insert a job with one open lookup."""
    job_id = uuid4()
    await pool.execute(INSERT, job_id)
    return job_id


def watcher_of(
    pool: Pool, url: str | None, *, draining: asyncio.Event | None = None, poll_s: float = 0.05
) -> FinishedWatcher:
    """Build a watcher with room for two."""
    return FinishedWatcher(
        pool,
        listen_url=url,
        draining=draining or asyncio.Event(),
        waiters_max=2,
        poll_interval_s=poll_s,
    )


async def test_polling_alone_finds_a_finished_job(watched: Pool) -> None:
    """Without LISTEN the job is noticed by the next look; another one stays waited for."""
    done, other = await add_job(watched), await add_job(watched)

    async with watcher_of(watched, None) as watcher:
        waits = [asyncio.create_task(watcher.wait(job_id, 5)) for job_id in (done, done, other)]
        await watched.execute(FINISH, done)
        first, second = await asyncio.gather(*waits[:2])

        assert (first, second) == (True, True)
        assert not waits[2].done()

    assert await waits[2] is False


async def test_an_announcement_wakes_at_once(watched: Pool, database_url: str) -> None:
    """With LISTEN nobody waits for the poll."""
    job_id = await add_job(watched)

    async with watcher_of(watched, database_url, poll_s=30) as watcher, asyncio.timeout(10):
        wait = asyncio.create_task(watcher.wait(job_id, 20))
        await watched.execute(FINISH, job_id)
        while not wait.done():
            await watched.execute("select pg_notify('leadfall_finished', '')")
            await asyncio.sleep(0.01)

        assert await wait is True


async def test_a_lost_listener_changes_nothing(watched: Pool, database_url: str) -> None:
    """When the listening connection is cut, polling goes on."""
    job_id = await add_job(watched)

    async with watcher_of(watched, database_url) as watcher, asyncio.timeout(10):
        wait = asyncio.create_task(watcher.wait(job_id, 5))
        while not await watched.fetchval(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity "
            "where application_name = 'leadfall-api-listen'"
        ):
            await asyncio.sleep(0.01)
        await watched.execute(FINISH, job_id)

        assert await wait is True


async def test_a_database_that_cannot_be_asked_is_asked_again(watched: Pool) -> None:
    """A failing look is repeated until it works."""
    job_id = await add_job(watched)
    await watched.execute("alter table jobs rename to away")

    async with watcher_of(watched, None) as watcher:
        wait = asyncio.create_task(watcher.wait(job_id, 5))
        await asyncio.wait([wait], timeout=0.2)
        await watched.execute("alter table away rename to jobs")
        await watched.execute(FINISH, job_id)

        assert await wait is True


async def test_the_timeout(watched: Pool) -> None:
    """A job that does not finish in time is answered with False."""
    job_id = await add_job(watched)

    async with watcher_of(watched, None) as watcher:
        assert await watcher.wait(job_id, 0.1) is False


async def test_draining_releases_everybody_and_keeps_nobody(watched: Pool) -> None:
    """When the process begins to stop, old waits end and new ones do not begin."""
    job_id = await add_job(watched)
    draining = asyncio.Event()

    async with watcher_of(watched, None, draining=draining) as watcher, asyncio.timeout(5):
        wait = asyncio.create_task(watcher.wait(job_id, 60))
        await asyncio.wait([wait], timeout=0.1)
        draining.set()

        assert await wait is False
        assert await watcher.wait(job_id, 60) is False


async def test_places_are_bounded(watched: Pool) -> None:
    """A place is free again when its holder is done."""
    watcher = watcher_of(watched, None)

    with watcher.reserve():
        with watcher.reserve(), pytest.raises(TooBusy), watcher.reserve():
            pass
        with watcher.reserve():
            pass
