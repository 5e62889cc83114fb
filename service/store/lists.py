"""Reads and makes lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from service.errors import TooBusy
from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("lists")

SearchType = Literal["PEOPLE", "COMPANY"]

_ATTEMPTS_MAX: Final = 50
# What is kept of a long name, so that a number fits behind it.
_NUMBERED_CHARACTERS_MAX: Final = 185


@dataclass(frozen=True, slots=True)
class LeadList:
    """A list; what it holds is fixed when it is made."""

    id: int
    name: str
    search_type: SearchType
    created_at: datetime


async def insert_list(
    connection: Connection, workspace_id: int, name: str, search_type: SearchType
) -> LeadList:
    """Make an empty list; where its name is taken, the first free " (N)" from 2 on follows it.

    Raises:
        TooBusy: others took each name just before us.
    """
    numbered = name[:_NUMBERED_CHARACTERS_MAX].rstrip()
    for _ in range(_ATTEMPTS_MAX):
        row = await connection.fetchrow(
            _SQL["insert_list"],
            workspace_id,
            name,
            search_type,
            f"{_escaped(numbered)} (%)",
            numbered,
        )
        if row is not None:
            return LeadList(*row)
    raise TooBusy


async def find_list(connection: Connection, workspace_id: int, list_id: int) -> LeadList | None:
    """Return the list of this workspace, or None."""
    row = await connection.fetchrow(_SQL["find_list"], workspace_id, list_id)
    return None if row is None else LeadList(*row)


async def read_lists(
    connection: Connection, workspace_id: int, *, before: int | None, limit: int, offset: int
) -> list[LeadList]:
    """Return a page of the workspace's lists, newest first, those older than `before` if given."""
    rows = await connection.fetch(_SQL["read_lists"], workspace_id, limit, offset, before)
    return [LeadList(*row) for row in rows]


async def count_lists(connection: Connection, workspace_id: int, *, count_max: int) -> int:
    """Return how many lists there are, or `count_max` when there are more."""
    count: int = await connection.fetchval(_SQL["count_lists"], workspace_id, count_max)
    return count


async def add_to_list(connection: Connection, list_id: int, lead_ids: Sequence[int]) -> int:
    """Put leads into a list; return how many were not in it before."""
    status: str = await connection.execute(_SQL["add_to_list"], list_id, list(lead_ids))
    return int(status.rpartition(" ")[2])


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
