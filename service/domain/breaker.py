"""A circuit breaker: when failing requests are no longer worth making, and when to try again.

A state machine over numbers: the caller passes the time in, and says what counts as a failure.
"""

from collections import deque
from dataclasses import dataclass, replace
from typing import Final

SAMPLES_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class BreakerRule:
    """When a breaker opens and for how long; the times are in seconds.

    Attributes:
        window_s: how far back results count, at most the last `SAMPLES_MAX` of them.
        count_min: results in the window below which nothing is concluded; many small clients
            with a low minimum open too early.
        failure_share: share of failures, above 0 and up to 1, at which it opens.
        open_s: how long the first time; each opening in a row doubles it, up to `open_s_max`.
        probe_wait_s: when to look again while a probe is under way.
    """

    window_s: float = 60.0
    count_min: int = 20
    failure_share: float = 0.5
    open_s: float = 5.0
    open_s_max: float = 120.0
    probe_wait_s: float = 1.0

    def scaled(self, factor: float) -> "BreakerRule":
        """Return the rule with every time multiplied by `factor`."""
        return replace(
            self,
            window_s=self.window_s * factor,
            open_s=self.open_s * factor,
            open_s_max=self.open_s_max * factor,
            probe_wait_s=self.probe_wait_s * factor,
        )


class Breaker:
    """Closed, open for a while, then half open: one probe at a time decides what follows."""

    __slots__ = ("_closed_at_s", "_open_until_s", "_openings", "_probing", "_results", "_rule")

    def __init__(self, rule: BreakerRule) -> None:
        self._rule = rule
        self._results: deque[tuple[float, bool]] = deque(maxlen=SAMPLES_MAX)
        self._open_until_s: float | None = None
        self._closed_at_s = float("-inf")
        self._openings = 0
        self._probing = False

    def shut_for_s(self, now_s: float) -> float:
        """Return for how many more seconds a request is not admitted; 0 when one would be."""
        if self._open_until_s is None:
            return 0.0
        if self._probing:
            return self._rule.probe_wait_s
        return max(0.0, self._open_until_s - now_s)

    @property
    def is_closed(self) -> bool:
        """Whether every request is admitted."""
        return self._open_until_s is None

    @property
    def is_probing(self) -> bool:
        """Whether the one probe is under way."""
        return self._probing

    def admit(self, now_s: float) -> bool:
        """Tell whether a request may go; in half-open state this hands out the one probe."""
        if self.shut_for_s(now_s) > 0:
            return False
        self._probing = self._open_until_s is not None
        return True

    def release(self) -> None:
        """Take the probe back: it ended without showing anything."""
        self._probing = False

    def note(self, *, ok: bool, began_s: float, now_s: float) -> bool:
        """Note the result of a request begun at `began_s`; return whether the breaker opened.

        Requests begun before the last change of state say nothing about the state after it.
        """
        if self._open_until_s is not None:
            return began_s >= self._open_until_s and self._conclude_probe(ok=ok, now_s=now_s)
        if began_s < self._closed_at_s:
            return False
        self._results.append((now_s, ok))
        while self._results[0][0] < now_s - self._rule.window_s:
            self._results.popleft()
        if ok:
            if now_s - self._closed_at_s >= self._rule.window_s:
                self._openings = 0
            return False
        failures = sum(not each for _, each in self._results)
        count = len(self._results)
        if count >= self._rule.count_min and failures >= count * self._rule.failure_share:
            self._open(now_s)
            return True
        return False

    def _conclude_probe(self, *, ok: bool, now_s: float) -> bool:
        self._probing = False
        if not ok:
            self._open(now_s)
            return True
        self._open_until_s = None
        self._closed_at_s = now_s
        return False

    def _open(self, now_s: float) -> None:
        self._results.clear()
        # Bounded before it is raised: no float holds two to the number of a year's openings.
        doublings = min(self._openings, 32)
        self._open_until_s = now_s + min(self._rule.open_s * 2.0**doublings, self._rule.open_s_max)
        self._openings += 1
