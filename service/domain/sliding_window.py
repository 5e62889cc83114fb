"""Counts requests in a window that slides by the second; pure, it reads the clock it was given."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

WINDOW_S: Final = 60
"""Seconds of the window: a request counts until this many seconds of the clock have passed."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What a request was told when it was counted.

    Attributes:
        is_within: whether the request is within the limit; one that is not does not count.
        remaining: requests that could follow at once.
        frees_in_s: whole seconds until the oldest counted request leaves the window, 1 to 60.
    """

    limit: int
    remaining: int
    frees_in_s: int
    is_within: bool = field(kw_only=True)


class SlidingCounts:
    """Keep the counts of at most `names_max` names; the one not seen for longest goes first."""

    __slots__ = ("_clock", "_counts", "_names_max")

    def __init__(self, names_max: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._names_max = names_max
        # By name: the seconds in which there were requests, and how many, oldest first.
        self._counts: OrderedDict[str, deque[list[int]]] = OrderedDict()

    def count(self, name: str, limit: int) -> Tally:
        """Count a request if `limit` allows one more in the last 60 seconds."""
        now_s = int(self._clock())
        counts = self._counts.pop(name, None) or deque()
        while counts and counts[0][0] <= now_s - WINDOW_S:
            counts.popleft()
        used = sum(count for _, count in counts)
        is_within = used < limit
        if is_within:
            used += 1
            if counts and counts[-1][0] == now_s:
                counts[-1][1] += 1
            else:
                counts.append([now_s, 1])
        if counts:
            while len(self._counts) >= self._names_max:
                self._counts.popitem(last=False)
            self._counts[name] = counts
        oldest_s = counts[0][0] if counts else now_s
        frees_in_s = oldest_s + WINDOW_S - now_s
        return Tally(limit, max(limit - used, 0), frees_in_s, is_within=is_within)
