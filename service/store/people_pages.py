"""Reads and counts people a page at a time, newest first, along the index that fits the filter.

A page is told to the planner as a range over the very columns of an index, value and id as one
row, in their order: nothing else can give that order, so neither rare values nor the rows of other
workspaces are walked through. What several conditions ask for is met along the workspace's index.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from service.domain.lead_record import Lead
from service.domain.people_filter import PeopleFilter
from service.store.connection import Connection
from service.store.lead_ranges import Range, found_by_ranges
from service.store.people_conditions import (
    ALONG_WORKSPACE,
    BACK_IN_WORKSPACE,
    OF_WORKSPACE,
    candidates,
    conditions,
)
from service.store.people_facets import Facet, find_facet, find_texts
from service.store.statements import load_statements

_SQL: Final = load_statements("people")
_SELECT: Final = _SQL["select_people"]
_SELECT_IDS: Final = _SQL["select_ids"]
_SELECT_PLACES: Final = _SQL["select_places"]
_SELECT_FOUND: Final = _SELECT.removesuffix("leads l")
_ID_MAX: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class LeadPlace:
    """A lead's place in the order of pages, as a page's cursor has it.

    Attributes:
        created_at: for filters by time, which are read in its order.
    """

    id: int
    created_at: datetime | None = None


Statement = tuple[str, list[Any]]


def page_statement(
    workspace_id: int, people: PeopleFilter, *, before: LeadPlace | None, limit: int
) -> Statement:
    """Return the statement of a page and its arguments: newest first, behind the place `before`.

    Args:
        before: None for the first page; with a time where the filter `is_by_time`.
    """
    arguments: list[Any] = [workspace_id, limit]
    facet = find_facet(people)
    texts, use = find_texts(people)
    if use is not None:
        known = candidates(texts, arguments) if use == "index" else ()
        found = _in_ranges(people, known, before, arguments)
        rows = f"({found}) l" if known else f"({found}) f join leads l on l.id = f.id"
        return f"{_SELECT_FOUND}{rows} order by l.id desc limit $2::bigint", arguments
    if facet is None:
        walk = _walk(_SELECT, people, before, arguments)
        return walk, arguments
    after = before.id if before else _ID_MAX
    if facet.expression is None:
        chosen = _distinct(_tagged(facet, after, arguments))
        return f"{_SELECT} join ({chosen}) t on t.id = l.id order by l.id desc", arguments
    if len(facet.values) == 1:
        return "".join(_branches(_SELECT, facet, after, arguments)), arguments
    # Of several values only the index is read, until it is known whose rows the page shows.
    chosen = _distinct(_branches(_SELECT_IDS, facet, after, arguments))
    return f"{_SELECT} join ({chosen}) t on t.id = l.id order by l.id desc", arguments


def place_statement(
    workspace_id: int, people: PeopleFilter, *, before: LeadPlace | None, skipped: int
) -> Statement:
    """Return the statement of the place of the last of so many leads, and its arguments.

    It has an id and, where the filter `is_by_time`, a time. No row is read of those before it where
    one condition is asked for; of several, the rows tell.
    """
    arguments: list[Any] = [workspace_id, skipped]
    facet = find_facet(people)
    after = before.id if before else _ID_MAX
    if find_texts(people)[1] is not None:
        passed = _in_ranges(people, (), before, arguments)
    elif facet is None:
        select = _SELECT_PLACES if people.is_by_time else _SELECT_IDS
        passed = _walk(select, people, before, arguments)
    elif facet.expression is None:
        passed = _distinct(_tagged(facet, after, arguments))
    else:
        passed = _distinct(_branches(_SELECT_IDS, facet, after, arguments))
    way = "created_at desc, id desc" if people.is_by_time else "id desc"
    return f"select * from ({passed}) p order by {way} offset $2::bigint - 1 limit 1", arguments


def place_sort(people: PeopleFilter) -> str:
    """Return whether ('on') or not ('off') leads may be sorted on the way to a place."""
    # Whom the index by text finds has no order yet; all others are in one.
    return "on" if people.by_text else "off"


def count_statement(workspace_id: int, people: PeopleFilter, count_max: int) -> Statement:
    """Return the statement that counts, and its arguments; it stops at `count_max`."""
    arguments: list[Any] = [workspace_id, count_max]
    facet = find_facet(people)
    if facet is None:
        found = _walk(_SELECT_IDS, people, None, arguments)
    elif facet.expression is None:
        found = _distinct(_tagged(facet, _ID_MAX, arguments))
    else:
        found = " union all ".join(_branches(_SELECT_IDS, facet, _ID_MAX, arguments))
    return f"select count(*) from (select from ({found}) f limit $2::bigint) c", arguments


async def read_page(
    connection: Connection,
    workspace_id: int,
    people: PeopleFilter,
    *,
    before: LeadPlace | None,
    limit: int,
    skipped: int = 0,
) -> list[Lead]:
    """Return up to `limit` leads, newest first, behind the place `before`; None begins anew.

    Args:
        skipped: how many leads behind that place are left out.
    """
    if skipped:
        before = await _read_place(connection, workspace_id, people, before, skipped)
        if before is None:
            return []
    statement, arguments = page_statement(workspace_id, people, before=before, limit=limit)
    return [Lead.read(row) for row in await connection.fetch(statement, *arguments)]


async def _read_place(
    connection: Connection,
    workspace_id: int,
    people: PeopleFilter,
    before: LeadPlace | None,
    skipped: int,
) -> LeadPlace | None:
    """Return the place of the last of so many leads; None if there are fewer."""
    statement, arguments = place_statement(workspace_id, people, before=before, skipped=skipped)
    await connection.execute(_SQL["sort"], place_sort(people))
    row = await connection.fetchrow(statement, *arguments)
    await connection.execute(_SQL["sort"], "on")
    return None if row is None else LeadPlace(row["id"], row.get("created_at"))


async def count_people(
    connection: Connection, workspace_id: int, people: PeopleFilter, count_max: int
) -> int:
    """Return how many leads a filter finds, or `count_max` when there are more."""
    statement, arguments = count_statement(workspace_id, people, count_max)
    count: int = await connection.fetchval(statement, *arguments)
    return count


async def read_last_id(connection: Connection, workspace_id: int) -> int:
    """Return the id of the newest lead, or 0 without any."""
    newest = await read_page(connection, workspace_id, PeopleFilter(), before=None, limit=1)
    return newest[0].id if newest else 0


def _walk(select: str, people: PeopleFilter, before: LeadPlace | None, arguments: list[Any]) -> str:
    """Return what goes through the workspace in its order, or finds by text, until it is enough."""
    if before is None:
        base = OF_WORKSPACE if people.is_by_time else ALONG_WORKSPACE
    elif people.is_by_time:
        at = _place(arguments, before.created_at, "{}::timestamptz")
        base = f"{OF_WORKSPACE} and (l.created_at, l.id) < ({at}, {_place(arguments, before.id)})"
    elif people.by_text:
        # The planner can tell how many are left by the id alone, and so whether to walk.
        base = f"{ALONG_WORKSPACE} and l.id < {_place(arguments, before.id)}"
    else:
        base = (
            f"{BACK_IN_WORKSPACE} and (l.workspace_id, l.id) < ($1, {_place(arguments, before.id)})"
        )
    order = f"l.{'created_at' if people.is_by_time else 'workspace_id'} desc, l.id desc"
    return f"{select}{base}{conditions(people, arguments)} order by {order} limit $2::bigint"


def _in_ranges(
    people: PeopleFilter, known: Sequence[str], before: LeadPlace | None, arguments: list[Any]
) -> str:
    """Return those whom one text tells, newest first: rows where it is known, otherwise ids."""
    told = conditions(people, arguments).removeprefix(" and ")
    return found_by_ranges(
        Range(
            workspace_id="$1::bigint",
            list_id=None,
            conditions=("not l.is_company", told),
            candidates=known,
            after=None if before is None else _place(arguments, before.id),
            limit="$2::bigint",
            descending=True,
        )
    )


def _branches(select: str, facet: Facet, after: int, arguments: list[Any]) -> Iterator[str]:
    """Yield for each value what reads a page of it from the facet's index."""
    last = _place(arguments, after)
    for value in facet.values:
        shown = _place(arguments, value, facet.place)
        yield (
            f"({select}{OF_WORKSPACE} and {facet.expression} >= {shown}"
            f" and ({facet.expression}, l.id) < ({shown}, {last})"
            f" order by {facet.expression} desc, l.id desc limit $2::bigint)"
        )


def _tagged(facet: Facet, after: int, arguments: list[Any]) -> Iterator[str]:
    """Yield for each tag what reads a page of those who carry it."""
    last = _place(arguments, after)
    for value in facet.values:
        tag = _place(arguments, value, facet.place)
        yield (
            f"(select lead_id as id from lead_tags where workspace_id = $1::bigint and tag = {tag}"
            f" and lead_id < {last} order by lead_id desc limit $2::bigint)"
        )


def _distinct(branches: Iterator[str]) -> str:
    found = " union all ".join(branches)
    return f"select distinct id from ({found}) u order by id desc limit $2::bigint"


def _place(arguments: list[Any], value: Any, around: str = "{}::bigint") -> str:
    """Append an argument and return what stands for it."""
    arguments.append(value)
    return around.format(f"${len(arguments)}")
