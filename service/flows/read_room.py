"""Whether one more submission can be read at the vendor's pace; where it cannot, it is not made.

A vendor that takes sixty submissions a minute and lets thirty be read would otherwise be paid for
answers that are fetched too late, and whoever comes next would wait behind them all.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from providers.contract import Offer, Provider, Submitted
from service.domain.pacing import WINDOW_USE
from service.flows.accept_jobs import SYNC_PRIORITY
from service.store.connection import Pool
from service.store.submissions import read_open_submissions
from service.store.transient import TRANSIENT

ROOM_PATIENCE_S: Final = 60.0
"""How long a submission waits for room, in vendor time; submissions that never end must not stop
everything."""
SHARED_READS: Final = 0.5
"""The share of a rate that reads have at a gate they share with submits: every second turn."""
TOGETHER_MAX: Final = 2
"""So many times as much as one workspace may have open, all of them may together."""
WITH_SYNC_MAX: Final = 3
"""So many times as much there may be for a sync caller to find room."""
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


@dataclass(frozen=True, slots=True)
class SubmissionAim:
    """What is submitted to, with whose key and for whom; of no person and with no secret."""

    provider: Provider
    offer: Offer
    credential_id: str
    priority: int


class ReadRoom:
    """Waits for room; what is counted is what all workers have submitted.

    The room is each workspace's own, because a big job fills its room again at once. Where several
    do, what they have submitted is read later, though each in its turn; a sync caller has room
    beyond all of that.

    Args:
        stopping: whether this process is to end; then nothing is waited for.
        time_scale: real seconds per vendor second.
    """

    def __init__(self, pool: Pool, *, stopping: Callable[[], bool], time_scale: float) -> None:
        self._pool = pool
        self._stopping = stopping
        self._time_scale = time_scale

    async def wait(
        self, aim: SubmissionAim, workspaces: Callable[[], Collection[int]]
    ) -> Collection[int]:
        """Wait until a submission can be read, for `ROOM_PATIENCE_S` at most.

        Args:
            workspaces: those that wait for such a submission; asked again and again.

        Returns:
            The workspaces among them that have no room of their own.
        """
        own_max = open_max(aim.provider, aim.offer)
        if own_max is None:
            return ()
        is_sync = aim.priority == SYNC_PRIORITY
        together_max = own_max * (WITH_SYNC_MAX if is_sync else TOGETHER_MAX)
        loop = asyncio.get_running_loop()
        until_s = loop.time() + ROOM_PATIENCE_S * self._time_scale
        look_s = max(_LOOK_S * self._time_scale, _LOOK_S_MIN)
        while not self._stopping() and loop.time() < until_s:
            open_of = Counter(await self._look(aim))
            waiting = workspaces()
            full = () if is_sync else [each for each in waiting if open_of[each] >= own_max]
            if len(full) < len(waiting) and open_of.total() < together_max:
                return full
            await asyncio.sleep(look_s)
        return ()

    async def _look(self, aim: SubmissionAim) -> list[int | None]:
        try:
            async with self._pool.acquire() as connection:
                return await read_open_submissions(connection, aim.provider.slug, aim.credential_id)
        except TRANSIENT:
            # Submitting will meet the same, and knows what to do about it.
            return []
