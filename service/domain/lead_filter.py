"""Which leads of a list are wanted: the filter grammar of the Seleqt page, read into values.

A value is a text, an array (any of), or `{"must": ..., "doesnt": ...}`. Matching ignores case.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from service.domain.sentences import joined

VALUES_MAX: Final = 100
VALUE_CHARACTERS_MAX: Final = 200

CONTAINS: Final = frozenset({"job_title", "company_name", "industry", "location", "keywords"})
"""Columns of free text: a value matches anywhere in them."""

EQUALS: Final = frozenset({"seniority", "department", "company_size"})
"""Columns with a vocabulary: a value matches the whole of them."""

COLUMNS: Final = tuple(sorted(CONTAINS | EQUALS))

ALIASES: Final = MappingProxyType({"current_title": "job_title", "prospect_location": "location"})
"""Other names of columns, by which Seleqt's clients know them."""

KEYS: Final = tuple(sorted({*COLUMNS, *ALIASES}))
_NOT_HELD: Final = frozenset(
    {"years_experience", "job_change_range_days", "location_radius", "location_radius_unit"}
)
_SIDES: Final = ("must", "doesnt")


class FilterInvalidError(ValueError):
    """A filter cannot be used; nothing is ignored, since that would spend credits on other leads.

    Attributes:
        problems: a sentence for each bad part, by its path.
    """

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(problems.values()))
        self.problems = dict(problems)


@dataclass(frozen=True, slots=True)
class Condition:
    """What one column must match any of, and what it must match none of."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether it asks for anything."""
        return bool(self.include or self.exclude)


@dataclass(frozen=True, slots=True)
class LeadFilter:
    """The conditions by column; all of them must hold. An absent column may be anything."""

    conditions: Mapping[str, Condition] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether every lead passes."""
        return not any(self.conditions.values())

    def patterns(self, column: str) -> tuple[list[str] | None, list[str] | None]:
        """Return a column's LIKE patterns to include and to exclude; None for no condition."""
        condition = self.conditions.get(column, Condition())
        wrap = "%" if column in CONTAINS else ""
        include, exclude = (
            [f"{wrap}{_escaped(value)}{wrap}" for value in side] or None
            for side in (condition.include, condition.exclude)
        )
        return include, exclude


def read_lead_filter(raw: Mapping[str, Any], *, ignores_unknown: bool = False) -> LeadFilter:
    """Read the `filters` object; blank values and empty arrays are no condition.

    Args:
        ignores_unknown: keys that are not known, or of which leads hold no data, are no condition
            either, instead of an error.

    Raises:
        FilterInvalidError: names every bad part at once.
    """
    conditions: dict[str, Condition] = {}
    problems: dict[str, str] = {}
    for key, value in raw.items():
        path = f"filters.{key[:VALUE_CHARACTERS_MAX]}"
        column = ALIASES.get(key, key)
        if ignores_unknown and column not in COLUMNS:
            continue
        if key in _NOT_HELD:
            problems[path] = f"{path} cannot be used: leads hold no such data here; leave it out"
        elif column not in COLUMNS:
            problems[path] = f"{path} is not a known filter; known are {joined(KEYS)}"
        elif column in conditions:
            problems[path] = f"{path} names the same column as another filter; join the two"
        else:
            try:
                conditions[column] = _read_condition(value, path)
            except FilterInvalidError as error:
                problems.update(error.problems)
    if problems:
        raise FilterInvalidError(problems)
    return LeadFilter(MappingProxyType(conditions))


def _read_condition(value: Any, path: str) -> Condition:
    if not isinstance(value, dict):
        return Condition(include=_read_values(value, path))
    unknown = [key for key in value if key not in _SIDES]
    if unknown:
        named = f"{path}.{unknown[0][:VALUE_CHARACTERS_MAX]}"
        raise FilterInvalidError({named: f"{named} is not known; use must and doesnt"})
    include, exclude = (_read_values(value.get(side, []), f"{path}.{side}") for side in _SIDES)
    return Condition(include, exclude)


def _read_values(value: Any, path: str) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise FilterInvalidError({path: f"{path} must be a string or an array of strings"})
    if len(values) > VALUES_MAX:
        raise FilterInvalidError({path: f"{path} must have at most {VALUES_MAX} values"})
    if any(len(each) > VALUE_CHARACTERS_MAX for each in values):
        raise FilterInvalidError(
            {path: f"each value of {path} must have at most {VALUE_CHARACTERS_MAX} characters"}
        )
    return tuple(each.strip() for each in values if each.strip())


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
