"""The chores that one process at a time does for all: expired leases, due waits, old rows."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from prometheus_client import Counter

from service.flows.controls import CONTROL_TTL_S
from service.flows.expire_jobs import expire_batch
from service.flows.retain_history import retain_history
from service.settings import RetentionSettings
from service.store.acceptance import expire_idempotency_keys
from service.store.claims import reclaim_lookups, wake_due_lookups
from service.store.connection import Pool
from service.store.control_replies import expire_control_replies
from service.store.memory import expire_answers
from service.store.patterns import expire_patterns
from service.store.processes import bury, ensure_partitions, try_janitor_lock
from service.store.provider_keys import forget_replaced_keys
from service.store.retention import fold_tallies

_log = structlog.get_logger()

BATCH_MAX: Final = 5_000
_PARTITION_DAYS: Final = 7
_SILENT_PROCESS_KEPT: Final = timedelta(hours=1)
_PATTERN_KEPT: Final = timedelta(days=365)
_CONTROL_REPLY_KEPT: Final = timedelta(seconds=CONTROL_TTL_S)
# Longer than any submission is polled.
_REPLACED_KEY_KEPT: Final = timedelta(days=1)
# Slow chores run once in so many turns.
_SLOW_EVERY: Final = 600
_EXPIRE_EVERY: Final = 20

_reclaimed = Counter("leadfall_lookups_reclaimed_total", "Lookups taken from dead workers.")


@dataclass(frozen=True, slots=True)
class Swept:
    """What one turn did."""

    reclaimed: int = 0
    woken: int = 0

    @property
    def ready(self) -> int:
        """Lookups that can be claimed now and could not before."""
        return self.reclaimed + self.woken


class Janitor:
    """Any worker may host it: the advisory lock lasts one transaction, so it cannot be left behind.

    Args:
        ring: called when a turn made lookups ready.
    """

    def __init__(
        self,
        pool: Pool,
        lease: timedelta,
        *,
        idempotency_kept: timedelta,
        jobs_kept: timedelta,
        retention: RetentionSettings,
        ring: Callable[[], None],
    ) -> None:
        self._pool = pool
        self._lease = lease
        self._idempotency_kept = idempotency_kept
        self._jobs_kept = jobs_kept
        self._retention = retention
        self._more_to_expire = False
        self._ring = ring
        self._turn = 0

    async def run_once(self) -> Swept:
        """Do one bounded turn; nothing when another process has the lock."""
        async with self._pool.acquire() as connection, connection.transaction():
            if not await try_janitor_lock(connection):
                return Swept()
            swept = Swept(
                reclaimed=await reclaim_lookups(connection, self._lease, BATCH_MAX),
                woken=await wake_due_lookups(connection, BATCH_MAX),
            )
            if self._turn % _SLOW_EVERY == 0:
                await bury(connection, max(_SILENT_PROCESS_KEPT, self._lease * 10))
                await expire_idempotency_keys(connection, self._idempotency_kept)
                await expire_answers(connection, BATCH_MAX)
                await expire_patterns(connection, _PATTERN_KEPT, BATCH_MAX)
                await expire_control_replies(connection, _CONTROL_REPLY_KEPT, BATCH_MAX)
                await forget_replaced_keys(connection, _REPLACED_KEY_KEPT)
                await ensure_partitions(connection, _PARTITION_DAYS)
            self._turn += 1
        _reclaimed.inc(swept.reclaimed)
        if swept.ready:
            _log.info("queue.swept", reclaimed=swept.reclaimed, woken=swept.woken)
            self._ring()
        await self._expire()
        await self._tidy_deliveries()
        return swept

    async def _tidy_deliveries(self) -> None:
        """Add up and forget deliveries; needs no lock, since each step skips what others hold."""
        async with self._pool.acquire() as connection:
            await fold_tallies(connection, BATCH_MAX)
        if self._turn % _SLOW_EVERY == 1:
            await retain_history(self._pool, self._retention)

    async def _expire(self) -> None:
        """Expire jobs in a transaction of their own, which holds nothing that work waits for."""
        if self._turn % _EXPIRE_EVERY and not self._more_to_expire:
            return
        async with self._pool.acquire() as connection, connection.transaction():
            if await try_janitor_lock(connection):
                # First, so that no key outlives the jobs it points at.
                await expire_idempotency_keys(connection, self._idempotency_kept)
                self._more_to_expire = await expire_batch(connection, self._jobs_kept)
