"""Finds the leads that small requests name, in one query for those that arrive together."""

from collections.abc import Sequence
from typing import Final

from service.flows.batching import Batcher
from service.store.connection import Pool
from service.store.leads import NamedLeads, find_named_leads

REQUESTS_MAX: Final = 64
"""Requests that share one query."""
LEADS_MAX: Final = 20
"""Leads of a request that shares; a larger one has enough to find in a query of its own."""
FLIGHTS_MAX: Final = 2
"""Queries under way at once."""


class SharedReads:
    """Reads for the requests of one process; the first goes at once, the next come together."""

    __slots__ = ("_batches",)

    def __init__(self, pool: Pool) -> None:
        async def find(requests: list[NamedLeads]) -> list[dict[str, int]]:
            async with pool.acquire() as connection:
                return await find_named_leads(connection, requests)

        self._batches: Batcher[NamedLeads, dict[str, int]] = Batcher(
            find, batch_max=REQUESTS_MAX, flights_max=FLIGHTS_MAX
        )

    async def find_leads(self, workspace_id: int, public_ids: Sequence[str]) -> dict[str, int]:
        """Return the ids of those leads of a workspace that exist, by public id, in id order.

        Args:
            public_ids: from 1 to `LEADS_MAX`.
        """
        return await self._batches.add(NamedLeads(workspace_id, public_ids))
