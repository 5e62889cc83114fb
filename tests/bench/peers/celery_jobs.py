"""Celery over Redis, one task for each lead, run by threads.

Tuned by its page on optimizing: many messages fetched ahead because tasks are short, no results,
no rate limits, no gossip between workers. A task is acknowledged once it was worked on.
"""

import os
import sys
from collections.abc import Sequence
from functools import cache

from celery import Celery

from tests.bench.peers.work import ThreadWork, redis_url, run_program

_THREADS = 16
app = Celery("peers", broker=redis_url())
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=64,
    worker_disable_rate_limits=True,
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
)


@cache
def _work_of_process() -> ThreadWork:
    return ThreadWork()


@app.task(name="look_up")
def look_up(lead_id: int) -> None:
    """Run one task."""
    _work_of_process().run(lead_id)


def _enqueue(lead_ids: Sequence[int]) -> None:
    with app.producer_pool.acquire(block=True) as producer:
        for lead_id in lead_ids:
            look_up.apply_async((lead_id,), producer=producer)


def _work() -> None:
    os.execv(  # noqa: S606 - a program without a shell is what is wanted
        sys.executable,
        [sys.executable, "-m", "celery", "--app", "tests.bench.peers.celery_jobs", "worker",
         "--pool", "threads", "--concurrency", str(_THREADS), "--hostname", f"peer-{os.getpid()}",
         "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "ERROR"],
    )  # fmt: skip


if __name__ == "__main__":
    run_program(_enqueue, _work)
