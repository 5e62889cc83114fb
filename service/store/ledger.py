"""Moves credits: grants and refunds. The charge is part of the statement that accepts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, NamedTuple
from uuid import UUID

from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("ledger")
_COUNT: Final = f"select count(*) from ({_SQL['list'].rstrip(';')}) as counted"


@dataclass(frozen=True, slots=True)
class Refund:
    """Credits to give back for one lookup."""

    lookup_id: int
    job_id: UUID
    workspace_id: int
    amount: int


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One movement of credits.

    Attributes:
        amount: signed; charges are below zero.
        job_public_id: of the job it belongs to, expired or not; None for a grant.
    """

    id: int
    kind: str
    amount: int
    note: str | None
    created_at: datetime
    job_public_id: str | None


@dataclass(frozen=True, slots=True)
class LedgerFilter:
    """Which entries are wanted; None wants all.

    Attributes:
        job_public_id: also of a job that expired.
        until: entries from this moment on are left out.
    """

    kind: str | None = None
    job_public_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class EntryPlace(NamedTuple):
    """Where an entry stands in the ledger's order."""

    created_at: datetime
    id: int


@dataclass(frozen=True, slots=True)
class KindUsage:
    """Credits that one kind of job moved on one day (UTC)."""

    day: date
    kind: str
    charged: int
    refunded: int


@dataclass(frozen=True, slots=True)
class ProviderUsage:
    """What one provider was asked for one kind of job on one day (UTC).

    Attributes:
        price_thousandths: of the provider's own credit.
    """

    day: date
    kind: str
    provider: str
    calls: int
    from_memory: int
    found: int
    price_thousandths: int


async def read_thresholds(connection: Connection, workspace_id: int) -> tuple[int, int]:
    """Return a workspace's credits, and the number below which it is told that they are low."""
    row = await connection.fetchrow(_SQL["read_thresholds"], workspace_id)
    return (0, 0) if row is None else (row["balance"], row["low_balance"])


async def list_entries(
    connection: Connection,
    workspace_id: int,
    wanted: LedgerFilter,
    *,
    before: EntryPlace | None,
    limit: int,
) -> list[LedgerEntry]:
    """Return up to `limit` entries, newest first, beginning with those before a place."""
    rows = await connection.fetch(_SQL["list"], *_arguments(workspace_id, wanted, before, limit))
    return [
        LedgerEntry(
            row["id"], row["kind"], row["amount"], row["note"], row["created_at"], row["job_id"]
        )
        for row in rows
    ]


async def count_entries(
    connection: Connection, workspace_id: int, wanted: LedgerFilter, *, count_max: int
) -> int:
    """Return how many entries are wanted; counting stops at `count_max`."""
    count: int = await connection.fetchval(
        _COUNT, *_arguments(workspace_id, wanted, None, count_max)
    )
    return count


def _arguments(
    workspace_id: int, wanted: LedgerFilter, before: EntryPlace | None, limit: int
) -> tuple[object, ...]:
    place = (None, None) if before is None else before
    return (
        workspace_id,
        *place,
        limit,
        wanted.kind,
        wanted.job_public_id,
        wanted.since,
        wanted.until,
    )


async def read_kind_usage(
    connection: Connection, workspace_id: int, since: datetime, until: datetime
) -> list[KindUsage]:
    """Return what moved between two moments, by day and kind."""
    rows = await connection.fetch(_SQL["usage_by_kind"], workspace_id, since, until)
    return [KindUsage(*row) for row in rows]


async def read_provider_usage(
    connection: Connection, workspace_id: int, since: datetime, until: datetime
) -> list[ProviderUsage]:
    """Return whom the jobs accepted between two moments asked, by day, kind and provider."""
    rows = await connection.fetch(_SQL["usage_by_provider"], workspace_id, since, until)
    return [ProviderUsage(*row) for row in rows]


async def read_balance(connection: Connection, workspace_id: int) -> int:
    """Return a workspace's credits."""
    balance: int = await connection.fetchval(_SQL["read_balance"], workspace_id)
    return balance


async def read_balances(connection: Connection, workspace_ids: Iterable[int]) -> dict[int, int]:
    """Return the credits of several workspaces."""
    rows = await connection.fetch(_SQL["read_balances"], sorted(workspace_ids))
    return {row["id"]: row["balance"] for row in rows}


async def enter_grant(
    connection: Connection, workspace_id: int, amount: int, note: str | None
) -> int:
    """Add credits, at least 1, and return the new balance."""
    balance: int = await connection.fetchval(_SQL["grant"], workspace_id, amount, note)
    return balance


async def enter_refunds(connection: Connection, refunds: Sequence[Refund]) -> None:
    """Give credits back, once per lookup however often it is repeated.

    Holds the workspaces' row locks until commit, so it comes last in a transaction.
    """
    await connection.execute(
        _SQL["refund"],
        [refund.lookup_id for refund in refunds],
        [refund.job_id for refund in refunds],
        [refund.workspace_id for refund in refunds],
        [refund.amount for refund in refunds],
    )
