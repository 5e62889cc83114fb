"""SAQ, one job for each lead.

Tuned: no results kept, more jobs at once than the ten by default. Its sweeper runs jobs again
after the death of their process.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import uvloop
from saq import Queue, Worker

from tests.bench.peers.work import AT_ONCE, CoroutineWork, redis_url, run_program

_ENQUEUED_AT_ONCE = 100
_NO_RESULT = -1


async def look_up(context: Any, *, lead_id: int) -> None:
    """Run one job."""
    await context["work"].run(lead_id)


async def _start(context: Any) -> None:
    context["work"] = await CoroutineWork.open()


async def _stop(context: Any) -> None:
    await context["work"].close()


async def _enqueue(lead_ids: Sequence[int]) -> None:
    queue = Queue.from_url(redis_url())
    for first in range(0, len(lead_ids), _ENQUEUED_AT_ONCE):
        some = lead_ids[first : first + _ENQUEUED_AT_ONCE]
        await asyncio.gather(
            *(queue.enqueue("look_up", lead_id=lead_id, ttl=_NO_RESULT) for lead_id in some)
        )
    await queue.disconnect()


async def _work() -> None:
    worker = Worker(
        Queue.from_url(redis_url()),
        functions=[look_up],
        concurrency=AT_ONCE,
        startup=_start,
        shutdown=_stop,
    )
    await worker.start()


if __name__ == "__main__":
    run_program(lambda lead_ids: uvloop.run(_enqueue(lead_ids)), lambda: uvloop.run(_work()))
