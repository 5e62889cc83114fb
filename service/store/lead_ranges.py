"""Finds leads by a text in the order of ids, a range of ids at a time.

No index finds texts in an order, and few of what one finds are shown. So a page is gathered: the
first ids are walked along in an index that has the texts; of the next range those who have the text
are found by the index by text, and so on, each as wide as the page seems to need. Every fragment is
a constant; what callers give goes in as parameters.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

# So many ids are walked along first; of a text that many have there is a page among them.
_FIRST_WIDTH_IDS: Final = 512
_BLOCK_IDS: Final = 64
# As long as nobody is found, the next range is so many times as wide as the last.
_GROWTH: Final = 16
# Rows that are read and not shown: of a range guessed too wide, as nobody may have a text for long
# and then everybody; and of those who have the text elsewhere than asked, or are not in the list.
# There are so many, in tenths of the page. Then the rest is found by walking, which reads no others
# than it shows.
_IN_VAIN_TENTHS: Final = 7
_IN_VAIN_MIN: Final = 64
# A range that is walked along is put into its order by sorting whom it has.
_WALK_IDS_MAX: Final = 65_536
# Ranges of a width end where a larger block does, so that few blocks make up the next one.
_WIDTHS: Final = ((524_288, 65_536), (16_384, 2_048))

# What is asked for is looked up for each text by itself, in every range.
_TEXTS_ASKED_MAX: Final = 10
# The index by text knows a text by what stands together in it: three letters or digits.
_INDEXED: Final = re.compile("[0-9A-Za-z]{3}")

TextUse = Literal["index", "walk"]

# As in migration 0021; the texts as in 0023.
_BLOCKS: Final = (
    "(array[(l.workspace_id << 42) | (l.id >> 6),"
    " (l.workspace_id << 42) | (1::bigint << 40) | (l.id >> 11),"
    " (l.workspace_id << 42) | (2::bigint << 40) | (l.id >> 16)])"
)
_TEXTS: Final = (
    "first_name", "last_name", "email",
    "headline", "job_title", "company_name", "industry", "location", "city", "state", "country",
)  # fmt: skip
_TEXTS_BYTES: Final = " + ".join(f"coalesce(octet_length(l.{name}), 0)" for name in _TEXTS)
_TEXTS_BYTES_MAX: Final = 2_000
# As the column of this name has it, which is no part of the index.
_SEARCH_TEXT: Final = "lower({})".format(
    " || ' ' || ".join(
        f"coalesce(l.{name}, '')"
        for name in ("first_name", "last_name", "email", "company_name", "job_title")
    )
)
_READ: Final = (
    ", ".join(f"l.{name}" for name in ("id", "workspace_id", "is_company", *_TEXTS))
    + f", {_SEARCH_TEXT} as search_text"
)
# A list of more members is gone through by walking along the workspace.
_SHORT_LIST_MAX: Final = 20_000


@dataclass(frozen=True, slots=True)
class Range:
    """Of whom those who fit are to be found; each part is what stands for it in SQL.

    Attributes:
        list_id: None for all of the workspace.
        conditions: what must hold of a lead `l`, by no columns but those of the index that has the
            texts, and `search_text`.
        candidates: what holds of them as the index by text knows it; none if it knows nothing.
        after: the id after which to begin; None for the first.
        limit: how many are found at most.
    """

    workspace_id: str
    list_id: str | None
    conditions: Sequence[str]
    candidates: Sequence[str]
    after: str | None
    limit: str
    descending: bool = False


def use_of_text(texts: Sequence[str]) -> TextUse:
    """Return how leads that have any of these texts are found in ranges.

    Without a text, by many or by short ones, they are walked along; so they are by texts beyond
    ASCII, since whether the index by text knows their letters is up to the database's locale.
    """
    known = texts and all(map(_INDEXED.search, texts)) and len(texts) <= _TEXTS_ASKED_MAX
    return "index" if known else "walk"


def found_by_ranges(asked: Range) -> str:
    """Return the statement of those who fit, in order: their rows by text, or their ids."""
    by_text = bool(asked.candidates)
    kind, name = ("leads", "l") if by_text else ("bigint", "l(id)")
    way = "desc" if asked.descending else "asc"
    onward = "b.first - 1" if asked.descending else "b.last + 1"
    left = "s.next >= s.finish" if asked.descending else "s.next <= s.finish"
    missing = f"({asked.limit} - s.found)"
    if asked.descending:
        ends = "(s.next - w.ids + 1) / w.block * w.block as first, s.next as last"
    else:
        ends = "s.next as first, (s.next + w.ids + w.block - 1) / w.block * w.block - 1 as last"
    whole = " ".join(f"when v.ids >= {least} then {block}" for least, block in _WIDTHS)
    # Said here they are made once for a range, and not for each row.
    blocks = f"leadfall_blocks_between({asked.workspace_id}, e.first, e.last)"
    blocks = f", case when not m.walks then {blocks} end as blocks" if by_text else ""
    walked = f"{_by_walk(asked)} {way} limit {missing}"
    if by_text:
        most = f"greatest(0, {_in_vain_max(asked)} - s.in_vain)"
        walks = f"s.ids = 0 or s.in_vain >= {_in_vain_max(asked)}"
        found = (
            f"({_by_text(asked)} and not m.walks limit m.most) union all"
            f" select (select l from leads l where l.id = w.id) from ({walked}) w where m.walks"
        )
        told = [*asked.conditions, *([] if asked.list_id is None else [_in_list(asked)])]
        kept = (
            "select l from unnest(f.leads) l"
            f" where not g.too_many and {' and '.join(told)} order by l.id {way} limit {missing}"
        )
    else:
        walks, most, found = "true", "null::bigint", walked
        kept = f"select id from unnest(f.leads) l(id) order by id {way}"
    return (
        "with recursive step as ("
        "select e.start as next, e.start, e.finish, e.is_long, 0::bigint as found,"
        f" '{{}}'::{kind}[] as leads, 0::bigint as ids, 0::bigint as in_vain"
        f" from ({_ends(asked)}) e"
        f" union all select case when g.too_many then s.next else {onward} end,"
        " s.start, s.finish, s.is_long, s.found + cardinality(k.leads), k.leads,"
        " case when g.too_many then 0 else w.ids end,"
        " s.in_vain + cardinality(f.leads) - cardinality(k.leads)"
        f" from step s cross join lateral (select {walks} as walks, {most} as most) m"
        f" cross join lateral (select {_width(missing)} as ids) v"
        f" cross join lateral (select v.ids, case {whole} else {_BLOCK_IDS} end as block) w"
        f" cross join lateral (select e.*{blocks} from (select {ends}) e offset 0) b"
        f" cross join lateral (select array({found}) as leads offset 0) f"
        " cross join lateral (select not m.walks"
        " and coalesce(cardinality(f.leads) >= m.most, false) as too_many) g"
        f" cross join lateral (select array({kept}) as leads offset 0) k"
        f" where s.found < {asked.limit} and {left}"
        f") select l.* from step cross join lateral unnest(step.leads) {name} order by l.id {way}"
    )


def _in_vain_max(asked: Range) -> str:
    """Return how many rows may be read that are not shown, of those whom the index by text has."""
    return f"greatest({_IN_VAIN_MIN}, {asked.limit} * {_IN_VAIN_TENTHS} / 10)"


def _width(missing: str) -> str:
    """Return how many ids the next range has."""
    last = "cardinality(s.leads)"
    # More are expected further on than were found last: a few of these may have been chance, and
    # what is found beyond the page was read in vain.
    width = (
        f"case when s.ids = 0 then {_FIRST_WIDTH_IDS}"
        f" when {last} = 0 then {_GROWTH} * s.ids"
        f" else greatest({_BLOCK_IDS}, least({_GROWTH} * s.ids,"
        f" {missing} * s.ids / ({last} + 1 + 2 * sqrt({last})::bigint))) end"
    )
    return f"least({width}, case when m.walks then {_WALK_IDS_MAX} end)"


def _ends(asked: Range) -> str:
    """Return what selects the ids with which the ranges begin and end, and how to walk."""
    if asked.list_id is None:
        scope = asked.workspace_id
        rows = f"leads l where l.workspace_id >= {scope} and l.workspace_id <= {scope}"
        name, order = "l.id", "l.workspace_id {0}, l.id {0}"
    else:
        rows = f"list_leads m where m.list_id = {asked.list_id}"
        name, order = "m.lead_id", "m.lead_id {0}"
    first, last = (
        f"(select {name} from {rows} order by {order.format(way)} limit 1)"
        for way in ("asc", "desc")
    )
    start, finish = (last, first) if asked.descending else (first, last)
    if asked.after is not None:
        start = (
            f"least({start}, {asked.after} - 1)"
            if asked.descending
            else f"greatest({start}, {asked.after} + 1)"
        )
    is_long = "false"
    if asked.list_id is not None:
        members = f"select from list_leads m where m.list_id = {asked.list_id}"
        is_long = f"exists ({members} order by m.lead_id offset {_SHORT_LIST_MAX})"
    return f"select {start} as start, {finish} as finish, {is_long} as is_long"


def _by_text(asked: Range) -> str:
    """Return what finds the candidates of a range by the index by text, in the list or not."""
    # No index has the sum, so none but the one by text can tell who is in the range.
    return (
        f"select l from leads l where l.workspace_id = {asked.workspace_id}"
        f" and {_BLOCKS} && b.blocks"
        " and l.id + 0 >= b.first and l.id + 0 <= b.last"
        f" and {' and '.join(asked.candidates)}"
    )


def _by_walk(asked: Range) -> str:
    """Return what goes through a range in the index that has the texts."""
    conditions = " and ".join(asked.conditions)
    along = (
        f"(l.workspace_id, l.id) >= ({asked.workspace_id}, b.first)"
        f" and (l.workspace_id, l.id) <= ({asked.workspace_id}, b.last)"
    )
    # Read in its order, so that the planner takes the index however much it expects to find.
    walked = _with_texts(along, "order by l.workspace_id, l.id offset 0")
    if asked.list_id is None:
        return f"select l.id from {walked} l where {conditions} order by 1"
    # Of a long list, who fits is asked whether it is in the list; of a short one, each member is
    # asked whether it fits.
    one = f"l.workspace_id = {asked.workspace_id} and l.id = m.lead_id"
    return (
        f"select l.id from {walked} l where s.is_long and {conditions} and {_in_list(asked)}"
        f" union all select l.id from list_leads m cross join lateral {_with_texts(one, '')} l"
        f" where not s.is_long and m.list_id = {asked.list_id}"
        f" and m.lead_id >= b.first and m.lead_id <= b.last and {conditions} order by 1"
    )


def _with_texts(which: str, order: str) -> str:
    """Return what reads leads from the index that has their texts, or whose texts are too long."""
    short, long = (
        f"(select {_READ} from leads l"
        f" where {which} and {_TEXTS_BYTES} {sign} {_TEXTS_BYTES_MAX} {order})"
        for sign in ("<=", ">")
    )
    return f"({short} union all {long})"


def _in_list(asked: Range) -> str:
    """Return the condition that a lead is in the list: one by one, as a join might read it all."""
    return f"(select true from list_leads m where m.list_id = {asked.list_id} and m.lead_id = l.id)"
