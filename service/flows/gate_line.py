"""Those who wait at a gate: sync callers first, then workspaces in turn, however many of each.

Whoever waits holds one of the worker's slots, polls or submits, so a line is as short as those are
few; and a line ends with the gate: when it shuts, all are sent away.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from service.domain.fair_queue import FairQueue, Queue

T = TypeVar("T")


class GateShut(Exception):  # noqa: N818 - a state, met on the way in
    """The gate was shut while a request waited for it; nothing was sent.

    Attributes:
        why: a slug.
        for_s: seconds until it is worth trying again.
    """

    def __init__(self, why: str, for_s: float) -> None:
        super().__init__(why, for_s)
        self.why = why
        self.for_s = for_s


class LineTooLong(Exception):  # noqa: N818 - a state, met on the way in
    """A request stood in line for as long as it may; nothing was sent."""


Check = Callable[[], None]
"""Raises `GateShut` when waiting on is of no use."""


@dataclass(frozen=True, slots=True)
class _Waiter(Generic[T]):
    queue: Queue
    called: "asyncio.Future[T]"
    check: Check


class Line(Generic[T]):
    """A line in front of something of which there is little.

    Attributes:
        is_empty: whether nobody waits.

    Args:
        give: gives back what somebody was called for and no longer wants.
    """

    __slots__ = ("_give", "_waiters", "is_empty")

    def __init__(self, give: Callable[[T], None]) -> None:
        self._give = give
        self._waiters: FairQueue[_Waiter[T]] = FairQueue(lambda waiter: waiter.queue)
        # Kept beside the queue, because every request that finds nobody waiting looks at it.
        self.is_empty = True

    async def wait(self, queue: Queue, check: Check) -> T:
        """Wait to be called; return what for.

        Raises:
            GateShut: by `check`, at a `recheck`.
        """
        called: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiters.append(_Waiter(queue, called, check))
        self.is_empty = False
        try:
            return await called
        except asyncio.CancelledError:
            if called.done() and not called.cancelled() and called.exception() is None:
                self._give(called.result())
            called.cancel()
            raise

    def ahead_of(self, queue: Queue) -> int:
        """Return about how many will be called before one who comes now."""
        return 0 if self.is_empty else self._waiters.ahead_of(queue)

    def call_next(self, what: T) -> bool:
        """Call the one whose turn it is for this; False when nobody waits."""
        while self._waiters:
            called = self._waiters.popleft().called
            if not called.done():
                called.set_result(what)
                self.is_empty = not self._waiters
                return True
        self.is_empty = True
        return False

    def recheck(self) -> None:
        """Send away those who wait for something that was shut meanwhile."""
        for waiter in self._waiters:
            if not waiter.called.done():
                try:
                    waiter.check()
                except GateShut as shut:
                    waiter.called.set_exception(shut)
