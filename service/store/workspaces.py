"""Makes workspaces; what a workspace owns has modules of its own."""

from typing import Final

from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("workspaces")


async def insert_workspace(
    connection: Connection, name: str, low_balance: int | None = None
) -> tuple[int, str]:
    """Write a workspace without credits and return its id and public id."""
    [row] = await connection.fetch(_SQL["insert_workspace"], name, low_balance)
    return row["id"], row["public_id"]
