"""How fast and how many at once: vendors' windows as schedules, and a limit that adapts.

Numbers only: the caller passes the time in. All times here are real seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# Of each window this share is used. The rest is for clocks that run apart.
WINDOW_USE: Final = 0.95
# Requests reach the vendor later than they were let go, some more than others.
JITTER_SHARE: Final = 0.1
JITTER_S_MIN: Final = 0.1
JITTER_S_MAX: Final = 1.0
# A twentieth of a window may go at once after a pause; each one of it costs sustained rate.
BURST_DIVISOR: Final = 20

LATENCY_SAMPLES_MIN: Final = 20
LATENCY_RISE: Final = 2.0
LATENCY_RISE_S_MIN: Final = 0.05
_FAST: Final = 0.2
_BASELINE_DOWN: Final = 0.1
_BASELINE_UP: Final = 0.005

HALVE: Final = 0.5
EASE: Final = 0.8


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `burst` at once and one more every `interval_s` seconds."""

    interval_s: float
    burst: int = 1


@dataclass(frozen=True, slots=True)
class Window:
    """A vendor's limit: at most `requests` in any `seconds`.

    Of a rate with burst B, at most B + L / interval requests fall into a span of L seconds. The
    rates here are made so that this is at most `requests` for a span longer than the window by
    the unused share and the jitter.
    """

    requests: int
    seconds: float

    @property
    def jitter_s(self) -> float:
        """By how much requests may come closer together on their way to the vendor."""
        return max(JITTER_S_MIN, min(self.seconds * JITTER_SHARE, JITTER_S_MAX))

    def whole(self, burst_max: int) -> Rate:
        """Return the rate of all processes together."""
        burst = max(1, min(burst_max, self.requests // BURST_DIVISOR))
        return Rate(self._span_s / (self.requests - burst + 1), burst)

    def share(self, workers: int, rank: int) -> Rate | None:
        """Return the rate of the worker with this rank, from 0, of so many that cannot confer.

        Where there are more workers than requests in a window, the first ones have one each and
        the others none: any more could meet in one window.
        """
        count = self.requests // workers or int(rank < self.requests)
        return Rate(self._span_s / count) if count else None

    @property
    def _span_s(self) -> float:
        return self.seconds / WINDOW_USE + self.jitter_s


class Schedule:
    """When each of a row of requests may go, within every one of its rates.

    The generic cell rate algorithm: of each rate it keeps when the requests so far, evenly spaced,
    would be over. It starts empty: the first may go at `first_at_s`, a burst only after a pause.
    """

    __slots__ = ("_over_at_s", "_rates")

    def __init__(self, rates: Sequence[Rate], *, first_at_s: float) -> None:
        self._rates = tuple(rates)
        self._over_at_s = [first_at_s + _credit_s(rate) for rate in self._rates]

    def wait_s(self, now_s: float) -> float:
        """Return in how many seconds one request could go, without booking it."""
        return self._next_at_s(now_s) - now_s

    def take(self, now_s: float) -> float:
        """Book one request and return when it may go: `now_s` or later."""
        at_s = self._next_at_s(now_s)
        for place, rate in enumerate(self._rates):
            self._over_at_s[place] = max(self._over_at_s[place], at_s) + rate.interval_s
        return at_s

    def _next_at_s(self, now_s: float) -> float:
        at_s = now_s
        for rate, over_at_s in zip(self._rates, self._over_at_s, strict=True):
            at_s = max(at_s, over_at_s - _credit_s(rate))
        return at_s


def _credit_s(rate: Rate) -> float:
    return (rate.burst - 1) * rate.interval_s


class InFlightLimit:
    """How many requests may be under way: one more per round of successes, less on trouble.

    A round ends when every request of it was begun after the last decrease; a crowd of requests
    that fail together is one sign of trouble, not many.
    """

    __slots__ = ("_decreased_at_s", "_limit", "ceiling")

    def __init__(self, ceiling: int) -> None:
        self.ceiling = ceiling
        self._limit = float(ceiling)
        self._decreased_at_s = float("-inf")

    @property
    def limit(self) -> int:
        """The limit now: from 1 to the ceiling."""
        return max(1, min(int(self._limit), self.ceiling))

    def increase(self, in_flight: int) -> None:
        """Note a success while so many were under way; an unused limit does not grow."""
        if in_flight * 2 >= self.limit:
            self._limit = min(self._limit + 1.0 / self._limit, float(self.ceiling))

    def decrease(self, factor: float, *, began_s: float, now_s: float) -> None:
        """Multiply the limit by `factor`, once per round."""
        if began_s >= self._decreased_at_s:
            self._limit = max(1.0, min(self._limit, float(self.ceiling)) * factor)
            self._decreased_at_s = now_s


class LatencyWatch:
    """Notices that answers take well longer than they usually do.

    The usual is an average that falls quickly and rises slowly, so that a queue that builds up at
    the vendor does not pass for its usual pace. Well longer is `LATENCY_RISE` times as long.
    """

    __slots__ = ("_baseline_s", "_count", "_recent_s")

    def __init__(self) -> None:
        self._count = 0
        self._recent_s = 0.0
        self._baseline_s = 0.0

    @property
    def recent_s(self) -> float:
        """What answers took lately, seconds; 0 before the first."""
        return self._recent_s

    def note(self, latency_s: float) -> bool:
        """Note the time of one answer; return whether the recent ones take well too long."""
        self._count += 1
        if self._count == 1:
            self._recent_s = self._baseline_s = latency_s
        self._recent_s += (latency_s - self._recent_s) * _FAST
        pull = _BASELINE_UP if latency_s > self._baseline_s else _BASELINE_DOWN
        self._baseline_s += (latency_s - self._baseline_s) * pull
        usual_s = max(self._baseline_s * LATENCY_RISE, self._baseline_s + LATENCY_RISE_S_MIN)
        return self._count >= LATENCY_SAMPLES_MIN and self._recent_s > usual_s
