"""Imports people that come as objects: a bad one is reported with its place, the others go in."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from service.errors import InvalidRequest
from service.flows.import_leads import (
    CUSTOM_FIELDS_MAX,
    ImportReport,
    column_of,
    import_rows,
    read_row,
)
from service.flows.select_leads import require_list
from service.flows.suppress_people import SuppressionList
from service.store.connection import Pool
from service.store.leads import IMPORT_COLUMNS, NewLead

NAME_CHARACTERS_MAX: Final = 100


async def import_people(
    pool: Pool,
    workspace_id: int,
    list_id: int,
    people: Sequence[Any],
    suppressions: SuppressionList,
) -> ImportReport:
    """Import people into a list; names that are no column's become custom fields.

    The places in the report count from 1.
    """
    return await import_rows(
        pool, workspace_id, list_id, _read_people(people), suppressions=suppressions
    )


async def require_open_list(pool: Pool, workspace_id: int, list_id: int) -> None:
    """Refuse a list that people cannot be imported into.

    Raises:
        NotFound: the workspace has no such list.
        InvalidRequest: it holds companies.
    """
    async with pool.acquire() as connection:
        found = await require_list(connection, workspace_id, list_id)
    if found.search_type != "PEOPLE":
        raise InvalidRequest("Import is only available for people lists")


def _read_people(people: Sequence[Any]) -> Iterator[tuple[int, NewLead | str]]:
    for place, person in enumerate(people, 1):
        yield place, _read_person(person) if isinstance(person, dict) else "it is not an object"


def _read_person(person: Mapping[str, Any]) -> NewLead | str:
    if not all(map(_is_value, person.values())):
        return "each of its values must be a string, a number or null"
    if any(len(name) > NAME_CHARACTERS_MAX for name in person):
        return f"one of its names has more than {NAME_CHARACTERS_MAX} characters"
    columns = [column_of(name) for name in person]
    if len(set(columns)) < len(columns):
        return "two of its names are one column"
    if len(set(columns) - set(IMPORT_COLUMNS)) > CUSTOM_FIELDS_MAX:
        return f"it has more than {CUSTOM_FIELDS_MAX} custom fields"
    return read_row(columns, ["" if each is None else str(each) for each in person.values()])


def _is_value(value: Any) -> bool:
    return isinstance(value, str | int | float | None) and not isinstance(value, bool)
