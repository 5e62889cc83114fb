"""Tells how a company is known to write its addresses, without asking the database each time."""

from collections.abc import Sequence
from typing import Final

import asyncpg
import structlog

from service.domain.expiring_map import ExpiringMap
from service.flows.batching import Batcher
from service.store.connection import Pool
from service.store.patterns import read_patterns
from service.store.transient import TRANSIENT

_log = structlog.get_logger()

DOMAINS_MAX: Final = 20_000
"""Domains whose patterns are held in memory."""
TTL_S: Final = 60.0
"""How long a domain is not asked about again; so old may be what this process knows."""
_BATCH_MAX: Final = 500


class KnownPatterns:
    """The learned patterns of domains, read in batches and remembered for a minute.

    They only put guesses into a better order, so a database that does not answer costs nothing:
    nothing is known then.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known: ExpiringMap[str, tuple[str, ...]] = ExpiringMap(DOMAINS_MAX)
        self._reads: Batcher[str, tuple[str, ...]] = Batcher(self._read, batch_max=_BATCH_MAX)

    async def __call__(self, domain: str) -> Sequence[str]:
        """Return the slugs of the patterns of `domain`, most confirmed first; often none."""
        known = self._known.get(domain)
        if known is not None:
            return known
        try:
            known = await self._reads.add(domain)
        except (*TRANSIENT, asyncpg.PostgresError) as error:
            _log.warning("address_patterns.unread", error=type(error).__name__)
            return ()
        self._known.put(domain, known, ttl_s=TTL_S)
        return known

    async def _read(self, domains: list[str]) -> list[tuple[str, ...]]:
        async with self._pool.acquire() as connection:
            return await read_patterns(connection, domains)
