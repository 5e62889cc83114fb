"""One budget of a vendor's limits: its rate, its requests under way, and its Retry-After.

Operations that share the limits share the budget.
"""

import asyncio

from providers.contract import Limits
from service.domain.fair_queue import UNCLAIMED, Queue
from service.domain.pacing import InFlightLimit
from service.domain.silence import Silence
from service.edges.rate_slices import RateSlices
from service.flows.gate_line import Check, Line
from service.flows.request_pace import UNSHARED, Fleet, RequestPace


class RequestBudget:
    """Lets requests go as fast, and as many at once, as the vendor allows.

    Attributes:
        silence: of the vendor since it was held, whichever of the operations had an answer.

    Args:
        name: the same in all workers; it is shown to Redis and must hold no secret.
        slices: None for limits that are this process's own.
        time_scale: real seconds per vendor second.
    """

    def __init__(
        self,
        name: str,
        limits: Limits,
        slices: RateSlices | None,
        fleet: Fleet,
        *,
        time_scale: float,
    ) -> None:
        self.in_flight = InFlight(limits.concurrency, fleet if slices is not None else Fleet())
        self.used_at_s = _now_s()
        self.silence = Silence()
        self._held_until_s = 0.0
        self._told_until_s = 0.0
        self._telling: asyncio.Task[None] | None = None
        self._is_closing = False
        self._name = name
        self._slices = slices
        self._pace = RequestPace(name, limits, slices, fleet, time_scale=time_scale)

    def shut_for_s(self) -> float:
        """Return for how long nothing may be sent, seconds; 0 when the budget is open."""
        return self.held_for_s() or self._pace.unshared_for_s()

    def held_for_s(self) -> float:
        """Return for how long the vendor wants to be left alone, seconds; 0 when it does not."""
        # Most are never held, and are spared the look at the clock.
        return max(self._held_until_s - _now_s(), 0.0) if self._held_until_s else 0.0

    @property
    def why(self) -> str:
        """The slug of why it is shut."""
        return "throttled" if self.held_for_s() > 0 else UNSHARED

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way or waiting."""
        return self.in_flight.count == 0 and not self.in_flight.has_waiters

    @property
    def interval_s(self) -> float:
        """About what lies between two requests of this process, as long as all are busy."""
        return self._pace.interval_s

    def line_s(self, queue: Queue, latency_s: float) -> float:
        """Return about how long one who comes now would stand in line.

        Args:
            latency_s: what a request usually takes.
        """
        pace_s = self._pace.interval_s
        place_s = max(latency_s / self.in_flight.adapting.limit, pace_s)
        return self.in_flight.ahead_of(queue) * place_s + self._pace.ahead_of(queue) * pace_s

    def hold(self, seconds: float) -> None:
        """Send nothing for so long, here at once and in the other workers by way of Redis.

        While Redis does not answer, it is told again and again until the hold is over.
        """
        self._held_until_s = max(self._held_until_s, _now_s() + seconds)
        if self._slices is not None and (self._telling is None or self._telling.done()):
            self._telling = asyncio.create_task(self._tell(self._slices))

    async def enter(self, check: Check, queue: Queue = UNCLAIMED) -> None:
        """Wait for a place and for the rate; `leave` gives the place back.

        At both, sync callers are first and workspaces take turns.

        Raises:
            GateShut: by `check`, or because the budget is held.
        """
        self.used_at_s = _now_s()
        await self.in_flight.take(check, queue)
        try:
            held_s = await self._pace.wait(check, queue)
            if held_s > 0:
                self._held_until_s = max(self._held_until_s, _now_s() + held_s)
                check()
        except BaseException:
            self.in_flight.give()
            raise

    async def close(self) -> None:
        """Let what is being told to Redis get there, if it answers."""
        self._is_closing = True
        if self._telling is not None:
            await self._telling

    def leave(self) -> None:
        """Give the place back."""
        self.used_at_s = _now_s()
        self.in_flight.give()

    async def _tell(self, slices: RateSlices) -> None:
        """Tell Redis of the hold, and once more if it has become longer meanwhile."""
        while self._told_until_s < self._held_until_s and self.held_for_s() > 0:
            until_s = self._held_until_s
            if await slices.hold(self._name, self.held_for_s()):
                self._told_until_s = until_s
            elif self._is_closing:
                return
            else:
                await asyncio.sleep(slices.notice_s / 2)


class InFlight:
    """Places for requests under way, as many as an adapting limit allows; who waits stands in line.

    A vendor's limit is for the key, so each worker has its share of it, and at least one place.
    """

    def __init__(self, concurrency: int, fleet: Fleet) -> None:
        self.adapting = InFlightLimit(concurrency)
        self.count = 0
        self._concurrency = concurrency
        self._fleet = fleet
        self._line: Line[None] = Line(lambda _: self.give())

    @property
    def has_waiters(self) -> bool:
        """Whether somebody waits for a place."""
        return not self._line.is_empty

    def ahead_of(self, queue: Queue) -> int:
        """Return about how many will have a place before one who comes now."""
        return self._line.ahead_of(queue)

    async def take(self, check: Check, queue: Queue) -> None:
        """Take a place, or wait for one."""
        self.adapting.ceiling = max(1, self._concurrency // self._fleet.workers)
        check()
        if self.count < self.adapting.limit and self._line.is_empty:
            self.count += 1
        else:
            await self._line.wait(queue, check)

    def give(self) -> None:
        """Give a place back, to whoever is next."""
        self.count -= 1
        while self.count < self.adapting.limit and self._line.call_next(None):
            self.count += 1

    def recheck(self) -> None:
        """Send away those who wait for something that was shut meanwhile."""
        self._line.recheck()


def _now_s() -> float:
    return asyncio.get_running_loop().time()
