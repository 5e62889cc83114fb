"""Writes requests that arrive together in one transaction: they share its commit.

Commits bound how many requests a database accepts. What a request gets of it is what it would get
alone: one that cannot be written refuses the transaction, and then each is written by itself.
"""

import asyncio
from collections import deque
from itertools import islice
from typing import Final

import asyncpg
import structlog

from service.domain.expiring_map import ExpiringMap
from service.errors import InsufficientCredits
from service.flows.batching import Batcher
from service.store.acceptance import LookupsMissing, NewRequest, WrittenJob, write_requests
from service.store.connection import Pool
from service.store.transient import despite_deadlocks

_log = structlog.get_logger()

REQUESTS_MAX: Final = 64
"""Requests that share one transaction."""
LOOKUPS_MAX: Final = 800
"""Lookups of a shared transaction; a request with more has enough work in its own commit."""
FLIGHTS_MAX: Final = 2
"""Shared transactions under way at once: while one commits, the next one is executed."""
LOCK_WAIT_MS: Final = 50
"""How long a shared transaction waits for a lock: whoever holds it delays one request only."""
APART_S: Final = 10.0
"""How long the requests of a workspace are written apart after one of them could not be written."""
_APART_MAX: Final = 10_000

# After these nobody can tell whether the transaction was committed.
_UNCERTAIN: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)


class _Refused(Exception):  # noqa: N818 - says to the requests of a batch that they go alone
    """The shared transaction was rolled back because of one of its requests."""


class _Row(deque[tuple[NewRequest, "asyncio.Future[list[WrittenJob]]"]]):
    """Requests in the order of their coming, no more at once than `LOOKUPS_MAX` allows."""

    def take(self, count_max: int) -> list[tuple[NewRequest, "asyncio.Future[list[WrittenJob]]"]]:
        fitting, lookups = 0, 0
        for request, _ in islice(self, count_max):
            lookups += request.lookup_count
            if fitting and lookups > LOOKUPS_MAX:
                break
            fitting += 1
        return [self.popleft() for _ in range(fitting)]


class SharedCommits:
    """Writes the requests of one process; the first goes at once, the next as they come meanwhile.

    A workspace whose requests are refused, say for want of credits, goes apart for a while, so
    that it costs the others one transaction in that time and not every one.

    Attributes:
        pool: what it writes through; others may read through it.
    """

    __slots__ = ("_apart", "_batches", "pool")

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._apart: ExpiringMap[int, bool] = ExpiringMap(_APART_MAX)
        self._batches: Batcher[NewRequest, list[WrittenJob]] = Batcher(
            self._write_together,
            batch_max=REQUESTS_MAX,
            flights_max=FLIGHTS_MAX,
            waiting=_Row(),
        )

    async def write(self, request: NewRequest) -> list[WrittenJob]:
        """Write the request or nothing of it; return [] when its key was used before.

        Raises:
            InsufficientCredits: the balance does not cover it.
            LookupsMissing: fewer lookups than expected could be opened.
        """
        if request.lookup_count > LOOKUPS_MAX or self._apart.get(request.workspace_id):
            return await self._write_alone(request)
        try:
            return await self._batches.add(request)
        except _Refused:
            pass
        try:
            return await self._write_alone(request)
        except (InsufficientCredits, LookupsMissing, asyncpg.PostgresError):
            self._apart.put(request.workspace_id, value=True, ttl_s=APART_S)
            raise

    async def _write_together(self, requests: list[NewRequest]) -> list[list[WrittenJob]]:
        try:
            async with self.pool.acquire() as connection:
                return await write_requests(connection, requests, lock_wait_ms=LOCK_WAIT_MS)
        except _UNCERTAIN:
            raise
        except (InsufficientCredits, LookupsMissing, asyncpg.PostgresError) as error:
            _log.info("batch.refused", requests=len(requests), error=type(error).__name__)
            raise _Refused from None

    async def _write_alone(self, request: NewRequest) -> list[WrittenJob]:
        async def write() -> list[WrittenJob]:
            async with self.pool.acquire() as connection:
                (written,) = await write_requests(connection, [request])
            return written

        return await despite_deadlocks(write)
