"""Deletes leads: those that are named, or all that a filter finds.

Lookups that are open for them end and are charged or refunded as ever; only their results have no
lead any more to be written to.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from service.domain.people_filter import PeopleFilter
from service.errors import FilterTooBroad
from service.flows.find_leads import SEARCH_TIMEOUT_MS, refusing_long_searches
from service.store.connection import Pool
from service.store.people import (
    bound_search,
    delete_by_id,
    delete_people,
    lock_people,
)
from service.store.people_pages import read_last_id

BATCH_ROWS: Final = 2_000
SPAN_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Deleted:
    """What became of a deletion.

    Attributes:
        more: leads may be left, because the time of one request was over.
    """

    count: int
    more: bool = False


async def delete_named(pool: Pool, workspace_id: int, public_ids: Sequence[str]) -> Deleted:
    """Delete these leads, all of them or, on an error, none; ids of no lead are passed over."""
    async with pool.acquire() as connection:
        return Deleted(await delete_people(connection, workspace_id, public_ids))


async def delete_found(
    pool: Pool,
    workspace_id: int,
    people: PeopleFilter,
    excluded: Sequence[str],
    *,
    span_s: float = SPAN_S,
) -> Deleted:
    """Delete what a filter finds, in batches of their own, for at most about `span_s` seconds.

    Leads that come in meanwhile stay.

    Raises:
        FilterTooBroad: the first of them could not be found in time; nothing was deleted.
    """
    give_up_at_s = time.monotonic() + span_s
    async with pool.acquire() as connection:
        until = await read_last_id(connection, workspace_id)
    count = after = 0
    while time.monotonic() < give_up_at_s:
        try:
            batch = await _delete_batch(pool, _Range(workspace_id, people, excluded, after, until))
        except FilterTooBroad:
            if count:
                break
            raise
        count += len(batch)
        if len(batch) < BATCH_ROWS:
            return Deleted(count)
        after = batch[-1]
    return Deleted(count, more=True)


@dataclass(frozen=True, slots=True)
class _Range:
    """The leads of a filter whose ids are above one and not above the other."""

    workspace_id: int
    people: PeopleFilter
    excluded: Sequence[str]
    after: int
    until: int


async def _delete_batch(pool: Pool, wanted: _Range) -> list[int]:
    with refusing_long_searches():
        async with pool.acquire() as connection, connection.transaction():
            await bound_search(connection, SEARCH_TIMEOUT_MS)
            batch = await lock_people(
                connection,
                wanted.workspace_id,
                wanted.people,
                excluded=wanted.excluded,
                after=wanted.after,
                until=wanted.until,
                limit=BATCH_ROWS,
            )
            await delete_by_id(connection, batch)
    return batch
