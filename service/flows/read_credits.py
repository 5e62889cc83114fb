"""Reads what credits a workspace has and what moved them, a page or a window at a time."""

from dataclasses import dataclass
from datetime import datetime

from service.flows.find_leads import SEARCH_TIMEOUT_MS, TOTAL_MAX, refusing_long_searches
from service.store.connection import Pool
from service.store.ledger import (
    EntryPlace,
    KindUsage,
    LedgerEntry,
    LedgerFilter,
    ProviderUsage,
    count_entries,
    list_entries,
    read_kind_usage,
    read_provider_usage,
)
from service.store.people import bound_search


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """Some of the ledger's entries, newest first.

    Attributes:
        counted: how many are wanted in all; counting stops one above `TOTAL_MAX`.
        more: entries follow the last one here.
    """

    entries: list[LedgerEntry]
    counted: int
    more: bool


@dataclass(frozen=True, slots=True)
class Usage:
    """What moved credits in a window, and whom that asked; by day (UTC)."""

    by_kind: list[KindUsage]
    by_provider: list[ProviderUsage]


async def read_ledger(
    pool: Pool,
    workspace_id: int,
    wanted: LedgerFilter,
    *,
    before: EntryPlace | None,
    limit: int,
) -> LedgerPage:
    """Return up to `limit` entries; entries that come in meanwhile move no page.

    Raises:
        FilterTooBroad: it took longer than a search may.
    """
    with refusing_long_searches():
        async with pool.acquire() as connection, connection.transaction(readonly=True):
            await bound_search(connection, SEARCH_TIMEOUT_MS)
            entries = await list_entries(
                connection, workspace_id, wanted, before=before, limit=limit + 1
            )
            counted = await count_entries(connection, workspace_id, wanted, count_max=TOTAL_MAX + 1)
    return LedgerPage(entries[:limit], counted, len(entries) > limit)


async def read_usage(pool: Pool, workspace_id: int, since: datetime, until: datetime) -> Usage:
    """Return what happened between two moments; the caller bounds how far they are apart.

    Raises:
        FilterTooBroad: it took longer than a search may.
    """
    with refusing_long_searches():
        async with pool.acquire() as connection, connection.transaction(readonly=True):
            await bound_search(connection, SEARCH_TIMEOUT_MS)
            return Usage(
                await read_kind_usage(connection, workspace_id, since, until),
                await read_provider_usage(connection, workspace_id, since, until),
            )
