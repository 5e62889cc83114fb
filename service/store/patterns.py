"""Keeps how companies write their addresses; no name and no address is in here."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from service.domain.email_patterns import PatternHit
from service.store.connection import Connection
from service.store.statements import load_statements

PATTERNS_MAX: Final = 3
"""Read per domain; beyond these the common order is as good a guess."""
HITS_MAX: Final = 1_000

_SQL: Final = load_statements("patterns")


async def read_patterns(connection: Connection, domains: Sequence[str]) -> list[tuple[str, ...]]:
    """Return, in the order of the domains, the slugs of what is known, most confirmed first."""
    rows = await connection.fetch(_SQL["read"], list(set(domains)), PATTERNS_MAX)
    known = {row["domain"]: tuple(row["patterns"]) for row in rows}
    return [known.get(domain, ()) for domain in domains]


async def learn_patterns(connection: Connection, hits: Sequence[PatternHit]) -> None:
    """Count confirmed addresses towards the patterns of their domains."""
    await connection.execute(
        _SQL["learn"],
        [hit.domain for hit in hits],
        [hit.pattern for hit in hits],
        HITS_MAX,
    )


async def expire_patterns(connection: Connection, unused_for: timedelta, count_max: int) -> None:
    """Delete patterns that no find has confirmed for so long, at most `count_max`."""
    await connection.execute(_SQL["expire"], unused_for, count_max)
