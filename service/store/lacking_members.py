"""Finds the members of a list who lack a value, without passing by those who have it.

Two indexes know half of the answer each: who lacks the value, and who is in the list. Walking along
either can be in vain for a million rows, in a list that is nearly filled or in a workspace whose
other leads all lack it. So each step asks both where to go on and takes the farther answer: what is
read follows from what is found, unless the two keep missing each other.
"""

from typing import Final

from service.domain.kinds import Target

_LACKING: Final = {
    Target.EMAIL: "not ({0}.email_parses and {0}.email_verdict is distinct from 'undeliverable')",
    Target.PHONE: "{0}.phone_e164 is null",
}

OPEN: Final = (
    "exists (select from lookups k"
    " where k.lead_id = l.id and k.target = '{}' and k.state <> 'settled')"
)
"""Whether a lead `l` is having a value looked up."""

_ID_MAX: Final = 2**63 - 1


def lacks(target: Target, lead: str = "l") -> str:
    """Return what a lead must meet to lack a value; an index of people for each has the condition.

    Args:
        lead: its name in the statement.
    """
    return _LACKING[target].format(lead)


def hops(target: Target, *, workspace_id: str, list_id: str, descending: bool) -> str:
    """Return the beginning of a statement: `hop` has a row for each step, in the order of ids.

    A step is one row of either index. Whoever is found takes one, and one more where others lie
    between.

    Args:
        workspace_id: what stands for it in the statement; so does `list_id`.
    """
    to, end, way = ("<=", ">=", "desc") if descending else (">=", "<=", "asc")
    start = _ID_MAX if descending else 0
    onward = (
        "least(hop.member_id - 1, hop.id)" if descending else "greatest(hop.member_id + 1, hop.id)"
    )

    def step(start: str) -> str:
        return (
            "select m.member_id, l.id from (select lead_id as member_id from list_leads"
            f" where list_id = {list_id} and lead_id {to} {start} order by lead_id {way} limit 1) m"
            " left join lateral (select l.id from leads l"
            f" where (l.workspace_id, l.id) {to} ({workspace_id}, m.member_id)"
            f" and l.workspace_id {end} {workspace_id} and not l.is_company and {lacks(target)}"
            f" order by l.workspace_id {way}, l.id {way} limit 1) l on true"
        )

    return (
        f"with recursive hop as (({step(f'{start}::bigint')}) union all select next.* from hop"
        f" cross join lateral ({step(onward)}) next where hop.id is not null) "
    )


def hit(target: Target) -> str:
    """Return which steps found somebody: a member who lacks the value, not being looked up."""
    return f"hop.id = hop.member_id and {not_being_looked_up('hop.id', target)}"


def not_being_looked_up(id_column: str, target: Target) -> str:
    """Return the condition that no lookup of a value is open for a lead.

    A count, because the planner turns a mere `not exists` into a join and may read every lookup.
    """
    return (
        f"(select count(*) from lookups k where k.lead_id = {id_column}"
        f" and k.target = '{target}' and k.state <> 'settled') = 0"
    )
