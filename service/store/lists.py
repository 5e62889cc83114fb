"""Reads and makes lists."""

from dataclasses import dataclass
from typing import Any, Final, Literal

from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("lists")

SearchType = Literal["PEOPLE", "COMPANY"]


@dataclass(frozen=True, slots=True)
class LeadList:
    """A list; what it holds is fixed when it is made."""

    id: int
    name: str
    search_type: SearchType


async def insert_list(
    connection: Connection, workspace_id: int, name: str, search_type: SearchType
) -> LeadList:
    """Make an empty list."""
    list_id = await connection.fetchval(_SQL["insert_list"], workspace_id, name, search_type)
    return LeadList(list_id, name, search_type)


async def find_list(connection: Connection, workspace_id: int, list_id: int) -> LeadList | None:
    """Return the list of this workspace, or None."""
    row = await connection.fetchrow(_SQL["find_list"], workspace_id, list_id)
    return None if row is None else LeadList(*row)


async def count_list_leads(connection: Connection, list_id: int) -> int:
    """Return how many leads are in a list."""
    count: int = await connection.fetchval(_SQL["count_leads"], list_id)
    return count


async def read_list_leads(
    connection: Connection, list_id: int, *, limit: int, offset: int
) -> list[dict[str, Any]]:
    """Return a page of leads by column name, with `email_loading` and `phone_loading`."""
    return [dict(row) for row in await connection.fetch(_SQL["read_leads"], list_id, limit, offset)]
