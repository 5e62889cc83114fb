"""The moments at which requests to a vendor may go, shared with all other workers.

They are leased from Redis in slices; where Redis is gone, each worker keeps to its fair share.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from prometheus_client import Counter

from providers.contract import Limits, Provider
from service.domain.fair_queue import Queue
from service.domain.pacing import Rate, Schedule, Window
from service.edges.rate_slices import Order, RateSlices, Slice
from service.flows.gate_line import Check, Line

SLICE_S: Final = 0.25
_SLICE_S_MIN: Final = 0.05
_SLOTS_MAX: Final = 256
UNSHARED: Final = "rate_unshared"

_unused = Counter("leadfall_rate_slots_late_total", "Slots that nobody used in time.")


class _Called(Enum):
    """What one who stood in line is called for."""

    # To take slots, for itself and for those behind.
    TO_TAKE = auto()
    # A slot, which is now.
    TO_GO = auto()


@dataclass(slots=True)
class Fleet:
    """The workers that are alive.

    Attributes:
        rank: this one's place among them, from 0, the same as every other worker counts.
    """

    workers: int = 1
    rank: int = 0


class RequestPace:
    """The moments at which requests may go: leased from Redis, or this worker's fair share.

    Every change between the two, and of the share, begins with a pause as long as it takes until
    all workers have noticed and all slots that were leased before are over.
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
        windows = _windows_of(limits, time_scale)
        self._name = name
        self._windows = windows
        self._rates = [window.whole(limits.concurrency) for window in windows]
        self._interval_s = max(rate.interval_s for rate in self._rates)
        self._late_s = min(window.jitter_s for window in windows) / 2
        self._slices = slices
        self._fleet = fleet
        self._slice_s = max(SLICE_S * time_scale, _SLICE_S_MIN)
        self._line: Line[_Called] = Line(self._take_back)
        self._is_taking = False
        self._waiting = 0
        self._taken = 0
        self._recent = 0
        self._counted_from_s = 0.0
        self._lead_s = 0.0
        self._resume_at_s = 0.0
        self._slots: deque[float] = deque()
        self._share: Schedule | None = None
        self._share_of = (0, 0)
        if slices is None:
            self._share = Schedule(self._rates, first_at_s=0.0)

    @property
    def interval_s(self) -> float:
        """About what lies between two requests of this worker, as long as all are busy."""
        return self._interval_s * self._fleet.workers

    def ahead_of(self, queue: Queue) -> int:
        """Return about how many will have their slots before one who comes now."""
        return self._line.ahead_of(queue)

    def unshared_for_s(self) -> float:
        """Return seconds to wait where Redis is gone and this worker has no share of the rate."""
        if self._slices is None or self._slices.is_up or self._fair_rates() is not None:
            return 0.0
        return self._slices.notice_s / 2

    async def wait(self, check: Check, queue: Queue) -> float:
        """Wait until one request may go; return 0, or for how long the vendor is to be left.

        One at a time takes slots, for those in line as well as there are more. A sync caller is
        first there, and so is behind nobody but the one who is at it.
        """
        self._waiting += 1
        try:
            if self._is_taking and await self._line.wait(queue, check) is _Called.TO_GO:
                return 0.0
            self._is_taking = True
            try:
                return await self._take_slot(check)
            finally:
                self._end_turn()
        finally:
            self._waiting -= 1

    async def _take_slot(self, check: Check) -> float:
        while True:
            check()
            if not self._slots and (held_s := await self._find_slots()) > 0:
                return held_s
            if self._slots and await self._reach_slot():
                self._taken += 1
                return 0.0

    def _end_turn(self) -> None:
        # What is at hand goes to those in line at once, not to one in each turn of the event loop.
        while not self._line.is_empty and self._slots and self._slots[0] <= _now_s():
            if self._is_in_time(self._slots.popleft()) and self._line.call_next(_Called.TO_GO):
                self._taken += 1
        # Handed over at once: whoever comes in between finds it taken and stands in line.
        self._is_taking = not self._line.is_empty and self._line.call_next(_Called.TO_TAKE)

    def _take_back(self, called: _Called) -> None:
        if called is _Called.TO_TAKE:
            self._end_turn()

    def _is_in_time(self, slot_at_s: float) -> bool:
        if _now_s() <= slot_at_s + self._late_s:
            return True
        _unused.inc()
        return False

    async def _reach_slot(self) -> bool:
        """Wait for the next slot; False when it is too late for it."""
        wait_s = self._slots[0] - _now_s()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        return self._is_in_time(self._slots.popleft())

    async def _find_slots(self) -> float:
        """Find at least one slot or wait a little; return for how long the vendor is held."""
        if self._slices is None:
            self._slots.append(_next_of(self._share))
            return 0.0
        found = await self._slices.reserve(self._order())
        if found is None:
            self._find_in_share(self._slices)
            if not self._slots:
                await asyncio.sleep(self._slices.notice_s / 2)
            return 0.0
        if self._share is not None:
            # Other workers may go by their share of the rate for a moment longer.
            self._share = None
            self._resume_at_s = _now_s() + self._slices.notice_s + self._furthest_s()
            return 0.0
        self._use(found)
        if not found.slots_at_s and found.held_s == 0:
            await asyncio.sleep(max(found.wait_s, 0.001))
        return found.held_s

    def _order(self) -> Order:
        now_s = _now_s()
        counted_s = now_s - self._counted_from_s
        if counted_s >= self._slice_s:
            self._recent = self._taken if counted_s < 2 * self._slice_s else 0
            self._taken, self._counted_from_s = 0, now_s
        slots_max = min(_SLOTS_MAX, max(1, int(self._slice_s / self._interval_s)))
        furthest_s = self._furthest_s()
        earliest_s = max(self._lead_s, self._resume_at_s - now_s)
        # As many as went during the last slice will be wanted during this one as well, and where
        # that was too few a quarter of it more each time.
        expected = max(self._recent - self._taken, self._recent // 4)
        count = min(max(self._waiting, expected, 1), slots_max)
        return Order(self._name, self._rates, count, earliest_s, max(furthest_s, earliest_s))

    def _use(self, found: Slice) -> None:
        self._slots.extend(found.slots_at_s)
        # Where Redis answers slowly, slots must lie so far ahead that they can be reached.
        self._lead_s = found.took_s if found.took_s > self._late_s / 2 else 0.0

    def _furthest_s(self) -> float:
        # Each worker may have one slice ahead; more than that is never booked.
        return (self._fleet.workers + 1) * max(self._slice_s, self._interval_s)

    def _find_in_share(self, slices: RateSlices) -> None:
        rates = self._fair_rates()
        share_of = (self._fleet.workers, self._fleet.rank)
        if self._share is None or share_of != self._share_of:
            slowest = max(rates or self._rates, key=lambda rate: rate.interval_s)
            pause_s = slices.notice_s + slowest.interval_s * 2
            if self._share is None:
                bursts_s = max(rate.interval_s * rate.burst for rate in self._rates)
                pause_s += self._furthest_s() + bursts_s
            self._share = Schedule(rates or (), first_at_s=_now_s() + pause_s)
            self._share_of = share_of
        if rates is not None:
            self._slots.append(_next_of(self._share))

    def _fair_rates(self) -> Sequence[Rate] | None:
        """Return this worker's share of each window; None when one has nothing left for it."""
        shares = [window.share(self._fleet.workers, self._fleet.rank) for window in self._windows]
        rates = [share for share in shares if share is not None]
        return rates if len(rates) == len(shares) else None


def budget_name(provider: Provider, credential: str, limits: Limits) -> str:
    """Return the name of what a key's limits are kept for, the same in all processes.

    Named by its numbers: every process must come to the same name without asking.
    """
    numbers = "all"
    if limits != provider.limits:
        numbers = f"{limits.requests_per_minute}:{limits.requests_per_second}"
        longer = (limits.requests_per_hour, limits.requests_per_day)
        numbers += "".join(f":{each}" for each in longer if each is not None)
    return f"{provider.slug}:{credential}:{numbers}"


def rates_of(limits: Limits, *, time_scale: float) -> list[Rate]:
    """Return the rates at which all processes together may send."""
    return [window.whole(limits.concurrency) for window in _windows_of(limits, time_scale)]


def _windows_of(limits: Limits, time_scale: float) -> list[Window]:
    windows = (
        (limits.requests_per_minute, 60.0),
        (limits.requests_per_second, 1.0),
        (limits.requests_per_hour, 3_600.0),
        (limits.requests_per_day, 86_400.0),
    )
    return [
        Window(requests, seconds * time_scale)
        for requests, seconds in windows
        if requests is not None
    ]


def _next_of(schedule: Schedule | None) -> float:
    now_s = _now_s()
    return now_s if schedule is None else schedule.take(now_s)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
