"""Keys that are out of every waterfall for now; one row each, so that one process tells of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("outages")


@dataclass(frozen=True, slots=True)
class Outage:
    """A key that cannot be used.

    Attributes:
        credential: `operator`, or `key:` and the id of a provider key.
        retry_in_s: seconds until one process may try it; below 0 when that is overdue.
    """

    provider: str
    credential: str
    reason: str
    since: datetime
    retry_in_s: float


async def report_outage(
    connection: Connection, provider: str, credential: str, reason: str, *, retry_after: timedelta
) -> datetime | None:
    """Put a key out; return since when, to the first who says so, and None to all others."""
    since: datetime | None = await connection.fetchval(
        _SQL["report_outage"], provider, credential, reason, retry_after
    )
    return since


async def read_outages(connection: Connection) -> list[Outage]:
    """Return every key that is out."""
    return [Outage(**row) for row in await connection.fetch(_SQL["read_outages"])]


async def claim_probe(
    connection: Connection,
    provider: str,
    credential: str,
    *,
    wait_min: timedelta,
    wait_max: timedelta,
) -> bool:
    """Win the right to try a key once; False when it is not time, or another process has it."""
    won = await connection.fetchval(_SQL["claim_probe"], provider, credential, wait_min, wait_max)
    return won is not None


async def end_outage(connection: Connection, provider: str, credential: str) -> datetime | None:
    """Take a key back in; return since when it was out, or None when it was not.

    Also for a key that was replaced, or that was checked and found good.
    """
    since: datetime | None = await connection.fetchval(_SQL["end_outage"], provider, credential)
    return since


async def retry_now(connection: Connection, credential: str) -> None:
    """Let the keys of this name be tried at the next look, whatever was waited for."""
    await connection.execute(_SQL["retry_now"], credential)


async def read_workspace_of_key(connection: Connection, key_id: int) -> int | None:
    """Return whose a provider key is, or None when it is gone."""
    workspace_id: int | None = await connection.fetchval(_SQL["workspace_of_key"], key_id)
    return workspace_id
