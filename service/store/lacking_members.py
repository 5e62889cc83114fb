"""Finds the members of a list who lack a value, without passing by those who have it.

Indexes know a part of the answer each: who is in the list, who has what a filter asks for, and who
lacks the value. Walking along any of them can be in vain for a million rows, in a list that is
nearly filled or in a workspace whose other leads all lack it. So each step asks all of them where
to go on and takes the farthest answer: what is read follows from what is found, unless they keep
missing each other. Then the steps end, and who is meant must be walked along after all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from service.domain.kinds import Target

_LACKING: Final = {
    Target.EMAIL: "not ({0}.email_parses and {0}.email_verdict is distinct from 'undeliverable')",
    Target.PHONE: "{0}.phone_e164 is null",
}

OPEN: Final = (
    "exists (select from lookups k"
    " where k.lead_id = l.id and k.target = '{}' and k.settled_at is null)"
)
"""Whether a lead `l` is having a value looked up."""

_ID_MAX: Final = 2**63 - 1
HOPS_IN_VAIN: Final = 2_000
"""So many steps more than are needed where all who are found lie apart are taken."""


def lacks(target: Target, lead: str = "l") -> str:
    """Return what a lead must meet to lack a value; an index of people for each has the condition.

    Args:
        lead: its name in the statement.
    """
    return _LACKING[target].format(lead)


@dataclass(frozen=True, slots=True)
class Members:
    """Of whom those who lack a value are to be found; each part is what stands for it in SQL.

    Attributes:
        having: a column with a vocabulary and what it must equal; None for anything.
        others: further conditions for a lead `l`, on columns that the index of those who lack a
            value includes.
    """

    workspace_id: str
    list_id: str
    having: tuple[str, str] | None = None
    others: Sequence[str] = ()


def hops_max(limit: int) -> int:
    """Return how many steps may be taken to find so many."""
    return 2 * limit + HOPS_IN_VAIN


def found_by_hops(target: Target, members: Members, hops: str, *, descending: bool) -> str:
    """Return the statement of the ids of those who lack a value, in order.

    An id that is null says that the steps ended before the members did: then it has not found all.
    A step is one row of each index. Whoever is found takes one, and one more where others lie
    between.

    Args:
        hops: how many steps are taken at most, as it stands in the statement.
    """
    start = _ID_MAX if descending else 0
    onward = (
        "least(hop.member_id - 1, hop.id)" if descending else "greatest(hop.member_id + 1, hop.id)"
    )
    first = _step(target, members, f"{start}::bigint", descending=descending)
    next_one = _step(target, members, onward, descending=descending)
    return (
        f"with recursive hop as (select 1::bigint as number, first.* from ({first}) first"
        f" union all select hop.number + 1, next.* from hop cross join lateral ({next_one}) next"
        f" where hop.id is not null and hop.number < {hops})"
        f" select case when hop.number < {hops} then hop.id end as id from hop"
        f" where hop.number = {hops}"
        f" or (hop.id = hop.member_id and {not_being_looked_up('hop.id', target)})"
    )


def _step(target: Target, members: Members, start: str, *, descending: bool) -> str:
    """Return what finds the next member, from there the next with the value, and so on."""
    to, end, way = ("<=", ">=", "desc") if descending else (">=", "<=", "asc")
    workspace_id, list_id = members.workspace_id, members.list_id
    nearest, having = "m.member_id", ""
    if members.having is not None:
        column, value = members.having
        nearest = "v.id"
        having = (
            " left join lateral (select v.id from leads v"
            f" where v.workspace_id = {workspace_id} and lower(v.{column}) {end} {value}"
            f" and (lower(v.{column}), v.id) {to} ({value}, m.member_id)"
            f" order by lower(v.{column}) {way}, v.id {way} limit 1) v on true"
        )
    others = "".join(f" and {condition}" for condition in members.others)
    return (
        "select m.member_id, l.id from (select lead_id as member_id from list_leads"
        f" where list_id = {list_id} and lead_id {to} {start} order by lead_id {way} limit 1) m"
        f"{having} left join lateral (select l.id from leads l"
        f" where (l.workspace_id, l.id) {to} ({workspace_id}, {nearest})"
        f" and l.workspace_id {end} {workspace_id} and not l.is_company and {lacks(target)}{others}"
        f" order by l.workspace_id {way}, l.id {way} limit 1) l on true"
    )


def not_being_looked_up(id_column: str, target: Target) -> str:
    """Return the condition that no lookup of a value is open for a lead.

    A count, because the planner turns a mere `not exists` into a join and may read every lookup.
    """
    return (
        f"(select count(*) from lookups k where k.lead_id = {id_column}"
        f" and k.target = '{target}' and k.settled_at is null) = 0"
    )
