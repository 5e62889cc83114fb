"""Writes the statements that select leads: one meaning for enrichment, count, page and search.

Only the conditions that are asked for are written, because the planner can use an index and stop
early only in a statement without alternatives. Every fragment is a constant; what callers give
goes in as parameters.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from service.domain.kinds import Target
from service.domain.lead_filter import EQUALS, Condition, LeadFilter
from service.store.lacking_members import LACKING, OPEN, hit, hops

SortField = Literal[
    "id", "first_name", "last_name", "email", "email_status", "phone_number", "job_title",
    "seniority", "department", "headline", "industry", "location", "city", "state", "country",
    "linkedin_profile_url", "linkedin_url", "name", "website_url", "amount_of_employees",
    "company_name", "company_domain", "company_size", "created_at", "updated_at",
]  # fmt: skip
"""What leads can be sorted by: every field of a page, by its name there or of its column."""

# By the first number of "51-200" or "1,001+", as far as a number goes.
_EMPLOYEES: Final = (
    "substring(replace(l.company_size, ',', '') from '^[^0-9]*([0-9]{1,18})')::bigint"
)
_SORT_COLUMNS: Final = {
    "email_status": "l.email_verdict",
    "phone_number": "coalesce(l.phone_e164, l.phone)",
    "linkedin_profile_url": "l.linkedin_url",
    "name": "l.company_name",
    "website_url": "l.company_domain",
    "amount_of_employees": _EMPLOYEES,
    "company_size": _EMPLOYEES,
}
# Columns in which one text is looked for; where it may reach from one into the next, with what
# stands between these. Each stands for itself too, because how common a word is the planner knows
# of columns alone.
_PARTS: Final[Mapping[str, tuple[str | None, tuple[str, ...]]]] = {
    "keywords": (None, ("headline", "job_title", "company_name")),
    "location": ("', '", ("location", "city", "state", "country")),
}
# What stands in these columns stands in texts that are indexed, too; the index finds candidates.
_ATTRIBUTES: Final = (
    "leadfall_attributes(l.headline, l.industry, l.location, l.city, l.state, l.country)"
)
_INDEXED: Final = {
    "job_title": ("l.search_text",),
    "company_name": ("l.search_text",),
    "industry": (_ATTRIBUTES,),
    "location": (_ATTRIBUTES,),
    "keywords": ("l.search_text", _ATTRIBUTES),
}
_SHOWN: Final = ", ".join(
    f"l.{column}"
    for column in (
        "id", "public_id", "first_name", "last_name", "job_title", "seniority", "department",
        "headline", "industry", "location", "city", "state", "country", "linkedin_url",
        "company_name", "company_domain", "company_size", "email", "email_verdict", "phone",
        "phone_e164", "custom_fields", "created_at", "updated_at",
    )
)  # fmt: skip
_LOADING: Final = ", ".join(
    f"{OPEN.format(target)} as {target}_loading" for target in (Target.EMAIL, Target.PHONE)
)


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
    """

    workspace_id: int
    list_id: int | None = None
    companies: bool = False
    lead_filter: LeadFilter = field(default_factory=LeadFilter)
    sorting: Sorting = Sorting()
    lacking: Target | None = None
    after: int | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it is a list in its own order, which is read without passing by other leads."""
        return self.list_id is not None and self.lead_filter.is_empty and self.sorting.field == "id"


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement and what it takes."""

    text: str
    arguments: Sequence[Any]


class _Arguments:
    """The parameters of a statement, in the order in which they were placed."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def place(self, value: Any, type_name: str) -> str:
        self.values.append(value)
        return f"${len(self.values)}::{type_name}"


def ids_statement(wanted: Wanted, *, limit: int) -> Statement:
    """Return the statement of the ids of the first `limit` leads, in any order."""
    arguments = _Arguments()
    if wanted.is_plain and wanted.lacking is not None:
        chosen = _hops(wanted, wanted.lacking, arguments)
    else:
        chosen = _ordered("l.id", wanted, arguments, limit)
    return Statement(f"{chosen} limit {arguments.place(limit, 'bigint')}", arguments.values)


def count_statement(wanted: Wanted, *, count_max: int) -> Statement:
    """Return the statement that counts leads and stops at `count_max`."""
    arguments = _Arguments()
    if wanted.is_plain and wanted.lacking is not None:
        counted = _hops(wanted, wanted.lacking, arguments)
    elif wanted.is_plain:
        list_id = arguments.place(wanted.list_id, "bigint")
        counted = f"select from list_leads where list_id = {list_id}"
    else:
        counted = f"select from {_source(wanted, arguments)}"
    limit = arguments.place(count_max, "bigint")
    return Statement(f"select count(*) from ({counted} limit {limit}) c", arguments.values)


def page_statement(wanted: Wanted, *, limit: int, offset: int) -> Statement:
    """Return the statement of a page of leads as callers see them, whatever they lack.

    A field that an open lookup is filling is derived here, never stored.
    """
    arguments = _Arguments()
    wanted = replace(wanted, lacking=None)
    order = _order(wanted)
    if wanted.is_plain:
        # Rows before the page are skipped in the index of the list, without reading the leads.
        way = "desc" if wanted.sorting.descending else "asc"
        list_id = arguments.place(wanted.list_id, "bigint")
        ids = (
            f"select lead_id from list_leads where list_id = {list_id}"
            f"{_after('lead_id', wanted, arguments)}"
            f" order by lead_id {way} {_limit(arguments, limit, offset)}"
        )
        page = f"({ids}) m join leads l on l.id = m.lead_id"
    else:
        rows = _ordered("l.*", wanted, arguments, limit + offset)
        page = f"({rows} {_limit(arguments, limit, offset)}) l"
    return Statement(f"select {_SHOWN}, {_LOADING} from {page} {order}", arguments.values)


def _limit(arguments: _Arguments, limit: int, offset: int) -> str:
    return f"limit {arguments.place(limit, 'bigint')} offset {arguments.place(offset, 'bigint')}"


def _ordered(shown: str, wanted: Wanted, arguments: _Arguments, limit: int) -> str:
    """Return the leads in their order; of each of several values by itself no more than `limit`.

    An index has the order of one value, and of several none: all who have one would be sorted.
    """
    order = _order(wanted)
    values = _values(wanted)
    if len(values) < _BRANCHES_MIN:
        return f"select {shown} from {_source(wanted, arguments)} {order}"
    most = arguments.place(limit, "bigint")
    branches = " union all ".join(
        f"(select l.* from {_source(each, arguments)} {order} limit {most})" for each in values
    )
    return f"select {shown} from ({branches}) l {order}"


def _values(wanted: Wanted) -> list[Wanted]:
    """Return the same for each value alone where one column must equal any of several."""
    conditions = [(name, each) for name, each in wanted.lead_filter.conditions.items() if each]
    if len(conditions) != 1 or wanted.sorting.field != "id":
        return []
    ((column, condition),) = conditions
    if column not in EQUALS or condition.exclude:
        return []
    # Said twice, in whatever case, a value would be read once more and thrown away.
    values = tuple({_folded(value): value for value in condition.include}.values())
    return [
        # Without those of the values before, which may be the same to the database all the same.
        replace(wanted, lead_filter=LeadFilter({column: Condition((value,), values[:place])}))
        for place, value in enumerate(values)
    ]


def _folded(value: str) -> str:
    """Return what is the same for two values only if the database finds so, too."""
    return value.lower() if value.isascii() else value


def _source(wanted: Wanted, arguments: _Arguments) -> str:
    workspace_id = arguments.place(wanted.workspace_id, "bigint")
    if wanted.list_id is None:
        sort = "l.is_company" if wanted.companies else "not l.is_company"
        source = f"leads l where {_of_workspace(wanted, workspace_id, arguments)} and {sort}"
    else:
        list_id = arguments.place(wanted.list_id, "bigint")
        source = (
            "list_leads m join leads l on l.id = m.lead_id"
            f" where m.list_id = {list_id} and l.workspace_id = {workspace_id}"
        )
    if not _is_by_workspace(wanted):
        source += _after("l.id", wanted, arguments)
    return f"{source}{_eligible(wanted)}" + "".join(
        f" and {condition}" for condition in _conditions(wanted.lead_filter, arguments)
    )


def _of_workspace(wanted: Wanted, workspace_id: str, arguments: _Arguments) -> str:
    """Return the condition for a workspace's leads: as a range where that is what gives the order.

    One end of the range is the place after which a page begins; two ends on one side would be one
    too many, since the scan begins at either.
    """
    if not _is_by_workspace(wanted):
        return f"l.workspace_id = {workspace_id}"
    if wanted.after is None:
        return f"l.workspace_id between {workspace_id} and {workspace_id}"
    beyond, within = ("<", ">=") if wanted.sorting.descending else (">", "<=")
    place = f"({workspace_id}, {arguments.place(wanted.after, 'bigint')})"
    return f"(l.workspace_id, l.id) {beyond} {place} and l.workspace_id {within} {workspace_id}"


def _after(id_column: str, wanted: Wanted, arguments: _Arguments) -> str:
    """Return the condition for what comes after a lead in the order; absent values come last."""
    if wanted.after is None:
        return ""
    lead_id = arguments.place(wanted.after, "bigint")
    beyond = "<" if wanted.sorting.descending else ">"
    further = f"{id_column} {beyond} {lead_id}"
    if wanted.sorting.field == "id":
        return f" and {further}"
    column = _SORT_COLUMNS.get(wanted.sorting.field, f"l.{wanted.sorting.field}")
    value = f"(select {column} from leads l where l.id = {lead_id})"
    return (
        f" and case when {value} is null then {column} is null and {further}"
        f" else {column} is null or {column} {beyond} {value}"
        f" or ({column} = {value} and {further}) end"
    )


def _hops(wanted: Wanted, target: Target, arguments: _Arguments) -> str:
    """Return the ids of a list's members who lack a value, in the order of the list."""
    steps = hops(
        target,
        workspace_id=arguments.place(wanted.workspace_id, "bigint"),
        list_id=arguments.place(wanted.list_id, "bigint"),
        descending=wanted.sorting.descending,
    )
    return f"{steps} select hop.id from hop where {hit(target)}"


def _eligible(wanted: Wanted) -> str:
    if wanted.lacking is None:
        return ""
    return f" and {LACKING[wanted.lacking]} and not {OPEN.format(wanted.lacking)}"


def _is_by_workspace(wanted: Wanted) -> bool:
    """Tell whether a workspace is read in its own order, through the index that has it.

    A range of one workspace, ordered by workspace first: only that index can do it. With an equal
    sign the planner may walk through the leads of all workspaces instead.
    """
    return wanted.list_id is None and wanted.lead_filter.is_empty and wanted.sorting.field == "id"


def _conditions(lead_filter: LeadFilter, arguments: _Arguments) -> Iterator[str]:
    for column in lead_filter.conditions:
        include, exclude = lead_filter.patterns(column)
        if column in EQUALS:
            condition = lead_filter.conditions[column]
            if include:
                yield _equals(column, condition.include, arguments)
            if exclude:
                yield f"({_equals(column, condition.exclude, arguments)}) is not true"
            continue
        if include:
            candidates = [
                f"{text} like lower({arguments.place(pattern, 'text')})"
                for pattern in include
                for text in _INDEXED[column]
            ]
            yield f"({' or '.join(candidates)})"
            yield _contains(column, arguments.place(include, "text[]"))
        if exclude:
            yield f"({_contains(column, arguments.place(exclude, 'text[]'))}) is not true"


def _equals(column: str, values: Sequence[str], arguments: _Arguments) -> str:
    places = ", ".join(f"lower({arguments.place(value, 'text')})" for value in values)
    return f"lower(l.{column}) in ({places})"


def _contains(column: str, patterns: str) -> str:
    if column not in _PARTS:
        return f"l.{column} ilike any ({patterns})"
    separator, columns = _PARTS[column]
    names = [f"l.{each}" for each in columns]
    joined = [f"concat_ws({separator}, {', '.join(names)})"] if separator else []
    texts = [*joined, *names]
    return "(" + " or ".join(f"{text} ilike any ({patterns})" for text in texts) + ")"


def _order(wanted: Wanted) -> str:
    sorting = wanted.sorting
    way = "desc" if sorting.descending else "asc"
    if sorting.field == "id":
        if wanted.is_plain:
            return f"order by m.lead_id {way}"
        workspace = f"l.workspace_id {way}, " if _is_by_workspace(wanted) else ""
        return f"order by {workspace}l.id {way}"
    column = _SORT_COLUMNS.get(sorting.field, f"l.{sorting.field}")
    return f"order by {column} {way} nulls last, l.id {way}"
