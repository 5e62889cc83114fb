"""Vendors' request limits, kept in vendor time by one token bucket per rate and key."""

from dataclasses import dataclass, field
from typing import Final

from providers.sandbox.pace import Pace

BUCKETS_MAX: Final = 10_000
_MINUTE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Quota:
    """The rates that routes share; a key must stay within all of them.

    Attributes:
        rates: pairs of requests and the vendor seconds they are allowed in, each above 0.
    """

    name: str
    rates: tuple[tuple[int, float], ...]


@dataclass(slots=True)
class Limiter:
    """Counts requests against quotas; a bucket starts full and refills evenly."""

    pace: Pace
    _full_at_s: dict[tuple[str, str, str, int], float] = field(default_factory=dict)

    def refusal_s(self, vendor: str, key: str, quota: Quota, *, rows: int = 1) -> float:
        """Take one request; return 0.0, or the vendor seconds until the next one may pass.

        Args:
            rows: how many requests it counts as, by the minute and longer; by the second it is one.
        """
        now_s = self.pace.now_s()
        if len(self._full_at_s) >= BUCKETS_MAX:
            self._full_at_s.clear()
        full_at_s = []
        for index, (requests, per_s) in enumerate(quota.rates):
            bucket = (vendor, quota.name, key, index)
            taken = min(rows, requests) if per_s >= _MINUTE_S else 1
            next_s = max(self._full_at_s.get(bucket, now_s), now_s) + taken * per_s / requests
            if next_s - now_s > per_s:
                return next_s - now_s - per_s
            full_at_s.append((bucket, next_s))
        self._full_at_s.update(full_at_s)
        return 0.0
