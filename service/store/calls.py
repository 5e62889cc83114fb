"""Writes calls: intents before the request, outcomes after it, and reads the trace."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from service.domain.claim import Answer
from service.domain.outcome import OutcomeName
from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("calls")


class Grant(StrEnum):
    """Whether a call may be made now."""

    GRANTED = "granted"
    # The step was asked before and nobody knows the answer; it may not be asked again.
    BEGUN_BEFORE = "begun_before"
    # Somebody else is asking the very same, or just did: that answer is for both.
    FOLLOW = "follow"
    CANCELLED = "cancelled"
    # The claim or the lease is gone: another worker has the lookup, or soon will.
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Intent:
    """The wish to ask a provider for one lookup.

    Attributes:
        ask: the how-manieth time the vendor is asked for this lookup; above 1 only where its
            policy allows it.
        credential: whose key is used.
        question: what is asked, as memory knows it; None when answers are not remembered.
        lasts_s: for how long others with the same question wait for this one.
        gate_wait_ms: for how long it waited for the gate to let it pass.
        alone: whether it is asked about by itself, and answered at once.
    """

    lookup_id: int
    step: int
    provider: str
    epoch: int
    ask: int = 1
    credential: str = "operator"
    question: bytes | None = None
    lasts_s: float = 60.0
    submission_id: UUID | None = None
    gate_wait_ms: int = 0
    alone: bool = True


@dataclass(frozen=True, slots=True)
class Wish:
    """A call that stood in line and was not made, so that its lead's time goes on.

    Attributes:
        wished_s: for how many seconds it has been wished for.
    """

    lookup_id: int
    step: int
    provider: str
    epoch: int
    wished_s: float


@dataclass(frozen=True, slots=True)
class Note:
    """A step that asked nobody.

    Attributes:
        reason: why it was passed over; None for an answer from memory.
        from_memory_at: when a remembered answer was given.
    """

    lookup_id: int
    step: int
    epoch: int
    provider: str
    outcome: OutcomeName
    reason: str | None = None
    value: dict[str, Any] | None = field(default=None, repr=False)
    from_memory_at: datetime | None = None


async def write_intents(
    connection: Connection, intents: Sequence[Intent], lease: timedelta
) -> list[Grant]:
    """Write intents and return, in their order, which calls may be made.

    Others with the same questions wait for the end of the transaction, which must come soon.
    """
    rows = await connection.fetch(
        _SQL["intend"],
        sorted({_turn(each.question) for each in intents if each.question is not None}),
        [intent.lookup_id for intent in intents],
        [intent.step for intent in intents],
        [intent.provider for intent in intents],
        [intent.epoch for intent in intents],
        [intent.submission_id for intent in intents],
        [intent.ask for intent in intents],
        lease,
        [intent.credential for intent in intents],
        [intent.question for intent in intents],
        [intent.lasts_s for intent in intents],
        [intent.gate_wait_ms for intent in intents],
        [intent.alone for intent in intents],
    )
    return [_grant(row) for row in rows]


def _turn(question: bytes) -> int:
    """Return the key of the lock that stands for a question, which is a hash already."""
    return int.from_bytes(question[:8], signed=True)


def _grant(row: Any) -> Grant:
    if row["granted"]:
        return Grant.GRANTED
    if row["cancelled"]:
        return Grant.CANCELLED
    if not row["held"]:
        return Grant.LOST
    return Grant.FOLLOW if row["following"] else Grant.BEGUN_BEFORE


async def read_following(connection: Connection, intents: Sequence[Intent]) -> set[tuple[int, int]]:
    """Return which lookups, each with its step, would follow others that ask the same.

    This spares them the way to the gate; whoever is not among them may follow all the same.
    """
    rows = await connection.fetch(
        _SQL["read_following"],
        [intent.lookup_id for intent in intents],
        [intent.step for intent in intents],
        [intent.question for intent in intents],
        [intent.lasts_s for intent in intents],
        [intent.alone for intent in intents],
    )
    return {(row["lookup_id"], row["step"]) for row in rows}


async def withdraw_intents(connection: Connection, intents: Sequence[Intent]) -> None:
    """Take back intents whose requests certainly did not reach the vendor; once, if repeated."""
    await connection.executemany(
        _SQL["withdraw"],
        sorted((each.lookup_id, each.step, each.epoch, each.ask) for each in intents),
    )


async def write_wishes(connection: Connection, wishes: Sequence[Wish]) -> None:
    """Keep since when calls have been wished for; one that is on record stays as it is."""
    await connection.execute(
        _SQL["wish"],
        [wish.lookup_id for wish in wishes],
        [wish.step for wish in wishes],
        [wish.provider for wish in wishes],
        [wish.epoch for wish in wishes],
        [wish.wished_s for wish in wishes],
    )


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
        [answer.duration_ms for answer in answers],
    )


async def forget_values(connection: Connection, lookup_ids: Sequence[int]) -> None:
    """Forget what the calls of lookups have found."""
    await connection.execute(_SQL["forget_values"], list(lookup_ids))


async def write_notes(connection: Connection, notes: Sequence[Note]) -> None:
    """Note steps that asked nobody, for the trace and so that no later claim repeats them."""
    await connection.execute(
        _SQL["note"],
        [note.lookup_id for note in notes],
        [note.step for note in notes],
        [note.epoch for note in notes],
        [note.outcome for note in notes],
        [note.reason for note in notes],
        [note.provider for note in notes],
        [note.value for note in notes],
        [note.from_memory_at for note in notes],
    )


async def read_trace(connection: Connection, lookup_id: int) -> list[dict[str, Any]]:
    """Return every step of a lookup that was taken, in order."""
    return [dict(row) for row in await connection.fetch(_SQL["read_trace"], lookup_id)]
