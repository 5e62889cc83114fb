"""Reads and writes leads as the SendKit face means them: by 24-hex id and by given address."""

from collections.abc import Sequence
from typing import Any, Final

from service.domain.lead_change import TEXT_COLUMNS, GivenLead
from service.domain.lead_record import Lead
from service.domain.people_filter import PeopleFilter
from service.store.connection import Connection
from service.store.people_conditions import OF_WORKSPACE, conditions_in_workspace
from service.store.statements import load_statements

_SQL: Final = load_statements("people")
_READ_ONE: Final = f"{_SQL['select_people']}{OF_WORKSPACE} and l.public_id = $2"
_LOCK_ONE: Final = f"{_READ_ONE} for no key update"
_LOCK_GIVEN: Final = (
    f"{_SQL['select_people']}{OF_WORKSPACE} and l.email_source = 'given'"
    " and lower(l.email) = any($2::text[]) order by l.id for no key update"
)


async def bound_search(connection: Connection, timeout_ms: int) -> None:
    """Bound every further statement of this transaction, and plan each for its own values."""
    await connection.execute(_SQL["bound_search"], str(timeout_ms))


async def lock_people(
    connection: Connection,
    workspace_id: int,
    people: PeopleFilter,
    *,
    excluded: Sequence[str],
    after: int,
    until: int,
    limit: int,
) -> list[int]:
    """Lock up to `limit` leads for deletion and return their ids, all above `after`.

    Args:
        excluded: public ids that are not wanted.
        until: the highest id that is wanted.
    """
    arguments: list[Any] = [workspace_id]
    wanted = conditions_in_workspace(people, arguments)
    first = len(arguments) + 1
    arguments += [after, until, list(excluded), limit]
    rows = await connection.fetch(
        f"{_SQL['select_ids']}{wanted} and l.id > ${first}::bigint and l.id <= ${first + 1}::bigint"
        f" and l.public_id <> all(${first + 2}::text[])"
        f" order by l.workspace_id, l.id limit ${first + 3}::bigint for update",
        *arguments,
    )
    return [row["id"] for row in rows]


async def read_person(connection: Connection, workspace_id: int, public_id: str) -> Lead | None:
    """Return the lead of this workspace, or None."""
    row = await connection.fetchrow(_READ_ONE, workspace_id, public_id)
    return None if row is None else Lead.read(row)


async def lock_person(connection: Connection, workspace_id: int, public_id: str) -> Lead | None:
    """Return the lead of this workspace, held until the transaction ends, or None."""
    row = await connection.fetchrow(_LOCK_ONE, workspace_id, public_id)
    return None if row is None else Lead.read(row)


async def lock_given(
    connection: Connection, workspace_id: int, emails: Sequence[str]
) -> dict[str, Lead]:
    """Return the leads that were given with these addresses, held, by address in lower case."""
    rows = await connection.fetch(_LOCK_GIVEN, workspace_id, list(emails))
    return {row["email"].lower(): Lead.read(row) for row in rows}


async def find_given(connection: Connection, workspace_id: int, email: str) -> str | None:
    """Return the public id of the lead that was given with this address, or None."""
    public_id: str | None = await connection.fetchval(_SQL["find_given"], workspace_id, email)
    return public_id


async def insert_people(
    connection: Connection, workspace_id: int, leads: Sequence[GivenLead]
) -> dict[int, str]:
    """Insert leads; return the public ids of those that went in, by their place from 0.

    A lead whose address was given for another one of the workspace does not go in.
    """
    rows = await connection.fetch(
        _SQL["insert_people"],
        workspace_id,
        [lead.email for lead in leads],
        *([lead.texts.get(name) for lead in leads] for name in TEXT_COLUMNS),
        [lead.phone_e164 for lead in leads],
        [_extra(lead) for lead in leads],
    )
    return {row["place"] - 1: row["public_id"] for row in rows}


async def write_people(connection: Connection, leads: Sequence[Lead]) -> dict[int, Any]:
    """Write what callers may change of leads that are held; return each one's time of change."""
    rows = await connection.fetch(
        _SQL["write_people"],
        [lead.id for lead in leads],
        *([getattr(lead, name) for lead in leads] for name in TEXT_COLUMNS),
        [lead.phone_e164 for lead in leads],
        [_extra(lead) for lead in leads],
    )
    return {row["id"]: row["updated_at"] for row in rows}


async def delete_people(
    connection: Connection, workspace_id: int, public_ids: Sequence[str]
) -> int:
    """Delete leads by their public ids; return how many were there."""
    return _count(await connection.execute(_SQL["delete_people"], workspace_id, list(public_ids)))


async def delete_by_id(connection: Connection, lead_ids: Sequence[int]) -> int:
    """Delete leads that are held; return how many there were."""
    return _count(await connection.execute(_SQL["delete_by_id"], list(lead_ids)))


def _extra(lead: GivenLead | Lead) -> dict[str, Any]:
    """Return what does not fit an array of texts, as one object per lead."""
    return {"tags": list(lead.tags), "custom_fields": dict(lead.custom_fields)}


def _count(status: str) -> int:
    """Read the row count from a command status such as `DELETE 12`."""
    return int(status.rpartition(" ")[2])
