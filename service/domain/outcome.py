"""What became of one lookup or call: values, not exceptions; "not found" is an answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class OutcomeName(StrEnum):
    """The closed set of ends a lookup can have; `interrupted` only ever ends a call."""

    FOUND = "found"
    MISSING = "missing"
    NO_ANSWER = "no_answer"
    REJECTED_INPUT = "rejected_input"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Found:
    """A value for the target.

    Attributes:
        value: JSON object whose keys depend on the target. email: `email`, `verdict`
            (deliverable, risky or unknown), `confidence` (0.0-1.0) when the provider gives one.
            phone: `phone` (E.164). verification: `email`, `verdict`, `reason`.
            gateway and esp: `slug`, `name`, both null when none is visible.
    """

    value: Mapping[str, Any] = field(repr=False)
    name: OutcomeName = field(default=OutcomeName.FOUND, init=False)


@dataclass(frozen=True, slots=True)
class Missing:
    """The provider looked and knows no value."""

    name: OutcomeName = field(default=OutcomeName.MISSING, init=False)


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Nobody could say: deadline, limit, unreadable answer, or the verdict `unknown`.

    Attributes:
        reason: a short slug, such as `timeout` or `throttled`; never text from outside.
        retry_after_s: how long the other side asked to be left alone, when it said so.
        has_value: a value was given, and is charged for, although it cannot be used.
    """

    reason: str
    retry_after_s: float | None = None
    has_value: bool = field(default=False, compare=False)
    name: OutcomeName = field(default=OutcomeName.NO_ANSWER, init=False)


@dataclass(frozen=True, slots=True)
class RejectedInput:
    """The lead lacks what the provider needs, or the provider refused this input for good."""

    reason: str
    name: OutcomeName = field(default=OutcomeName.REJECTED_INPUT, init=False)


Outcome = Found | Missing | NoAnswer | RejectedInput
