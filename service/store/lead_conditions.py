"""Turns a filter of a list into the conditions of a statement.

Only the conditions that are asked for are written, because the planner can use an index and stop
early only in a statement without alternatives. Every fragment is a constant; what callers give
goes in as parameters.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from service.domain.lead_filter import EQUALS, LeadFilter

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


class Arguments:
    """The parameters of a statement, in the order in which they were placed."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def place(self, value: Any, type_name: str) -> str:
        """Add a value and return what stands for it."""
        self.values.append(value)
        return f"${len(self.values)}::{type_name}"


def conditions(lead_filter: LeadFilter, arguments: Arguments) -> Iterator[str]:
    """Yield what must hold of a lead `l`, and place the values."""
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
            yield _contains(column, arguments.place(include, "text[]"))
        if exclude:
            yield f"({_contains(column, arguments.place(exclude, 'text[]'))}) is not true"


def candidates(lead_filter: LeadFilter, arguments: Arguments) -> Iterator[str]:
    """Yield what holds of whoever has the texts, as the index by text knows it; place the values.

    Others may be candidates, too: the conditions must be said besides.
    """
    for column in lead_filter.conditions:
        include, _ = lead_filter.patterns(column)
        if include and column not in EQUALS:
            known = [
                f"{text} like lower({arguments.place(pattern, 'text')})"
                for pattern in include
                for text in _INDEXED[column]
            ]
            yield f"({' or '.join(known)})"


def _equals(column: str, values: Sequence[str], arguments: Arguments) -> str:
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
