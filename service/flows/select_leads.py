"""Says which leads a request means: for enrichments, counts, pages and searches alike."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Final

from service.errors import CursorStale, NotFound, WrongListType
from service.flows.accept_jobs import Presume, Select, Selection
from service.flows.find_leads import SEARCH_TIMEOUT_MS, TOTAL_MAX, refusing_long_searches
from service.store.connection import Connection
from service.store.lead_selection import Wanted
from service.store.leads import count_leads, find_leads, has_lead, read_page, select_leads
from service.store.lists import LeadList, find_list
from service.store.people import bound_search

_PUBLIC_ID: Final = re.compile(r"[0-9a-f]{24}")
_NAMED_MAX: Final = 100
_ID_CHARACTERS_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Total:
    """How many there are: exact up to `TOTAL_MAX`, and that number where there are more."""

    count: int
    is_capped: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the leads that are wanted, by column name, and how many there are in all.

    Attributes:
        last: the id of the last one here, where others follow it.
    """

    rows: list[dict[str, Any]]
    total: Total
    last: int | None = None


async def require_list(connection: Connection, workspace_id: int, list_id: int) -> LeadList:
    """Return the list.

    Raises:
        NotFound: the workspace has no such list.
    """
    found = await find_list(connection, workspace_id, list_id)
    if found is None:
        raise NotFound("Lead list not found")
    return found


async def _require_people_list(connection: Connection, wanted: Wanted) -> None:
    """Refuse a list whose leads cannot be enriched.

    Raises:
        NotFound: the workspace has no such list.
        WrongListType: the list holds companies.
    """
    found = await require_list(connection, wanted.workspace_id, wanted.list_id or 0)
    if found.search_type != "PEOPLE":
        raise WrongListType


def select_from_list(wanted: Wanted, *, limit: int) -> Select:
    """Select up to `limit` eligible leads of a people list: filtered, then sorted, then limited."""

    async def select(connection: Connection) -> Selection:
        await _require_people_list(connection, wanted)
        async with _in_bounded_time(connection, wanted, count=limit):
            lead_ids = await select_leads(connection, wanted, limit=limit)
        return Selection(lead_ids, len(lead_ids))

    return select


async def count_in_list(connection: Connection, wanted: Wanted) -> Total:
    """Return how many leads of a people list are eligible.

    Raises:
        NotFound: the workspace has no such list.
        WrongListType: the list holds companies.
        FilterTooBroad: counting took too long.
    """
    await _require_people_list(connection, wanted)
    async with _in_bounded_time(connection, wanted):
        return await _count(connection, wanted)


async def read_list_page(
    connection: Connection, wanted: Wanted, *, page: int, page_size: int
) -> tuple[LeadList, Page]:
    """Return a list and a page of what is in it; pages begin at 1, after the lead `wanted.after`.

    Raises:
        NotFound: the workspace has no such list.
        CursorStale: the lead after which it should begin is no more.
        FilterTooBroad: finding them took too long.
    """
    lead_list = await require_list(connection, wanted.workspace_id, wanted.list_id or 0)
    return lead_list, await search_leads(connection, wanted, page=page, page_size=page_size)


async def search_leads(
    connection: Connection, wanted: Wanted, *, page: int, page_size: int
) -> Page:
    """Return a page of the leads that are wanted; pages begin at 1, after the lead `wanted.after`.

    Raises:
        CursorStale: the lead after which it should begin is no more.
        FilterTooBroad: finding them took too long.
    """
    # By id the place of a lead is known without it; in any other order its value is the place.
    if (
        wanted.after is not None
        and wanted.sorting.field != "id"
        and not await has_lead(connection, wanted.workspace_id, wanted.after)
    ):
        raise CursorStale
    offset = (page - 1) * page_size
    async with _in_bounded_time(connection, wanted):
        rows = await read_page(connection, wanted, limit=page_size + 1, offset=offset)
        total = await _count(connection, replace(wanted, after=None))
    shown = rows[:page_size]
    return Page(shown, total, shown[-1]["id"] if len(rows) > page_size else None)


async def count_of_list(connection: Connection, workspace_id: int, list_id: int) -> Total:
    """Return how many leads are in a list."""
    return await _count(connection, Wanted(workspace_id, list_id))


async def _count(connection: Connection, wanted: Wanted) -> Total:
    count = await count_leads(connection, wanted, count_max=TOTAL_MAX + 1)
    return Total(min(count, TOTAL_MAX), count > TOTAL_MAX)


@asynccontextmanager
async def _in_bounded_time(
    connection: Connection, wanted: Wanted, *, count: int = TOTAL_MAX
) -> AsyncIterator[None]:
    """Read within the time of a search, unless it is a page of a list in its own order.

    Args:
        count: how many leads are wanted; each `TOTAL_MAX` of them begun have that time anew.

    Raises:
        FilterTooBroad: a statement inside took too long.
        QueryCanceledError: so did one without a filter: the database is slow, and nothing that the
            caller could change.
    """
    if wanted.is_plain and wanted.lacking is None:
        yield
        return
    timeout_ms = SEARCH_TIMEOUT_MS * max(1, -(-count // TOTAL_MAX))
    with nullcontext() if wanted.is_plain else refusing_long_searches(timeout_ms):
        transaction = connection.transaction()
        await transaction.start()
        try:
            await bound_search(connection, timeout_ms)
            yield
        finally:
            # Nothing was written, and inside another transaction only this lifts the bound again.
            await transaction.rollback()


def select_by_public_id(workspace_id: int, public_ids: Sequence[str], job_count: int) -> Select:
    """Select exactly these leads, each for every job of the request; no id may stand twice.

    An id that is malformed, unknown or of another workspace refuses the request and is named.
    """

    async def select(connection: Connection) -> Selection:
        found = await find_leads(connection, workspace_id, public_ids)
        unknown = [public_id for public_id in public_ids if public_id not in found]
        if unknown:
            raise _leads_not_found(unknown)
        return Selection(list(found.values()), len(found) * job_count)

    return select


def presume_by_public_id(public_ids: Sequence[str], job_count: int) -> Presume | None:
    """Select the same, whether they are there or not; None where one of them is malformed."""
    if not all(map(_PUBLIC_ID.fullmatch, public_ids)):
        return None
    return lambda: Selection((), len(public_ids) * job_count, lead_public_ids=public_ids)


def _leads_not_found(unknown: Sequence[str]) -> NotFound:
    named = [public_id[:_ID_CHARACTERS_MAX] for public_id in unknown[:_NAMED_MAX]]
    return NotFound(
        f"{len(unknown)} of the leadIds are not leads of this workspace; take them out and "
        "send the request again",
        {"leadIds": named, "count": len(unknown)},
    )
