"""Writes the sample data of `leadfall dev` under ids that are known beforehand."""

from collections.abc import Sequence
from typing import Final

from service.store.connection import Connection
from service.store.lists import SearchType, insert_list
from service.store.statements import load_statements

_SQL: Final = load_statements("sample")


async def ensure_list(
    connection: Connection,
    workspace_id: int,
    name: str,
    search_type: SearchType,
    *,
    wanted_id: int,
) -> int:
    """Return the list of this name, made with the wanted id if that is free, else with another."""
    found: int | None = await connection.fetchval(_SQL["find_list_named"], workspace_id, name)
    if found is not None:
        return found
    made: int | None = await connection.fetchval(
        _SQL["insert_list_with_id"], wanted_id, workspace_id, name, search_type
    )
    if made is None:
        return (await insert_list(connection, workspace_id, name, search_type)).id
    await connection.execute(_SQL["pass_list_ids"])
    return made


async def give_public_ids(connection: Connection, list_id: int, public_ids: Sequence[str]) -> None:
    """Give these ids to the first leads of a list that have an address, unless one is taken."""
    await connection.execute(_SQL["give_public_ids"], list_id, list(public_ids))


async def read_public_ids(connection: Connection, list_id: int) -> list[str]:
    """Return the public ids of a list's leads; those with a given address come first."""
    rows = await connection.fetch(_SQL["read_public_ids"], list_id)
    return [row["public_id"] for row in rows]
