"""Says which leads a request means, read just before it is accepted."""

from collections.abc import Sequence
from typing import Final

from service.domain.kinds import Target
from service.domain.lead_filter import LeadFilter
from service.errors import NotFound, WrongListType
from service.flows.accept_jobs import Select, Selection
from service.store.connection import Connection
from service.store.leads import Sorting, count_eligible, find_leads, select_eligible
from service.store.lists import LeadList, find_list

_NAMED_MAX: Final = 100
_ID_CHARACTERS_MAX: Final = 64


async def require_list(connection: Connection, workspace_id: int, list_id: int) -> LeadList:
    """Return the list.

    Raises:
        NotFound: the workspace has no such list.
    """
    found = await find_list(connection, workspace_id, list_id)
    if found is None:
        raise NotFound("Lead list not found")
    return found


async def require_people_list(connection: Connection, workspace_id: int, list_id: int) -> None:
    """Refuse a list whose leads cannot be enriched.

    Raises:
        NotFound: the workspace has no such list.
        WrongListType: the list holds companies.
    """
    if (await require_list(connection, workspace_id, list_id)).search_type != "PEOPLE":
        raise WrongListType


def select_from_list(
    workspace_id: int,
    list_id: int,
    target: Target,
    lead_filter: LeadFilter,
    *,
    sorting: Sorting,
    limit: int,
) -> Select:
    """Select up to `limit` eligible leads of a people list: filtered, then sorted, then limited."""

    async def select(connection: Connection) -> Selection:
        await require_people_list(connection, workspace_id, list_id)
        lead_ids = await select_eligible(
            connection, list_id, target, lead_filter, sorting=sorting, limit=limit
        )
        return Selection(lead_ids, len(lead_ids))

    return select


async def count_in_list(
    connection: Connection,
    workspace_id: int,
    list_id: int,
    target: Target,
    lead_filter: LeadFilter,
) -> int:
    """Return how many leads of a people list are eligible.

    Raises:
        NotFound: the workspace has no such list.
        WrongListType: the list holds companies.
    """
    await require_people_list(connection, workspace_id, list_id)
    return await count_eligible(connection, list_id, target, lead_filter)


def select_by_public_id(workspace_id: int, public_ids: Sequence[str], job_count: int) -> Select:
    """Select exactly these leads, each for every job of the request; no id may stand twice.

    An id that is malformed, unknown or of another workspace refuses the request and is named.
    """

    async def select(connection: Connection) -> Selection:
        found = await find_leads(connection, workspace_id, public_ids)
        unknown = [public_id for public_id in public_ids if public_id not in found]
        if unknown:
            raise _leads_not_found(unknown)
        return Selection(list(found.values()), len(found) * job_count)

    return select


def _leads_not_found(unknown: Sequence[str]) -> NotFound:
    named = [public_id[:_ID_CHARACTERS_MAX] for public_id in unknown[:_NAMED_MAX]]
    return NotFound(
        f"{len(unknown)} of the leadIds are not leads of this workspace; take them out and "
        "send the request again",
        {"leadIds": named, "count": len(unknown)},
    )
