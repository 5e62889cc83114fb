"""Whose claimed lookup runs next: queues take turns, and none of them can take every slot."""

import asyncio
from collections import Counter, deque
from dataclasses import dataclass
from typing import Final, TypeVar

from service.domain.claim import Claim
from service.domain.fair_queue import Queue
from service.flows.accept_jobs import SYNC_PRIORITY

T = TypeVar("T")

FREE_SHARE: Final = 15
"""A queue may use so many times as many slots as it leaves free for others."""
SYNC_SHARE: Final = 64
"""One of so many slots, and at least one of several, is for sync callers alone."""
AHEAD_SHARE: Final = 8
"""For so many slots one lookup of each queue, and at least one, is made ready ahead of its slot."""


@dataclass(eq=False, slots=True)
class Turn:
    """A lookup that was begun, or waits to be.

    Attributes:
        has_slot: it may ask a vendor and wait for it.
    """

    queue: Queue
    claim: Claim
    has_slot: bool = False


@dataclass(eq=False, slots=True)
class _Ready:
    """A lookup that stands in line for its slot; `called` says whether it has it, or never will."""

    turn: Turn
    called: "asyncio.Future[bool]"


class Turns:
    """The lookups that wait to be begun, and those that wait for one of `slots`.

    What asks nobody needs no slot, as to look what is known already, and to be handed on to be
    submitted with others. So a few of each queue are begun ahead, and a slot is there for a vendor
    from its first moment.

    A queue whose vendor is slow gets about fifteen of sixteen slots, a second one as much of the
    rest: whoever comes next finds a free one. Each gets at least one, the lowest priority first,
    and as slots come back, those who wait take turns. However many queues hang at vendors, what is
    kept for sync callers is not theirs.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._kept = max(slots // SYNC_SHARE, min(1, slots - 1))
        self._ahead_max = max(slots // AHEAD_SHARE, 1)
        self._waiting: dict[Queue, deque[Turn]] = {}
        self._ahead: Counter[Queue] = Counter()
        self._ready: dict[Queue, deque[_Ready]] = {}
        self._running: Counter[Queue] = Counter()
        self._in_use = 0

    def put(self, turn: Turn) -> None:
        """Let a lookup wait at the end of its queue."""
        self._waiting.setdefault(turn.queue, deque()).append(turn)

    def take(self) -> Turn | None:
        """Begin the next lookup, until `done`; None while no more may be begun."""
        able = [queue for queue in self._waiting if self._ahead[queue] < self._ahead_max]
        queue = _first(able)
        if queue is None:
            return None
        self._ahead[queue] += 1
        return _pop(self._waiting, queue)

    async def enter(self, turn: Turn) -> bool:
        """Wait for a slot, which is kept until `done`; False where it was given back meanwhile."""
        if turn.has_slot:
            return True
        queue = turn.queue
        if queue not in self._ready and self._may_run(queue):
            self._give_slot(turn)
            return True
        ready = _Ready(turn, asyncio.get_running_loop().create_future())
        self._ready.setdefault(queue, deque()).append(ready)
        return await ready.called

    def done(self, turn: Turn) -> None:
        """End a turn; its slot, if it has one, is for the next."""
        if not turn.has_slot:
            _lower(self._ahead, turn.queue)
            return
        _lower(self._running, turn.queue)
        self._in_use -= 1
        # One slot less in use may be room for more than one of a queue.
        while (queue := _first([each for each in self._ready if self._may_run(each)])) is not None:
            ready = _pop(self._ready, queue)
            # Who was cancelled waits no more.
            if not ready.called.done():
                self._give_slot(ready.turn)
                ready.called.set_result(True)

    def clear(self) -> list[Claim]:
        """Return the lookups that have no slot and may go elsewhere, and forget them."""
        unbegun = [turn.claim for turns in self._waiting.values() for turn in turns]
        self._waiting.clear()
        for ready in [each for line in self._ready.values() for each in line]:
            if not ready.called.done():
                ready.called.set_result(False)
                unbegun.append(ready.turn.claim)
        self._ready.clear()
        return unbegun

    def _give_slot(self, turn: Turn) -> None:
        _lower(self._ahead, turn.queue)
        turn.has_slot = True
        self._running[turn.queue] += 1
        self._in_use += 1

    def _may_run(self, queue: Queue) -> bool:
        """Tell whether one more of a queue may have a slot."""
        free = self._slots - self._in_use
        if free > 0 and queue[0] != SYNC_PRIORITY:
            sync = sum(count for each, count in self._running.items() if each[0] == SYNC_PRIORITY)
            free -= max(0, self._kept - sync)
        return free > 0 and self._running[queue] < max(1, FREE_SHARE * (free - 1))


def _first(queues: list[Queue]) -> Queue | None:
    """Return the queue whose turn it is: the lowest priority, and of these the first."""
    return min(queues, key=lambda queue: queue[0], default=None)


def _pop(lines: dict[Queue, deque[T]], queue: Queue) -> T:
    # Taken out and put back at the end: the next turn is another's.
    line = lines.pop(queue)
    first = line.popleft()
    if line:
        lines[queue] = line
    return first


def _lower(counts: Counter[Queue], queue: Queue) -> None:
    counts[queue] -= 1
    if not counts[queue]:
        del counts[queue]
