"""Writes calls: intents before the request, outcomes after it, and reads the trace."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from service.domain.outcome import OutcomeName
from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("calls")


class Grant(StrEnum):
    """Whether a call may be made now."""

    GRANTED = "granted"
    # The step was asked before and nobody knows the answer; it may not be asked again.
    BEGUN_BEFORE = "begun_before"
    CANCELLED = "cancelled"
    # The claim or the lease is gone: another worker has the lookup, or soon will.
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Intent:
    """The wish to ask a provider for one lookup.

    Attributes:
        may_repeat: an earlier intent without an outcome does not forbid it.
    """

    lookup_id: int
    step: int
    provider: str
    epoch: int
    may_repeat: bool
    submission_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call came to."""

    lookup_id: int
    step: int
    epoch: int
    outcome: OutcomeName
    value: dict[str, Any] | None = field(default=None, repr=False)
    reason: str | None = None
    price_thousandths: int = 0


@dataclass(frozen=True, slots=True)
class Skip:
    """A step that was not asked, and why."""

    lookup_id: int
    step: int
    epoch: int
    provider: str
    outcome: OutcomeName
    reason: str


async def write_intents(
    connection: Connection, intents: Sequence[Intent], lease: timedelta
) -> list[Grant]:
    """Write intents and return, in their order, which calls may be made."""
    rows = await connection.fetch(
        _SQL["intend"],
        [intent.lookup_id for intent in intents],
        [intent.step for intent in intents],
        [intent.provider for intent in intents],
        [intent.epoch for intent in intents],
        [intent.submission_id for intent in intents],
        [intent.may_repeat for intent in intents],
        lease,
    )
    grants = {(row["lookup_id"], row["step"]): _grant(row) for row in rows}
    return [grants[intent.lookup_id, intent.step] for intent in intents]


def _grant(row: Any) -> Grant:
    if row["granted"]:
        return Grant.GRANTED
    if row["cancelled"]:
        return Grant.CANCELLED
    return Grant.BEGUN_BEFORE if row["held"] else Grant.LOST


async def write_answers(connection: Connection, answers: Sequence[Answer]) -> None:
    """Turn intents into facts; an answer to a call that has one already changes nothing."""
    await connection.execute(
        _SQL["answer"],
        [answer.lookup_id for answer in answers],
        [answer.step for answer in answers],
        [answer.epoch for answer in answers],
        [answer.outcome for answer in answers],
        [answer.value for answer in answers],
        [answer.reason for answer in answers],
        [answer.price_thousandths for answer in answers],
    )


async def write_skips(connection: Connection, skips: Sequence[Skip]) -> None:
    """Note steps that were passed over, for the trace."""
    await connection.execute(
        _SQL["skip"],
        [skip.lookup_id for skip in skips],
        [skip.step for skip in skips],
        [skip.epoch for skip in skips],
        [skip.outcome for skip in skips],
        [skip.reason for skip in skips],
        [skip.provider for skip in skips],
    )
