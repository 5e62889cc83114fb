"""Keeps what mail domains say about addresses that nobody asked for; it is about no person."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from service.domain.smtp_reply import ReplyMeaning, SmtpReply
from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("control_replies")


class ControlQuestion(NamedTuple):
    """Which address of a domain was asked for: an invented one or the postmaster's."""

    domain: str
    control: str


async def read_control_replies(
    connection: Connection, questions: Sequence[ControlQuestion], age_max: timedelta
) -> list[SmtpReply | None]:
    """Return, in the order of the questions, what is known and not older than `age_max`."""
    rows = await connection.fetch(
        _SQL["read"],
        [each.domain for each in questions],
        [each.control for each in questions],
        age_max,
    )
    known = {
        ControlQuestion(row["domain"], row["control"]): SmtpReply(
            ReplyMeaning(row["meaning"]), "recipient", row["exchange"], row["code"], row["enhanced"]
        )
        for row in rows
    }
    return [known.get(question) for question in questions]


async def keep_control_reply(
    connection: Connection, question: ControlQuestion, reply: SmtpReply
) -> None:
    """Keep what a domain said to a recipient just now."""
    await connection.execute(
        _SQL["keep"], *question, reply.meaning, reply.exchange, reply.code, reply.enhanced
    )


async def expire_control_replies(
    connection: Connection, age_max: timedelta, count_max: int
) -> None:
    """Delete what is older than `age_max`, at most `count_max`."""
    await connection.execute(_SQL["expire"], age_max, count_max)
