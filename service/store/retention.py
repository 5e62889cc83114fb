"""Forgets what is no longer kept of events, deliveries, attempts, secrets and deleted leads."""

from typing import Final, Literal

from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("retention")

Partitioned = Literal["events", "attempts"]


async def fold_tallies(connection: Connection, count_max: int) -> None:
    """Add what was counted of deliveries to their endpoints."""
    await connection.execute(_SQL["fold_tallies"], count_max)


async def expire_parked(
    connection: Connection, *, days: int, endpoint_max: int, count_max: int
) -> int:
    """Expire parked deliveries that are too old or too many, oldest first; return how many."""
    expired: int = await connection.fetchval(_SQL["expire_parked"], days, endpoint_max, count_max)
    return expired


async def withdraw_parked(connection: Connection, count_max: int) -> int:
    """Withdraw what waits parked at deleted endpoints; return how many."""
    return _changed(await connection.execute(_SQL["withdraw_parked"], count_max))


async def delete_deliveries(connection: Connection, *, days: int, count_max: int) -> int:
    """Delete finished deliveries made longer ago than `days`; return how many."""
    return _changed(await connection.execute(_SQL["delete_deliveries"], days, count_max))


async def delete_secrets(connection: Connection) -> None:
    """Delete secrets that stopped signing a week ago."""
    await connection.execute(_SQL["delete_secrets"])


async def drop_partition(connection: Connection, table: Partitioned, *, days: int) -> str | None:
    """Drop one day that ended longer ago than `days` and return its name; None for none.

    It takes a lock on the whole table until the transaction ends, so that should be at once.
    """
    name: str | None = await connection.fetchval(_SQL["drop_partition"], table, days)
    return name


async def delete_strays(
    connection: Connection, table: Partitioned, *, days: int, count_max: int
) -> int:
    """Delete old rows that lie in no daily partition; return how many."""
    return _changed(await connection.execute(_SQL[f"delete_strays_{table}"], days, count_max))


async def forget_deleted_leads(connection: Connection, *, days: int, count_max: int) -> int:
    """Forget deleted leads of whom no lookup speaks, and no event kept so long; return how many."""
    return _changed(await connection.execute(_SQL["forget_deleted_leads"], days, count_max))


def _changed(status: str) -> int:
    return int(status.rpartition(" ")[2])
