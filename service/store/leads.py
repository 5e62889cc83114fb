"""Finds the leads a request means and writes new ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from service.domain.kinds import Target
from service.domain.lead_filter import COLUMNS, LeadFilter
from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("leads")
_COUNT_ELIGIBLE: Final = f"select count(*) from ({_SQL['select_eligible'].rstrip(';')}) as eligible"

SortField = Literal["id", "first_name", "last_name", "company_name", "job_title", "created_at"]

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


@dataclass(frozen=True, slots=True)
class Sorting:
    """The order in which a list is gone through; equal and absent values follow by id."""

    field: SortField = "id"
    descending: bool = False


async def select_eligible(
    connection: Connection,
    list_id: int,
    target: Target,
    lead_filter: LeadFilter,
    *,
    sorting: Sorting,
    limit: int,
) -> list[int]:
    """Return the ids of up to `limit` leads that lack a valid value and have no open lookup."""
    rows = await connection.fetch(
        _SQL["select_eligible"], *_arguments(list_id, target, lead_filter, sorting, limit)
    )
    return [row["id"] for row in rows]


async def count_eligible(
    connection: Connection, list_id: int, target: Target, lead_filter: LeadFilter
) -> int:
    """Return how many leads `select_eligible` would find without a limit."""
    count: int = await connection.fetchval(
        _COUNT_ELIGIBLE, *_arguments(list_id, target, lead_filter, Sorting(), None)
    )
    return count


def _arguments(
    list_id: int, target: Target, lead_filter: LeadFilter, sorting: Sorting, limit: int | None
) -> list[Any]:
    arguments: list[Any] = [list_id, target, limit, sorting.field, sorting.descending]
    for column in COLUMNS:
        arguments.extend(lead_filter.patterns(column))
    return arguments


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
