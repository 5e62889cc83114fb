"""Faults the sandbox puts into vendors' answers, in a sequence that follows from a seed."""

import random
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

HANG_S: Final = 120.0  # vendor time


class Fault(StrEnum):
    """What goes wrong with one request."""

    THROTTLED = "throttled"
    DOWN = "down"
    HANG = "hang"
    RESET = "reset"
    GARBAGE = "garbage"


class Moment(StrEnum):
    """When it goes wrong: before the vendor noticed the request, or after it charged for it."""

    BEFORE_BOOKING = "before_booking"
    AFTER_BOOKING = "after_booking"


@dataclass(slots=True)
class Faults:
    """Decides for each request whether and how it fails; equal seeds decide alike.

    Attributes:
        share: of all requests, 0.0 to 1.0.
    """

    share: float
    seed: int = 0
    kinds: tuple[Fault, ...] = tuple(Fault)
    moments: tuple[Moment, ...] = tuple(Moment)
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - repeatable, not secret

    def next(self) -> tuple[Fault, Moment] | None:
        """Return the next request's fault, or None when it goes well."""
        if self._random.random() >= self.share:
            return None
        return self._random.choice(self.kinds), self._random.choice(self.moments)
