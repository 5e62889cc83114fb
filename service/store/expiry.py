"""Deletes jobs that have ended long ago, in batches; what the ledger needs of them stays."""

from datetime import timedelta
from typing import Final

from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("expiry")


async def expire_jobs(connection: Connection, kept: timedelta, count_max: int) -> int:
    """Turn jobs that ended longer ago than `kept` into tombstones; return how many."""
    status = await connection.execute(_SQL["expire_jobs"], kept, count_max)
    return int(status.rpartition(" ")[2])


async def sweep_lookups(connection: Connection, count_max: int) -> int:
    """Delete up to so many lookups of expired jobs with their calls; return how many."""
    count: int = await connection.fetchval(_SQL["sweep_lookups"], count_max)
    return count


async def close_swept(connection: Connection) -> None:
    """Note of expired jobs that nothing is left of them to delete."""
    await connection.execute(_SQL["close_swept"])
