"""Decides from a seed which fault strikes when, what and for how long; equal seeds decide alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final


class Blow(StrEnum):
    """One kind of fault."""

    KILL = "kill -9"
    PAUSE = "paused past its lease"
    RESTART_POSTGRES = "Postgres ended at once, started"
    FLUSH_REDIS = "Redis emptied"
    STOP_REDIS = "Redis away"
    HANG_REDIS = "Redis silent"
    BLOCK_POOLS = "pools exhausted"
    TAKE_CONNECTIONS = "connections exhausted"
    VENDORS_DOWN = "vendors down"
    VENDORS_FAIL = "vendors fail half of all calls"
    RECEIVERS_DOWN = "receivers down"
    RECEIVERS_HANG = "receivers silent"
    RECEIVERS_RESET = "receivers take and do not answer"


AIMED: Final = frozenset({Blow.KILL, Blow.PAUSE})
# What every round strikes with, in an order of its own.
_ROUND: Final = (*Blow, *[Blow.KILL] * 5, *[Blow.PAUSE] * 3, Blow.RESTART_POSTGRES)
_GAP_S: Final = (0.5, 4.0)
_SPAN_S: Final = (0.5, 4.0)


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault.

    Attributes:
        at_s: since the start.
        target: the process, for a fault that is aimed at one.
        span_s: how long it lasts, where it lasts.
    """

    at_s: float
    blow: Blow
    target: str | None
    span_s: float

    def __str__(self) -> str:
        return f"{self.blow} {self.target}" if self.target else str(self.blow)


def plan_strikes(seed: int, span_s: float, processes: Sequence[str]) -> list[Strike]:
    """Return every strike of a run of so many seconds, in order; they may overlap."""
    random = Random(f"chaos {seed}")  # noqa: S311 - repeatable, not secret
    strikes: list[Strike] = []
    round_: list[Blow] = []
    at_s = random.uniform(*_GAP_S)
    while at_s < span_s:
        if not round_:
            round_ = random.sample(_ROUND, len(_ROUND))
        blow = round_.pop()
        target = random.choice(processes) if blow in AIMED else None
        strikes.append(Strike(at_s, blow, target, random.uniform(*_SPAN_S)))
        at_s += random.uniform(*_GAP_S)
    return strikes
