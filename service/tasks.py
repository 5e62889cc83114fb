"""Ends tasks for certain: the one way in which a process of ours stops what it started."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

CANCEL_AGAIN_S: Final = 1.0


async def end_tasks(
    tasks: Iterable["asyncio.Task[Any]"], *, again_s: float = CANCEL_AGAIN_S
) -> None:
    """Cancel tasks and wait until every one of them has ended, whatever it ended with.

    A task that goes on is cancelled again every `again_s` seconds. Before Python 3.12
    `asyncio.wait_for` loses a cancellation that arrives in the moment in which what it waits for
    ends, and redis-py sends every command through it: cancelled once, now and then one task in a
    thousand would go on for ever, and its process with it.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        ended, left = await asyncio.wait(left, timeout=again_s)
        for task in ended:
            if not task.cancelled():
                # Seen, so that nobody warns of an error that came too late to matter.
                task.exception()
