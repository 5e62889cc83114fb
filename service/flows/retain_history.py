"""Lets go of what is older than the operator keeps it: days whole, the rest in bounded steps."""

from dataclasses import dataclass
from typing import Final

import structlog

from service.settings import RetentionSettings
from service.store.connection import Pool
from service.store.retention import (
    Partitioned,
    delete_deliveries,
    delete_secrets,
    delete_strays,
    drop_partition,
    expire_parked,
    forget_deleted_leads,
    withdraw_parked,
)

BATCH_MAX: Final = 5_000
DAYS_AT_ONCE: Final = 10
ROUNDS_MAX: Final = 20
"""Batches of one kind per call; what is left is the next call's."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What one call let go of."""

    partitions: tuple[str, ...]
    expired: int
    withdrawn: int
    deliveries: int


async def retain_history(pool: Pool, retention: RetentionSettings) -> Forgotten:
    """Do what is due, a bounded part of it; safe to repeat and to run in two places at once."""
    expired = withdrawn = deleted = 0
    for _ in range(ROUNDS_MAX):
        async with pool.acquire() as connection:
            now_expired = await expire_parked(
                connection,
                days=retention.parked_days,
                endpoint_max=retention.parked_max,
                count_max=BATCH_MAX,
            )
            now_withdrawn = await withdraw_parked(connection, BATCH_MAX)
            now_deleted = await delete_deliveries(
                connection, days=retention.event_days, count_max=BATCH_MAX
            )
            now_forgotten = await forget_deleted_leads(
                connection, days=retention.event_days, count_max=BATCH_MAX
            )
        expired += now_expired
        withdrawn += now_withdrawn
        deleted += now_deleted
        if max(now_expired, now_withdrawn, now_deleted, now_forgotten) < BATCH_MAX:
            break
    async with pool.acquire() as connection:
        await delete_secrets(connection)
    partitions = [
        *await _drop(pool, "events", retention.event_days),
        *await _drop(pool, "attempts", retention.attempt_days),
    ]
    forgotten = Forgotten(tuple(partitions), expired, withdrawn, deleted)
    if expired or withdrawn or deleted or partitions:
        _log.info(
            "history.forgotten",
            partitions=len(partitions),
            expired=expired,
            withdrawn=withdrawn,
            deliveries=deleted,
        )
    return forgotten


async def _drop(pool: Pool, table: Partitioned, days: int) -> list[str]:
    dropped: list[str] = []
    async with pool.acquire() as connection:
        while len(dropped) < DAYS_AT_ONCE:
            name = await drop_partition(connection, table, days=days)
            if name is None:
                break
            dropped.append(name)
        await delete_strays(connection, table, days=days, count_max=BATCH_MAX)
    return dropped
