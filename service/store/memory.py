"""Remembers what providers answered, so that the same question is not paid for again."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from service.domain.claim import ToRemember
from service.domain.outcome import Found, Missing
from service.store.calls import Grant, Intent, read_following
from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("memory")


@dataclass(frozen=True, slots=True)
class Remembered:
    """An answer from memory, and when it was given."""

    outcome: Found | Missing
    answered_at: datetime


Recalled = Remembered | Literal[Grant.FOLLOW] | None
"""An answer, or that others are asking for it, or nothing."""


async def recall(connection: Connection, intents: Sequence[Intent]) -> list[Recalled]:
    """Return, in the order of what is to be asked, the answers that are still good.

    Where there is none others may be asking for it, as many as may at once; an intent of the
    lookup's own still stands then. Each intent has a question.
    """
    wanted = Counter(intent.question for intent in intents)
    rows = await connection.fetch(_SQL["recall"], list(wanted))
    known: dict[bytes | None, Recalled] = {
        row["key"]: Remembered(
            Missing() if row["value"] is None else Found(row["value"]), row["answered_at"]
        )
        for row in rows
        if row["outcome"] is not None
    }
    asked = {row["key"] for row in rows} | {each for each in wanted if wanted[each] > 1}
    disputed = [
        intent for intent in intents if intent.question in asked and intent.question not in known
    ]
    following = await read_following(connection, disputed) if disputed else set()
    return [
        Grant.FOLLOW if (intent.lookup_id, intent.step) in following else known.get(intent.question)
        for intent in intents
    ]


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
