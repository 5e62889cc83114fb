"""Finds the leads of a workspace by a filter, a page at a time, within a bounded time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import asyncpg

from service.domain.lead_record import Lead
from service.domain.people_filter import PeopleFilter
from service.errors import FilterTooBroad, NotFound
from service.store.connection import Pool
from service.store.people import bound_search, read_person
from service.store.people_pages import LeadPlace, count_people, read_page

SEARCH_TIMEOUT_MS: Final = 2_000
TOTAL_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class LeadPage:
    """Some of the leads that a filter finds.

    Attributes:
        total: exact up to `TOTAL_MAX`.
        total_is_capped: there are more than `TOTAL_MAX`.
        more: leads follow the last one here.
    """

    leads: list[Lead]
    total: int
    total_is_capped: bool
    more: bool


async def find_leads(
    pool: Pool,
    workspace_id: int,
    people: PeopleFilter,
    *,
    before: LeadPlace | None,
    limit: int,
    skipped: int = 0,
) -> LeadPage:
    """Return up to `limit` leads, newest first; leads that come in meanwhile move no page.

    Args:
        before: the place of the last lead of the page before; None for the first page.
        skipped: how many leads after that place are left out.

    Raises:
        FilterTooBroad: it took longer than `SEARCH_TIMEOUT_MS`.
    """
    with refusing_long_searches():
        async with pool.acquire() as connection, connection.transaction(readonly=True):
            await bound_search(connection, SEARCH_TIMEOUT_MS)
            leads = await read_page(
                connection, workspace_id, people, before=before, limit=limit + 1, skipped=skipped
            )
            total = await count_people(connection, workspace_id, people, TOTAL_MAX + 1)
    return LeadPage(leads[:limit], min(total, TOTAL_MAX), total > TOTAL_MAX, len(leads) > limit)


async def find_lead(pool: Pool, workspace_id: int, public_id: str) -> Lead:
    """Return one lead.

    Raises:
        NotFound: the workspace has no such lead.
    """
    async with pool.acquire() as connection:
        lead = await read_person(connection, workspace_id, public_id)
    if lead is None:
        raise no_such_lead()
    return lead


def no_such_lead() -> NotFound:
    """Return the error for an id that names no lead of the workspace."""
    return NotFound("There is no lead with this id in this workspace; GET /v1/leads lists them")


@contextmanager
def refusing_long_searches(timeout_ms: int = SEARCH_TIMEOUT_MS) -> Iterator[None]:
    """Turn the end of a statement's time into an error that says what to change.

    Args:
        timeout_ms: the time that each statement inside has.

    Raises:
        FilterTooBroad: a statement inside took too long.
    """
    try:
        yield
    except asyncpg.QueryCanceledError:
        raise FilterTooBroad(timeout_ms / 1_000) from None
