"""The database's time between two looks at it, carried forward by the monotonic clock."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class CarriedClock:
    """Tell the database's time without asking it; a wrong clock of this host changes nothing."""

    __slots__ = ("_base", "_monotonic", "_observed_at_s")

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._base = datetime.now(UTC)
        self._observed_at_s = monotonic()

    def observe(self, now: datetime) -> None:
        """Take the time that the database has just told."""
        self._base = now
        self._observed_at_s = self._monotonic()

    def now(self) -> datetime:
        """Return the time; that of this host until the database was first asked."""
        return self._base + timedelta(seconds=self._monotonic() - self._observed_at_s)

    def now_s(self) -> float:
        """Return the same in Unix seconds."""
        return self.now().timestamp()
