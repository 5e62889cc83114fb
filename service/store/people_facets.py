"""Says which index of its own has the people that one condition alone asks for.

Where several conditions must hold, none of these indexes fits and nothing is said.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Final

from service.domain.people_filter import PeopleFilter
from service.store.lead_ranges import TextUse, use_of_text

_NOTHING: Final = PeopleFilter()
_TEXTS: Final = frozenset({"words", "name", "company_name", "job_title"})


@dataclass(frozen=True, slots=True)
class Facet:
    """An indexed expression and the values of it that are wanted.

    Attributes:
        expression: as its index in the migrations has it; None for the table of tags.
        place: what stands for a value in a statement, around its parameter.
    """

    expression: str | None
    place: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Index:
    expression: str | None
    place: str
    values: Callable[[Any], tuple[Any, ...]]


def _absent(wanted: Any) -> tuple[Any, ...]:
    """Return what the test for null gives for rows that have it, or for those that have not."""
    return (0 if wanted else 1,)


def _one(value: Any) -> tuple[Any, ...]:
    return (value,)


def _null_test(column: str) -> _Index:
    return _Index(f"(l.{column} is null)::integer", "{}::integer", _absent)


_INDEXES: Final[Mapping[str, _Index]] = MappingProxyType(
    {
        "tags": _Index(None, "{}::text", tuple),
        "email_verified": _null_test("email_verified_at"),
        "email_verdicts": _Index("l.email_verdict", "{}::text", tuple),
        "email_type": _Index("leadfall_email_sort(l.email)", "{}::text", _one),
        "has_company": _null_test("company_name"),
        "has_phone": _null_test("phone"),
        "seg_protected": _null_test("gateway_slug"),
        "country": _Index("l.country_lower", "lower({}::text)", _one),
        "city": _Index("l.city_lower", "lower({}::text)", _one),
    }
)


def find_facet(people: PeopleFilter) -> Facet | None:
    """Return the facet that is the only condition of a filter, or None."""
    asked = _asked(people)
    if len(asked) != 1 or asked[0] not in _INDEXES:
        return None
    index = _INDEXES[asked[0]]
    return Facet(index.expression, index.place, index.values(getattr(people, asked[0])))


def find_texts(people: PeopleFilter) -> tuple[tuple[str, ...], TextUse | None]:
    """Return the texts that are the only condition of a filter, and how leads are found by them."""
    asked = _asked(people)
    if len(asked) != 1 or asked[0] not in _TEXTS:
        return (), None
    value = getattr(people, asked[0])
    texts: tuple[str, ...] = value if isinstance(value, tuple) else (value,)
    # All must be there, so the index need know but one.
    known = any(use_of_text((text,)) == "index" for text in texts)
    return texts, "index" if known else use_of_text(texts)


def _asked(people: PeopleFilter) -> list[str]:
    return [
        each.name
        for each in fields(people)
        if getattr(people, each.name) != getattr(_NOTHING, each.name)
    ]
