"""Leases of processes, and the chores that one process at a time does for all."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("processes")

_JANITOR_LOCK: Final = 0x1EADFA12


async def beat(connection: Connection, process_id: UUID, role: str, host: str, pid: int) -> None:
    """Renew the lease of a process, or take it out."""
    await connection.execute(_SQL["beat"], process_id, role, host, pid)


async def leave(connection: Connection, process_id: UUID) -> None:
    """Give the lease up, so that what the process still holds is free at once."""
    await connection.execute(_SQL["leave"], process_id)


async def bury(connection: Connection, silent_for: timedelta) -> None:
    """Forget processes that have been silent for so long."""
    await connection.execute(_SQL["bury"], silent_for)


async def list_processes(connection: Connection) -> list[dict[str, Any]]:
    """Return every process that is known, with the age of its last beat in seconds."""
    return [dict(row) for row in await connection.fetch(_SQL["list"])]


async def read_owned_lookups(connection: Connection, process_id: UUID) -> set[int]:
    """Return the ids of the lookups that the process holds as the database sees it."""
    return {row["id"] for row in await connection.fetch(_SQL["owned_lookups"], process_id)}


async def ensure_partitions(connection: Connection, days: int) -> None:
    """Make the daily partitions for the coming days."""
    await connection.execute(_SQL["ensure_partitions"], days)


async def try_janitor_lock(connection: Connection) -> bool:
    """Take the janitor's lock until the end of the transaction; False when another has it."""
    return bool(await connection.fetchval(_SQL["try_janitor_lock"], _JANITOR_LOCK))
