"""Writes the statements that select leads: one meaning for enrichment, count, page and search.

Who is meant is found by indexes alone where the filter compares whole values, so that no row is
read of anybody whom a page passes over. Every fragment is a constant; what callers give goes in as
parameters.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from service.domain.kinds import Target
from service.domain.lead_filter import CONTAINS, EQUALS, Condition, LeadFilter
from service.store.lacking_members import (
    OPEN,
    Members,
    found_by_hops,
    hops_max,
    lacks,
    not_being_looked_up,
)
from service.store.lead_columns import LOADING, SHOWN, SORT_COLUMNS
from service.store.lead_conditions import Arguments, candidates, conditions
from service.store.lead_ranges import Range, TextUse, found_by_ranges, use_of_text

SortField = Literal[
    "id", "first_name", "last_name", "email", "email_status", "phone_number", "job_title",
    "seniority", "department", "headline", "industry", "location", "city", "state", "country",
    "linkedin_profile_url", "linkedin_url", "name", "website_url", "amount_of_employees",
    "company_name", "company_domain", "company_size", "created_at", "updated_at",
]  # fmt: skip
"""What leads can be sorted by: every field of a page, by its name there or of its column."""

_BRANCHES_MIN: Final = 2


@dataclass(frozen=True, slots=True)
class Sorting:
    """The order in which leads are gone through; equal values follow by id, absent ones last."""

    field: SortField = "id"
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which leads are meant.

    Attributes:
        list_id: the list they are in; None for every lead of the workspace of the sort
            `companies` tells.
        lacking: leave out leads that have a valid value of this target, or are having it looked
            up.
        after: the id of a lead; a page begins after it in the order. It must exist unless the
            order is by id.
        walks: who lacks something is met along the list or the value, where finding them by hops
            has come to nothing.
    """

    workspace_id: int
    list_id: int | None = None
    companies: bool = False
    lead_filter: LeadFilter = field(default_factory=LeadFilter)
    sorting: Sorting = Sorting()
    lacking: Target | None = None
    after: int | None = None
    walks: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether it is a list in its own order, which is read without passing by other leads."""
        return self.list_id is not None and self.lead_filter.is_empty and self.sorting.field == "id"

    @property
    def is_by_index(self) -> bool:
        """Whether indexes alone tell who is meant and in which order, whatever they may lack."""
        return self.sorting.field == "id" and all(
            column in EQUALS for column, condition in self._conditions() if condition
        )

    @property
    def text_use(self) -> TextUse | None:
        """How those are found in ranges of ids whom one text alone tells; None if otherwise."""
        asked = [(column, condition) for column, condition in self._conditions() if condition]
        if len(asked) != 1 or self.sorting.field != "id" or self.lacking is not None:
            return None
        ((column, condition),) = asked
        return use_of_text(condition.include) if column in CONTAINS else None

    @property
    def is_walked(self) -> bool:
        """Whether those meant are met along the list or the workspace, in the order of ids.

        Otherwise a value has a range of an index, or another order is wanted.
        """
        return self.sorting.field == "id" and not any(
            column in EQUALS and condition.include for column, condition in self._conditions()
        )

    @property
    def is_hopped(self) -> bool:
        """Whether those who lack a value are found by asking each of several indexes in turn.

        Then an id may be null: it says that others are to be found by walking.
        """
        asked = [column for column, condition in self._conditions() if condition]
        return (
            self.lacking is not None
            and not self.walks
            and self.list_id is not None
            and self.is_by_index
            and len(asked) <= 1
        )

    def _conditions(self) -> Iterable[tuple[str, Condition]]:
        return self.lead_filter.conditions.items()


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement and what it takes."""

    text: str
    arguments: Sequence[Any]


def ids_statement(wanted: Wanted, *, limit: int) -> Statement:
    """Return the statement of the ids of the first `limit` leads, in any order.

    Where the leads `is_hopped`, an id that is null says that these are not all of them.
    """
    arguments = Arguments()
    if wanted.is_by_index:
        chosen = _found(wanted, arguments, limit)
    else:
        chosen = f"select l.id from {_source(wanted, arguments)} {_order(wanted)}"
    return Statement(f"{chosen} limit {arguments.place(limit, 'bigint')}", arguments.values)


def count_statement(wanted: Wanted, *, count_max: int) -> Statement:
    """Return the statement that counts leads and stops at `count_max`; null as for their ids."""
    arguments = Arguments()
    if wanted.is_hopped:
        counted = _found(wanted, arguments, count_max)
    elif wanted.is_plain:
        list_id = arguments.place(wanted.list_id, "bigint")
        counted = f"select from list_leads where list_id = {list_id}"
    else:
        counted = f"select from {_source(wanted, arguments)}"
    limit = arguments.place(count_max, "bigint")
    count = "count(*)"
    if wanted.is_hopped:
        count = "case when coalesce(bool_and(c.id is not null), true) then count(*) end"
    return Statement(f"select {count} from ({counted} limit {limit}) c", arguments.values)


def page_statement(wanted: Wanted, *, limit: int, offset: int) -> Statement:
    """Return the statement of a page of leads as callers see them, whatever they lack.

    A field that an open lookup is filling is derived here, never stored.
    """
    arguments = Arguments()
    wanted = replace(wanted, lacking=None)
    if wanted.is_by_index:
        # Rows before the page, and who does not fit, are skipped in an index; only the page's
        # leads are read.
        ids = f"{_found(wanted, arguments, limit + offset)} {_limit(arguments, limit, offset)}"
        page = f"({ids}) f join leads l on l.id = f.id"
    elif (use := wanted.text_use) is not None:
        # The index by text is told of in rows; those before the page are passed over by walking.
        use = "walk" if offset else use
        found = _in_ranges(wanted, use, arguments, limit + offset)
        found = f"({found} {_limit(arguments, limit, offset)})"
        page = f"{found} l" if use == "index" else f"{found} f join leads l on l.id = f.id"
    else:
        rows = f"select l.* from {_source(wanted, arguments)} {_order(wanted)}"
        page = f"({rows} {_limit(arguments, limit, offset)}) l"
    order = _order(wanted, within=False)
    return Statement(f"select {SHOWN}, {LOADING} from {page} {order}", arguments.values)


def _limit(arguments: Arguments, limit: int, offset: int) -> str:
    return f"limit {arguments.place(limit, 'bigint')} offset {arguments.place(offset, 'bigint')}"


def _found(wanted: Wanted, arguments: Arguments, limit: int) -> str:
    """Return the ids of leads in their order, found by what indexes alone have.

    An index has the order of one value, and of several none: all who have one would be sorted. So
    several values are as many ranges, of each no more than `limit`.
    """
    if wanted.is_plain and wanted.lacking is None:
        members = f"list_leads m where {_of_list(wanted, arguments)}"
        return f"select m.lead_id as id from {members} {_order(wanted)}"
    values = _values(wanted)
    if len(values) < _BRANCHES_MIN:
        return _range(values[0] if values else wanted, arguments, limit)
    most = arguments.place(limit, "bigint")
    branches = " union all ".join(
        f"({_range(each, arguments, limit)} limit {most})" for each in values
    )
    # What says that others are to be found must not be cut off by the limit.
    nulls = " nulls first" if wanted.is_hopped else ""
    return f"select l.id from ({branches}) l {_order(wanted, within=False)}{nulls}"


def _in_ranges(wanted: Wanted, use: TextUse, arguments: Arguments, limit: int) -> str:
    """Return the leads in their order whom one text tells: their ids, or rows by the index."""
    told = list(conditions(wanted.lead_filter, arguments))
    if wanted.list_id is None:
        told.append("l.is_company" if wanted.companies else "not l.is_company")
    known = candidates(wanted.lead_filter, arguments) if use == "index" else ()
    return found_by_ranges(
        Range(
            workspace_id=arguments.place(wanted.workspace_id, "bigint"),
            list_id=_placed(wanted.list_id, arguments),
            conditions=told,
            candidates=tuple(known),
            after=_placed(wanted.after, arguments),
            limit=arguments.place(limit, "bigint"),
            descending=wanted.sorting.descending,
        )
    )


def _placed(value: int | None, arguments: Arguments) -> str | None:
    return None if value is None else arguments.place(value, "bigint")


def _range(wanted: Wanted, arguments: Arguments, limit: int) -> str:
    """Return the ids of leads in their order, as one range of an index has them."""
    if wanted.lacking is not None and wanted.is_hopped:
        return _hops(wanted, wanted.lacking, arguments, limit)
    return f"select l.id from {_source(wanted, arguments)} {_order(wanted)}"


def _values(wanted: Wanted) -> list[Wanted]:
    """Return the same for each value alone where one column must equal any of several."""
    asked = [(name, each) for name, each in wanted.lead_filter.conditions.items() if each]
    if len(asked) != 1:
        return []
    ((column, condition),) = asked
    # Said twice, in whatever case, a value would be read once more and thrown away.
    values = tuple({_folded(value): value for value in condition.include}.values())
    return [
        # Without those of the values before, which may be the same to the database all the same.
        replace(
            wanted,
            lead_filter=LeadFilter(
                {column: Condition((value,), (*condition.exclude, *values[:place]))}
            ),
        )
        for place, value in enumerate(values)
    ]


def _folded(value: str) -> str:
    """Return what is the same for two values only if the database finds so, too."""
    return value.lower() if value.isascii() else value


def _source(wanted: Wanted, arguments: Arguments) -> str:
    if wanted.list_id is None:
        sort = "l.is_company" if wanted.companies else "not l.is_company"
        source = f"leads l where {_of_workspace(wanted, arguments)} and {sort}"
    else:
        of_list = _of_list(wanted, arguments)
        workspace_id = arguments.place(wanted.workspace_id, "bigint")
        source = (
            "list_leads m join leads l on l.id = m.lead_id"
            f" where {of_list} and l.workspace_id = {workspace_id}"
        )
    if not wanted.is_walked:
        source += _after("l.id", wanted, arguments)
    told = (*candidates(wanted.lead_filter, arguments), *conditions(wanted.lead_filter, arguments))
    return f"{source}{_eligible(wanted)}" + "".join(f" and {each}" for each in told)


def _of_workspace(wanted: Wanted, arguments: Arguments) -> str:
    workspace_id = arguments.place(wanted.workspace_id, "bigint")
    if not wanted.is_walked:
        return f"l.workspace_id = {workspace_id}"
    return _along("l.workspace_id", "l.id", workspace_id, wanted, arguments)


def _of_list(wanted: Wanted, arguments: Arguments) -> str:
    list_id = arguments.place(wanted.list_id, "bigint")
    if not wanted.is_walked:
        further = _after("m.lead_id", wanted, arguments) if wanted.sorting.field == "id" else ""
        return f"m.list_id = {list_id}{further}"
    return _along("m.list_id", "m.lead_id", list_id, wanted, arguments)


def _along(
    scope_column: str, id_column: str, scope: str, wanted: Wanted, arguments: Arguments
) -> str:
    """Return the condition for a workspace's or a list's leads as a range of the index they are in.

    A range of one scope, ordered by scope first: only that index can do it. With an equal sign the
    planner may walk through the leads of everybody instead.
    One end of the range is the place after which a page begins; two ends on one side would be one
    too many, since the scan begins at either.
    """
    between = f"{scope_column} between {scope} and {scope}"
    if wanted.after is None:
        return between
    if not wanted.is_by_index:
        # The planner can tell how many are left by the id alone, and so whether to walk.
        return between + _after(id_column, wanted, arguments)
    beyond, within = ("<", ">=") if wanted.sorting.descending else (">", "<=")
    place = f"({scope}, {arguments.place(wanted.after, 'bigint')})"
    return f"({scope_column}, {id_column}) {beyond} {place} and {scope_column} {within} {scope}"


def _after(id_column: str, wanted: Wanted, arguments: Arguments) -> str:
    """Return the condition for what comes after a lead in the order; absent values come last."""
    if wanted.after is None:
        return ""
    lead_id = arguments.place(wanted.after, "bigint")
    beyond = "<" if wanted.sorting.descending else ">"
    further = f"{id_column} {beyond} {lead_id}"
    if wanted.sorting.field == "id":
        return f" and {further}"
    column = SORT_COLUMNS.get(wanted.sorting.field, f"l.{wanted.sorting.field}")
    value = f"(select {column} from leads l where l.id = {lead_id})"
    return (
        f" and case when {value} is null then {column} is null and {further}"
        f" else {column} is null or {column} {beyond} {value}"
        f" or ({column} = {value} and {further}) end"
    )


def _hops(wanted: Wanted, target: Target, arguments: Arguments, limit: int) -> str:
    """Return the ids of a list's members who lack a value, in the order of the list."""
    having, excluded = None, {}
    for column, condition in wanted.lead_filter.conditions.items():
        if condition.include:
            (value,) = condition.include
            having = column, f"lower({arguments.place(value, 'text')})"
        excluded[column] = Condition(exclude=condition.exclude)
    members = Members(
        workspace_id=arguments.place(wanted.workspace_id, "bigint"),
        list_id=arguments.place(wanted.list_id, "bigint"),
        having=having,
        others=tuple(conditions(LeadFilter(excluded), arguments)),
    )
    return found_by_hops(
        target,
        members,
        arguments.place(hops_max(limit), "bigint"),
        descending=wanted.sorting.descending,
    )


def _eligible(wanted: Wanted) -> str:
    if wanted.lacking is None:
        return ""
    if not wanted.is_by_index:
        return f" and {lacks(wanted.lacking)} and not {OPEN.format(wanted.lacking)}"
    # What a lead lacks the workspace's index tells, which is asked last and for one at a time: of
    # its other columns another index says enough. Last is after the lead is known to be in the
    # list, which along a list it always is.
    along = wanted.is_walked or wanted.list_id is None
    met = "" if along else " and own.id = m.lead_id"
    # One condition, of which the planner then expects half to meet it, and not one in 400.
    free = not_being_looked_up("own.id", wanted.lacking)
    return (
        f" and (select {lacks(wanted.lacking, 'own')} and {free}"
        f" from leads own where own.workspace_id = l.workspace_id and own.id = l.id{met})"
    )


def _order(wanted: Wanted, *, within: bool = True) -> str:
    """Return the order.

    Args:
        within: of a walk along its index; otherwise of what came out of it.
    """
    sorting = wanted.sorting
    way = "desc" if sorting.descending else "asc"
    if sorting.field != "id":
        column = SORT_COLUMNS.get(sorting.field, f"l.{sorting.field}")
        return f"order by {column} {way} nulls last, l.id {way}"
    if not within:
        return f"order by l.id {way}"
    scope, lead_id = (
        ("l.workspace_id", "l.id") if wanted.list_id is None else ("m.list_id", "m.lead_id")
    )
    return f"order by {f'{scope} {way}, ' if wanted.is_walked else ''}{lead_id} {way}"
