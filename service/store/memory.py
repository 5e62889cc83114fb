"""Remembers what providers answered, so that the same question is not paid for again."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from service.domain.outcome import Found, Missing, OutcomeName
from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("memory")


@dataclass(frozen=True, slots=True)
class Remembered:
    """An answer from memory, and when it was given."""

    outcome: Found | Missing
    answered_at: datetime


@dataclass(frozen=True, slots=True)
class ToRemember:
    """An answer to keep for `days`."""

    question: bytes
    scope: int
    provider: str
    capability: str
    person: bytes
    outcome: OutcomeName
    value: dict[str, Any] | None = field(repr=False)
    days: float


async def recall(connection: Connection, questions: Sequence[bytes]) -> list[Remembered | None]:
    """Return, in the order of the questions, the answers that are still good."""
    rows = await connection.fetch(_SQL["recall"], list(questions))
    known = {
        row["key"]: Remembered(
            Missing() if row["value"] is None else Found(row["value"]), row["answered_at"]
        )
        for row in rows
    }
    return [known.get(question) for question in questions]


async def remember(connection: Connection, answers: Sequence[ToRemember]) -> None:
    """Keep answers; a newer answer to a question takes the place of an older one."""
    await connection.execute(
        _SQL["remember"],
        [answer.question for answer in answers],
        [answer.scope for answer in answers],
        [answer.provider for answer in answers],
        [answer.capability for answer in answers],
        [answer.person for answer in answers],
        [answer.outcome for answer in answers],
        [answer.value for answer in answers],
        [answer.days for answer in answers],
    )


async def forget_people(connection: Connection, people: Sequence[bytes]) -> None:
    """Forget everything remembered of these people."""
    await connection.execute(_SQL["forget_people"], list(people))


async def expire_answers(connection: Connection, count_max: int) -> None:
    """Delete answers that are too old to be used, at most so many."""
    await connection.execute(_SQL["expire"], count_max)
