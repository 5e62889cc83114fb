"""Whether one more submission can be read at the vendor's pace; where it cannot, it is not made.

A vendor that takes sixty submissions a minute and lets thirty be read would otherwise be paid for
answers that are fetched too late, and whoever comes next would wait behind them all.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import Final

from providers.contract import Offer, Provider, Submitted
from service.domain.pacing import WINDOW_USE
from service.flows.accept_jobs import SYNC_PRIORITY
from service.flows.planned_call import PlannedCall
from service.store.connection import Pool
from service.store.submissions import read_open_submissions
from service.store.transient import TRANSIENT

ROOM_PATIENCE_S: Final = 60.0
"""How long a submission waits for room, in vendor time; submissions that never end must not stop
everything."""
SHARED_READS: Final = 0.5
"""The share of a rate that reads have at a gate they share with submits: every second turn."""
NEWCOMER_SHARE: Final = 4
"""By a fourth more may be open while somebody waits who has nothing open yet."""
_LOOK_S: Final = 1.0
_LOOK_S_MIN: Final = 0.05


def open_max(provider: Provider, offer: Offer) -> int | None:
    """Return how many submissions can each be read at their pace; None for what is not read.

    Where a vendor counts reading and submitting together, half of its rate is for reading: more
    open submissions would be smaller ones, and their reads would leave none of it to submit with.
    """
    if not isinstance(offer.shape, Submitted):
        return None
    limits, share = offer.shape.poll_limits, 1.0
    if limits is None:
        limits, share = offer.limits or provider.limits, SHARED_READS
    reads_per_s = limits.requests_per_minute * WINDOW_USE * share / 60
    return max(1, round(reads_per_s * offer.shape.poll_every_s))


class ReadRoom:
    """Waits for room; what is counted is what all workers have submitted.

    What a sync caller waits for finds room where the rest of the work has filled its own, and so
    does a workspace of which nothing is open: a big job fills its room again at once.

    Args:
        stopping: whether this process is to end; then nothing is waited for.
        time_scale: real seconds per vendor second.
    """

    def __init__(self, pool: Pool, *, stopping: Callable[[], bool], time_scale: float) -> None:
        self._pool = pool
        self._stopping = stopping
        self._time_scale = time_scale

    async def wait(self, call: PlannedCall, workspaces: Callable[[], Collection[int]]) -> None:
        """Wait until a submission like this one can be read, for `ROOM_PATIENCE_S` at most.

        Args:
            workspaces: those that wait for such a submission; asked again and again.
        """
        count_max = open_max(call.provider, call.offer)
        if count_max is None:
            return
        if call.claim.priority == SYNC_PRIORITY:
            count_max *= 2
        loop = asyncio.get_running_loop()
        until_s = loop.time() + ROOM_PATIENCE_S * self._time_scale
        look_s = max(_LOOK_S * self._time_scale, _LOOK_S_MIN)
        while not self._stopping() and loop.time() < until_s:
            is_open_for = await self._look(call)
            more = max(1, count_max // NEWCOMER_SHARE)
            has_newcomers = not set(is_open_for).issuperset(workspaces())
            if len(is_open_for) < count_max + (more if has_newcomers else 0):
                return
            await asyncio.sleep(look_s)

    async def _look(self, call: PlannedCall) -> list[int | None]:
        try:
            async with self._pool.acquire() as connection:
                return await read_open_submissions(
                    connection, call.provider.slug, call.credential.id
                )
        except TRANSIENT:
            # Submitting will meet the same, and knows what to do about it.
            return []
