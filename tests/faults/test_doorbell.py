"""A doorbell is told to stop while its Redis takes everything and answers nothing."""

import asyncio
import gc
import secrets
import warnings

import pytest

from service.domain.identifiers import new_id
from service.edges.doorbell import DRAIN, connect
from service.worker.doorbell import DoorbellWorker
from tests.faults.proxy import Proxy, ends_redis_answer

# As many as are answered at once, so that they need more than one connection.
RINGS = 4


@pytest.mark.parametrize("under_way", [False, True])
async def test_it_leaves_nothing_behind(redis_url: str, *, under_way: bool) -> None:
    """Whoever ends it tells it again and again, also while it closes; arq shields its last word."""
    heard, answered = asyncio.Semaphore(0), asyncio.Event()
    if not under_way:
        answered.set()

    async def answer() -> None:
        heard.release()
        await answered.wait()

    before = asyncio.all_tasks()
    redis = connect(redis_url)
    async with Proxy(redis_url, ends_redis_answer) as proxy:
        for _ in range(RINGS):
            await redis.enqueue_job(DRAIN, _job_id=secrets.token_hex(8))
        doorbell = DoorbellWorker(proxy.url, new_id(), answer)
        doorbell.start()
        for _ in range(RINGS):
            await heard.acquire()
        connections = {each["id"] for each in await redis.client_list()}
        assert len(connections) > 2, "one here, and only one there: nothing would be left"

        proxy.passing.clear()
        answered.set()
        await doorbell.stop()

    await redis.aclose(close_connection_pool=True)
    assert asyncio.all_tasks() - before == set()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        del doorbell
        gc.collect()
    assert [str(each.message) for each in seen] == []
