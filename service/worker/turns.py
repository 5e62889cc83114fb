"""Whose claimed lookup runs next: queues take turns, and none of them can take every slot."""

import asyncio
from collections import Counter, deque
from typing import Final

from service.domain.claim import Claim
from service.domain.fair_queue import Queue
from service.flows.accept_jobs import SYNC_PRIORITY

FREE_SHARE: Final = 15
"""A queue may use so many times as many slots as it leaves free for others."""
SYNC_SHARE: Final = 64
"""One of so many slots, and at least one of several, is for sync callers alone."""


class Turns:
    """The lookups that wait for one of `slots` runners.

    A queue whose vendor is slow gets about fifteen of sixteen slots, a second one as much of the
    rest: whoever comes next finds a free one. Each gets at least one, the lowest priority first,
    and as slots come back, those who wait take turns. However many queues hang at vendors, what is
    kept for sync callers is not theirs.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._kept = max(slots // SYNC_SHARE, min(1, slots - 1))
        self._waiting: dict[Queue, deque[Claim]] = {}
        self._running: Counter[Queue] = Counter()
        self._takers: deque[asyncio.Future[tuple[Queue, Claim]]] = deque()

    def put(self, queue: Queue, claim: Claim) -> None:
        """Let a lookup wait at the end of its queue."""
        self._waiting.setdefault(queue, deque()).append(claim)
        self._hand_out()

    async def take(self) -> tuple[Queue, Claim]:
        """Wait for a lookup to run; `done` with its queue gives the slot back."""
        taker: asyncio.Future[tuple[Queue, Claim]] = asyncio.get_running_loop().create_future()
        self._takers.append(taker)
        self._hand_out()
        return await taker

    def done(self, queue: Queue) -> None:
        """Give the slot of a lookup back."""
        self._running[queue] -= 1
        if not self._running[queue]:
            del self._running[queue]
        self._hand_out()

    def clear(self) -> list[Claim]:
        """Return the lookups that nobody has taken, and forget them."""
        unbegun = [claim for claims in self._waiting.values() for claim in claims]
        self._waiting.clear()
        return unbegun

    def _hand_out(self) -> None:
        while self._takers and (queue := self._next_queue()) is not None:
            taker = self._takers.popleft()
            if taker.done():
                continue
            # Taken out and put back at the end: the next turn is another's.
            claims = self._waiting.pop(queue)
            claim = claims.popleft()
            if claims:
                self._waiting[queue] = claims
            self._running[queue] += 1
            taker.set_result((queue, claim))

    def _next_queue(self) -> Queue | None:
        free = self._slots - self._running.total()
        sync = sum(count for queue, count in self._running.items() if queue[0] == SYNC_PRIORITY)
        others = free - max(0, self._kept - sync)
        able = [
            queue
            for queue in self._waiting
            if self._may_run(queue, free if queue[0] == SYNC_PRIORITY else others)
        ]
        return min(able, key=lambda queue: queue[0], default=None)

    def _may_run(self, queue: Queue, free: int) -> bool:
        """Tell whether one more of a queue may run where so many slots are free for it."""
        return free > 0 and self._running[queue] < max(1, FREE_SHARE * (free - 1))
