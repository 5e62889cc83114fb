"""Dramatiq over Redis, one message for each lead, run by threads.

Tuned: more threads than the eight by default and more messages fetched ahead, because the work
waits for others. A message is acknowledged once it was worked on.
"""

import os
import sys
from collections.abc import Sequence
from functools import cache

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from tests.bench.peers.work import ThreadWork, redis_url, run_program

_THREADS = 16
_broker = RedisBroker(url=redis_url())
dramatiq.set_broker(_broker)


@cache
def _work_of_process() -> ThreadWork:
    return ThreadWork()


@dramatiq.actor(max_retries=3, actor_name="look_up")
def look_up(lead_id: int) -> None:
    """Run one message."""
    _work_of_process().run(lead_id)


def _enqueue(lead_ids: Sequence[int]) -> None:
    for lead_id in lead_ids:
        look_up.send(lead_id)


def _work() -> None:
    os.environ["dramatiq_queue_prefetch"] = str(_THREADS * 4)  # noqa: SIM112 - its name
    os.execv(  # noqa: S606 - a program without a shell is what is wanted
        sys.executable,
        [sys.executable, "-m", "dramatiq", "tests.bench.peers.dramatiq_jobs",
         "--processes", "1", "--threads", str(_THREADS)],
    )  # fmt: skip


if __name__ == "__main__":
    run_program(_enqueue, _work)
