"""Moves credits: grants and refunds. The charge is part of the statement that accepts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("ledger")


@dataclass(frozen=True, slots=True)
class Refund:
    """Credits to give back for one lookup."""

    lookup_id: int
    job_id: UUID
    workspace_id: int
    amount: int


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
