"""Finds the leads a request means and writes new ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from service.store.connection import Connection
from service.store.lead_selection import Wanted, count_statement, ids_statement, page_statement
from service.store.statements import load_statements

_SQL: Final = load_statements("leads")

IMPORT_COLUMNS: Final = (
    "first_name",
    "last_name",
    "company_name",
    "company_domain",
    "company_size",
    "industry",
    "job_title",
    "seniority",
    "department",
    "location",
    "city",
    "state",
    "country",
    "linkedin_url",
    "email",
    "phone",
)
"""The columns a caller can give; the statement takes them in this order."""


async def select_leads(connection: Connection, wanted: Wanted, *, limit: int) -> list[int]:
    """Return the ids of the first `limit` of the leads that are wanted."""
    statement = ids_statement(wanted, limit=limit)
    # As an array: a row for each of a million ids would take most of the memory.
    ids: list[int] = await connection.fetchval(
        f"select array({statement.text})", *statement.arguments
    )
    if None in ids:
        return await select_leads(connection, replace(wanted, walks=True), limit=limit)
    return ids


async def count_leads(connection: Connection, wanted: Wanted, *, count_max: int) -> int:
    """Return how many leads are wanted, or `count_max` when there are more."""
    statement = count_statement(wanted, count_max=count_max)
    count: int | None = await connection.fetchval(statement.text, *statement.arguments)
    if count is None:
        return await count_leads(connection, replace(wanted, walks=True), count_max=count_max)
    return count


async def read_page(
    connection: Connection, wanted: Wanted, *, limit: int, offset: int
) -> list[dict[str, Any]]:
    """Return a page of leads by column name, with `email_loading` and `phone_loading`."""
    statement = page_statement(wanted, limit=limit, offset=offset)
    return [dict(row) for row in await connection.fetch(statement.text, *statement.arguments)]


async def has_lead(connection: Connection, workspace_id: int, lead_id: int) -> bool:
    """Tell whether the workspace has this lead."""
    known: bool = await connection.fetchval(_SQL["has_lead"], workspace_id, lead_id)
    return known


async def find_in_workspace(
    connection: Connection, workspace_id: int, lead_ids: Sequence[int], *, companies: bool
) -> list[int]:
    """Return those of the ids that are companies, or people, of the workspace, in id order."""
    rows = await connection.fetch(
        _SQL["find_in_workspace"], workspace_id, list(lead_ids), companies
    )
    return [row["id"] for row in rows]


async def find_leads(
    connection: Connection, workspace_id: int, public_ids: Sequence[str]
) -> dict[str, int]:
    """Return the ids of those leads of a workspace that exist, by public id, in id order."""
    rows = await connection.fetch(_SQL["find_leads"], workspace_id, list(public_ids))
    return {row["public_id"]: row["id"] for row in rows}


@dataclass(frozen=True, slots=True)
class NewLead:
    """A lead to insert.

    Attributes:
        values: texts by the names in `IMPORT_COLUMNS`; an e-mail address in it must parse.
    """

    values: Mapping[str, str]
    phone_e164: str | None
    custom_fields: Mapping[str, str]

    def __repr__(self) -> str:
        return f"NewLead({len(self.values)} values)"


async def insert_leads(
    connection: Connection, workspace_id: int, list_id: int, leads: Sequence[NewLead]
) -> set[int]:
    """Insert leads into a list; return the places, from 0, of those that went in.

    A lead whose e-mail address was given for another one of the workspace does not go in.
    """
    rows = await connection.fetch(
        _SQL["insert_leads"],
        workspace_id,
        list_id,
        *([lead.values.get(name) for lead in leads] for name in IMPORT_COLUMNS),
        [dict(lead.custom_fields) for lead in leads],
        [lead.phone_e164 for lead in leads],
    )
    return {row["place"] - 1 for row in rows}
