"""arq, one job for each lead.

Tuned: no results kept, more jobs at once than the ten by default, a poll often enough to keep them
busy. Its jobs are run again after the death of their process.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import uvloop
from arq import create_pool, run_worker
from arq.connections import RedisSettings

from tests.bench.peers.work import AT_ONCE, CoroutineWork, redis_url, run_program

_ENQUEUED_AT_ONCE = 100


async def look_up(context: dict[str, Any], lead_id: int) -> None:
    """Run one job."""
    await context["work"].run(lead_id)


async def _start(context: dict[str, Any]) -> None:
    context["work"] = await CoroutineWork.open()


async def _stop(context: dict[str, Any]) -> None:
    await context["work"].close()


class WorkerSettings:
    """What arq reads."""

    functions = (look_up,)
    on_startup = _start
    on_shutdown = _stop
    max_jobs = AT_ONCE
    poll_delay = 0.01
    keep_result = 0
    health_check_interval = 60


async def _enqueue(lead_ids: Sequence[int]) -> None:
    pool = await create_pool(RedisSettings.from_dsn(redis_url()))
    for first in range(0, len(lead_ids), _ENQUEUED_AT_ONCE):
        some = lead_ids[first : first + _ENQUEUED_AT_ONCE]
        await asyncio.gather(*(pool.enqueue_job("look_up", lead_id) for lead_id in some))
    await pool.aclose()


def _work() -> None:
    uvloop.install()
    run_worker(WorkerSettings, redis_settings=RedisSettings.from_dsn(redis_url()))


if __name__ == "__main__":
    run_program(lambda lead_ids: uvloop.run(_enqueue(lead_ids)), _work)
