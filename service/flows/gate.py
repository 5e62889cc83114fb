"""A gate per provider and key: its published rate, its concurrency, and when it is shut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog
from prometheus_client import Counter

from providers.contract import (
    CredentialsRejected,
    Limits,
    OutOfCredit,
    Throttled,
    VendorFault,
)

_log = structlog.get_logger()

_shut = Counter(
    "leadfall_gate_shut_total", "Times a provider's gate was shut.", ["provider", "why"]
)

THROTTLED_S_DEFAULT: Final = 5.0
# A key that is refused or empty stays so until somebody acts; look again now and then.
REFUSED_S: Final = 60.0


class Gate:
    """Paces the requests of this process to one provider.

    Args:
        time_scale: real seconds per vendor second; below 1 only against a sandbox.
    """

    def __init__(self, provider: str, limits: Limits, *, time_scale: float = 1.0) -> None:
        self._provider = provider
        self._spacing_s = 60.0 / limits.requests_per_minute * time_scale
        self._burst_s = self._spacing_s * limits.concurrency
        self._time_scale = time_scale
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._free_at = 0.0
        self._open_at = 0.0
        self._why = ""

    def shut_for_s(self) -> float:
        """Return for how many more seconds the gate is shut; 0 when it is open."""
        return max(0.0, self._open_at - asyncio.get_running_loop().time())

    @property
    def why(self) -> str:
        """The slug of what shut the gate last."""
        return self._why

    @asynccontextmanager
    async def pass_through(self) -> AsyncIterator[None]:
        """Hold one slot of the provider, entered no faster than its rate allows."""
        async with self._slots:
            await self._keep_pace()
            yield

    def note_fault(self, fault: VendorFault) -> None:
        """Shut the gate where the fault says that asking on is useless."""
        match fault:
            case Throttled():
                seconds = fault.retry_after_s
                self._shut(
                    THROTTLED_S_DEFAULT * self._time_scale if seconds is None else seconds,
                    fault.slug,
                )
            case CredentialsRejected() | OutOfCredit():
                self._shut(REFUSED_S * self._time_scale, fault.slug)
            case _:
                pass

    def _shut(self, seconds: float, why: str) -> None:
        if self.shut_for_s() == 0:
            _shut.labels(self._provider, why).inc()
            _log.warning("gate.shut", provider=self._provider, why=why, seconds=round(seconds, 3))
        self._open_at = max(self._open_at, asyncio.get_running_loop().time() + seconds)
        self._why = why

    async def _keep_pace(self) -> None:
        # The generic cell rate algorithm: `_free_at` is when the rate would be used up evenly.
        now = asyncio.get_running_loop().time()
        self._free_at = max(self._free_at, now) + self._spacing_s
        wait_s = self._free_at - now - self._burst_s
        if wait_s > 0:
            await asyncio.sleep(wait_s)
