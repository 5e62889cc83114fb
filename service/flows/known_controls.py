"""What any worker heard from mail domains about addresses that nobody asked for."""

from datetime import timedelta
from typing import Final

import asyncpg
import structlog

from service.domain.expiring_map import ExpiringMap
from service.domain.smtp_reply import SmtpReply
from service.flows.batching import Batcher
from service.flows.controls import CONTROL_TTL_S
from service.store.connection import Pool
from service.store.control_replies import (
    ControlQuestion,
    keep_control_reply,
    read_control_replies,
)
from service.store.transient import TRANSIENT

_log = structlog.get_logger()

QUESTIONS_MAX: Final = 20_000
"""Answers, and that there is none, held in memory."""
TTL_S: Final = 60.0
"""How long it may go unseen what another worker heard; then a domain is asked twice in a day."""
_BATCH_MAX: Final = 500
_AGE_MAX: Final = timedelta(seconds=CONTROL_TTL_S)


class KnownControls:
    """Answers in Postgres, read in batches; one that cannot be read or kept is asked for again."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known: ExpiringMap[ControlQuestion, tuple[SmtpReply | None]] = ExpiringMap(
            QUESTIONS_MAX
        )
        self._reads: Batcher[ControlQuestion, SmtpReply | None] = Batcher(
            self._read, batch_max=_BATCH_MAX
        )

    async def read(self, domain: str, control: str) -> SmtpReply | None:
        """Return what the domain said in the last day, or None."""
        question = ControlQuestion(domain, control)
        known = self._known.get(question)
        if known is not None:
            return known[0]
        try:
            reply = await self._reads.add(question)
        except (*TRANSIENT, asyncpg.PostgresError) as error:
            _log.warning("control_replies.unread", error=type(error).__name__)
            return None
        self._known.put(question, (reply,), ttl_s=TTL_S)
        return reply

    async def keep(self, domain: str, control: str, reply: SmtpReply) -> None:
        """Let all workers know what the domain said."""
        question = ControlQuestion(domain, control)
        self._known.put(question, (reply,), ttl_s=TTL_S)
        try:
            async with self._pool.acquire() as connection:
                await keep_control_reply(connection, question, reply)
        except (*TRANSIENT, asyncpg.PostgresError) as error:
            _log.warning("control_replies.unkept", error=type(error).__name__)

    async def _read(self, questions: list[ControlQuestion]) -> list[SmtpReply | None]:
        async with self._pool.acquire() as connection:
            return await read_control_replies(connection, questions, _AGE_MAX)
