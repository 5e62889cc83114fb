"""When those who were sent away from a shut gate look again: as fast as it will let them in."""

from collections import Counter
from typing import Final

from service.domain.fair_queue import Queue

AHEAD_S: Final = 5.0
"""So many seconds of a rate look again as soon as it opens: longer than it takes to be woken, and
so nobody of a short line waits for more than the gate."""
SPREAD_S_MAX: Final = 60.0
"""Within so many seconds all look: some are gone by then, and nobody is to wait for those."""


class Waking:
    """Gives each who waits for one opening a moment after it.

    Each queue has the whole rate, so that the few do not sleep behind the many. Where a queue
    holds more than the rate lets in within `SPREAD_S_MAX`, they share that time evenly.

    Args:
        interval_s: seconds between two requests at the rate of all workers together.
    """

    __slots__ = ("_interval_s", "_opens_at_s", "_places")

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._opens_at_s = 0.0
        self._places: Counter[Queue] = Counter()

    def after_s(self, queue: Queue, *, shut_for_s: float, now_s: float) -> float:
        """Take the next place of a queue; return how long after the opening its moment is.

        Args:
            shut_for_s: seconds from now until the gate opens, as far as is known.
        """
        if now_s >= self._opens_at_s:
            self._places.clear()
        self._opens_at_s = max(self._opens_at_s, now_s + shut_for_s)
        place = self._places[queue]
        self._places[queue] += 1
        return max(0.0, place * self._interval_s - AHEAD_S) % SPREAD_S_MAX
