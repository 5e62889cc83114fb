"""Keeps the endpoints that a workspace sees and changes; dispatchers see them their own way."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from yarl import URL

from service.store.connection import Connection
from service.store.statements import load_statements

PARKED_COUNTED_MAX: Final = 100_000

_SQL: Final = load_statements("endpoints")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as its owner sees it, but for its secrets.

    Attributes:
        hidden: made from a job's webhook_url.
        rate_per_minute: requests; None for no limit of its own.
        hold_until: nothing is sent before this, because it asked for it or keeps failing.
        last_sequence: number of the newest delivery that has one.
        headers_ciphertext: the headers its owner added, sealed.
    """

    id: int
    public_id: str
    workspace_id: int
    hidden: bool
    name: str
    url: str = field(repr=False)
    event_types: list[str]
    enabled: bool
    disabled_reason: str | None
    disabled_at: datetime | None
    timeout_ms: int
    retry_count_max: int
    rate_per_minute: int | None
    hold_until: datetime | None
    failing_since: datetime | None
    last_sequence: int
    headers_ciphertext: bytes | None = field(repr=False)
    created_by: str | None
    created_at: datetime
    updated_at: datetime
    delivered_count: int
    failed_count: int
    expired_count: int
    last_delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class EndpointTerms:
    """What an owner decides of an endpoint; in a change, None leaves as it is.

    Attributes:
        rate_changes: whether `rate_per_minute`, for which None is a value, is to be written.
    """

    name: str | None = None
    url: str | None = field(default=None, repr=False)
    event_types: tuple[str, ...] | None = None
    timeout_ms: int | None = None
    retry_count_max: int | None = None
    rate_per_minute: int | None = None
    rate_changes: bool = False


async def insert_endpoint(
    connection: Connection,
    workspace_id: int,
    terms: EndpointTerms,
    created_by: str,
    *,
    count_max: int,
) -> tuple[int, str] | None:
    """Write an endpoint and return id and public id; None when the workspace has too many."""
    row = await connection.fetchrow(
        _SQL["insert_endpoint"],
        workspace_id,
        terms.name,
        terms.url,
        *_place(terms.url),
        list(terms.event_types or ()),
        terms.timeout_ms,
        terms.retry_count_max,
        terms.rate_per_minute,
        created_by,
        count_max,
    )
    return None if row is None else (row["id"], row["public_id"])


async def set_headers(connection: Connection, endpoint_id: int, ciphertext: bytes | None) -> None:
    """Write the sealed headers of an endpoint, or none."""
    await connection.execute(_SQL["set_headers"], endpoint_id, ciphertext)


async def read_endpoints(
    connection: Connection, workspace_id: int, *, after: int = 0, limit: int
) -> list[Endpoint]:
    """Return the endpoints of a workspace in id order; neither hidden nor deleted ones."""
    rows = await connection.fetch(_SQL["read_endpoints"], workspace_id, after, limit, None)
    return [Endpoint(**row) for row in rows]


async def count_endpoints(connection: Connection, workspace_id: int) -> int:
    """Return how many endpoints a workspace has; neither hidden nor deleted ones."""
    count: int = await connection.fetchval(_SQL["count_endpoints"], workspace_id)
    return count


async def read_endpoint(
    connection: Connection, workspace_id: int, public_id: str
) -> Endpoint | None:
    """Return one endpoint, hidden or not; None when the workspace has no such, or deleted it."""
    row = await connection.fetchrow(_SQL["read_endpoints"], workspace_id, 0, 1, public_id)
    return None if row is None else Endpoint(**row)


async def read_hidden_ids(
    connection: Connection, workspace_id: int, urls: Collection[str]
) -> dict[str, str]:
    """Return the public ids of the endpoints that were made from these URLs of jobs, by URL."""
    if not urls:
        return {}
    rows = await connection.fetch(_SQL["read_hidden_ids"], workspace_id, list(urls))
    return {row["url"]: row["public_id"] for row in rows}


async def change_endpoint(connection: Connection, endpoint_id: int, terms: EndpointTerms) -> None:
    """Write what is not None; the next attempt of every delivery goes by it."""
    await connection.execute(
        _SQL["change_endpoint"],
        endpoint_id,
        terms.name,
        terms.url,
        *_place(terms.url),
        None if terms.event_types is None else list(terms.event_types),
        terms.timeout_ms,
        terms.retry_count_max,
        terms.rate_changes,
        terms.rate_per_minute,
    )


async def enable_endpoint(connection: Connection, endpoint_id: int) -> None:
    """Send again what happens from now on; what waits parked goes on waiting."""
    await connection.execute(_SQL["enable_endpoint"], endpoint_id)


async def disable_endpoint(connection: Connection, endpoint_id: int, reason: str) -> None:
    """Send nothing more; what is due, and what will be, waits parked."""
    await connection.execute(_SQL["disable_endpoint"], endpoint_id, reason)


async def delete_endpoint(connection: Connection, endpoint_id: int) -> None:
    """Take an endpoint away; its open deliveries will be withdrawn."""
    await connection.execute(_SQL["delete_endpoint"], endpoint_id)


async def count_parked(connection: Connection, endpoint_id: int) -> int:
    """Return how many deliveries wait parked, counted up to 100,000."""
    found: int = await connection.fetchval(_SQL["count_parked"], endpoint_id, PARKED_COUNTED_MAX)
    return found


async def is_on(connection: Connection, endpoint_id: int) -> bool:
    """Tell whether anything is sent to an endpoint, hidden or not."""
    return bool(await connection.fetchval(_SQL["is_on"], endpoint_id))


async def read_now(connection: Connection) -> datetime:
    """Return the database's time, by which everything here is dated."""
    now: datetime = await connection.fetchval(_SQL["read_now"])
    return now


def _place(url: str | None) -> tuple[Any, Any]:
    if url is None:
        return None, None
    parsed = URL(url)
    return (parsed.host or "").lower(), parsed.port or 0
