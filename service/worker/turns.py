"""Whose claimed lookup runs next: queues take turns, and none of them can take every slot."""

from collections import Counter, deque
from dataclasses import dataclass
from typing import Final

from service.domain.claim import Claim
from service.domain.fair_queue import Queue
from service.flows.accept_jobs import SYNC_PRIORITY

FREE_SHARE: Final = 15
"""A queue may use so many times as many slots as it leaves free for others."""
SYNC_SHARE: Final = 64
"""One of so many slots, and at least one of several, is for sync callers alone."""
BRIEF_MAX: Final = 16
"""So many turns run at once of those that wait for no vendor: more would not end any sooner."""


@dataclass(eq=False, slots=True)
class Turn:
    """A lookup that has a slot, or waits for one.

    Attributes:
        brief: it will be handed on to be submitted with others, and waits for no vendor.
    """

    queue: Queue
    claim: Claim
    brief: bool = False


class Turns:
    """The lookups that wait for one of `slots`.

    A queue whose vendor is slow gets about fifteen of sixteen slots, a second one as much of the
    rest: whoever comes next finds a free one. Each gets at least one, the lowest priority first,
    and as slots come back, those who wait take turns. However many queues hang at vendors, what is
    kept for sync callers is not theirs.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._kept = max(slots // SYNC_SHARE, min(1, slots - 1))
        self._waiting: dict[Queue, deque[Turn]] = {}
        self._running: Counter[Queue] = Counter()
        self._in_use = 0
        self._brief = 0

    def put(self, turn: Turn) -> None:
        """Let a lookup wait at the end of its queue."""
        self._waiting.setdefault(turn.queue, deque()).append(turn)

    def take(self) -> Turn | None:
        """Give the next lookup its slot, until `done`; None while no more may run."""
        # Asked at every end of a lookup, and mostly all slots are in use.
        is_full = self._in_use >= self._slots
        queue = None if is_full or not self._waiting else self._next_queue()
        if queue is None:
            return None
        # Taken out and put back at the end: the next turn is another's.
        turns = self._waiting.pop(queue)
        turn = turns.popleft()
        if turns:
            self._waiting[queue] = turns
        self._running[queue] += 1
        self._in_use += 1
        self._brief += turn.brief
        return turn

    def lengthen(self, turn: Turn) -> None:
        """Count a turn among those that wait for a vendor, since it is going to."""
        self._brief -= turn.brief
        turn.brief = False

    def done(self, turn: Turn) -> None:
        """Give the slot of a lookup back."""
        self._brief -= turn.brief
        self._in_use -= 1
        self._running[turn.queue] -= 1
        if not self._running[turn.queue]:
            del self._running[turn.queue]

    def clear(self) -> list[Claim]:
        """Return the lookups that have no slot, and forget them."""
        unbegun = [turn.claim for turns in self._waiting.values() for turn in turns]
        self._waiting.clear()
        return unbegun

    def _next_queue(self) -> Queue | None:
        free = self._slots - self._in_use
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
        if free <= 0 or self._running[queue] >= max(1, FREE_SHARE * (free - 1)):
            return False
        return self._brief < BRIEF_MAX or not self._waiting[queue][0].brief
