"""Writes of a running worker, in batches: intents, answers, notes and patterns."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final, Self, TypeVar

from service.domain.claim import Answer
from service.domain.email_patterns import PatternHit
from service.flows.batching import Batcher
from service.flows.keep_answers import keep_answers
from service.flows.suppress_people import SuppressionList
from service.store.calls import (
    Grant,
    Intent,
    Note,
    write_intents,
    write_notes,
)
from service.store.connection import Connection, Pool
from service.store.memory import Recalled, recall
from service.store.patterns import learn_patterns
from service.store.transient import until_done

T = TypeVar("T")
R = TypeVar("R")

BATCH_MAX: Final = 500
_PATIENCE_S: Final = 30.0
# Between two flushes of what lookups wait for before they ask: a batch of twenty costs little more
# than one of five. Who comes alone does not wait.
_HURRIED_S: Final = 0.01
# Between two flushes of what no lookup waits for.
_UNHURRIED_S: Final = 0.1


class Recorder:
    """The batchers of one process; each write is repeated until it is done or 30 s have passed."""

    __slots__ = ("answers", "intents", "lessons", "notes", "recalls")

    def __init__(self, pool: Pool, lease: timedelta, suppressions: SuppressionList) -> None:
        async def intend(connection: Connection, intents: list[Intent]) -> Sequence[Grant]:
            return await write_intents(connection, intents, lease)

        async def answer(connection: Connection, answers: list[Answer]) -> Sequence[None]:
            async with connection.transaction():
                await keep_answers(connection, answers, suppressions)
            return [None] * len(answers)

        async def note(connection: Connection, notes: list[Note]) -> Sequence[None]:
            await write_notes(connection, notes)
            return [None] * len(notes)

        async def look_up(connection: Connection, intents: list[Intent]) -> Sequence[Recalled]:
            return await recall(connection, intents)

        async def learn(connection: Connection, hits: list[PatternHit]) -> Sequence[None]:
            await learn_patterns(connection, hits)
            return [None] * len(hits)

        self.intents: Batcher[Intent, Grant] = _batcher(
            pool, "intents", intend, _HURRIED_S, flights_max=2
        )
        self.answers: Batcher[Answer, None] = _batcher(pool, "answers", answer)
        self.notes: Batcher[Note, None] = _batcher(pool, "notes", note)
        self.recalls: Batcher[Intent, Recalled] = _batcher(pool, "recalls", look_up, _HURRIED_S)
        self.lessons: Batcher[PatternHit, None] = _batcher(pool, "lessons", learn, _UNHURRIED_S)

    async def drain(self: Self) -> None:
        """Wait until everything added so far was written."""
        await self.answers.drain()
        await self.notes.drain()
        await self.lessons.drain()


def _batcher(
    pool: Pool,
    name: str,
    write: Callable[[Connection, list[T]], Awaitable[Sequence[R]]],
    pause_s: float = 0.0,
    flights_max: int = 1,
) -> Batcher[T, R]:
    async def flush(items: list[T]) -> Sequence[R]:
        async def step() -> Sequence[R]:
            async with pool.acquire() as connection:
                return await write(connection, items)

        return await until_done(step, name=name, patience_s=_PATIENCE_S)

    return Batcher(flush, batch_max=BATCH_MAX, pause_s=pause_s, flights_max=flights_max)
