"""Reads what commands need to find their way: workspaces by id, and what moved in a ledger."""

from dataclasses import dataclass
from typing import Final

from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("directory")


@dataclass(frozen=True, slots=True)
class LedgerTotals:
    """Credits moved since a workspace exists, each at least 0, and what is left."""

    granted: int
    charged: int
    refunded: int
    balance: int


async def find_workspace(connection: Connection, public_id: str) -> int | None:
    """Return the number of the workspace with this public id, or None."""
    number: int | None = await connection.fetchval(_SQL["find_workspace"], public_id)
    return number


async def read_ledger_totals(connection: Connection, workspace_id: int) -> LedgerTotals:
    """Return what was granted, charged and refunded, and the balance, as of one moment."""
    rows = await connection.fetch(_SQL["read_ledger_totals"], workspace_id)
    return LedgerTotals(*rows[0])
