"""Puts answers on record, and into memory at the same moment."""

from collections.abc import Sequence

import structlog

from service.domain.claim import Answer, ToRemember
from service.errors import SuppressionsUnreadable
from service.flows.suppress_people import SuppressionList
from service.store.calls import write_answers
from service.store.connection import Connection
from service.store.memory import remember

_log = structlog.get_logger()


async def keep_answers(
    connection: Connection, answers: Sequence[Answer], suppressions: SuppressionList | None
) -> None:
    """Write answers and remember what is worth it, in the caller's transaction.

    Both at once: whoever asks the same follows the call until it has ended, and then finds this.

    Args:
        suppressions: nobody on it is remembered, nor is anybody while it cannot be read; None for
            no such list.
    """
    if not answers:
        return
    await write_answers(connection, answers)
    kept = [each.keep for each in answers if each.keep is not None]
    allowed = await _allowed(connection, kept, suppressions)
    if allowed:
        await remember(connection, allowed)


async def _allowed(
    connection: Connection, kept: Sequence[ToRemember], suppressions: SuppressionList | None
) -> Sequence[ToRemember]:
    if not kept or suppressions is None:
        return kept
    try:
        # A call that was under way when its person was erased must not bring them back.
        return await suppressions.rememberable(connection, kept)
    except SuppressionsUnreadable:
        _log.warning("answers.not_remembered", count=len(kept))
        return ()
