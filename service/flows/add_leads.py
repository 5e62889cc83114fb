"""Puts leads that the workspace has into one of its lists."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from service.errors import InvalidRequest, NotFound
from service.flows.select_leads import require_list
from service.store.connection import Pool
from service.store.leads import find_in_workspace
from service.store.lists import SearchType, add_to_list

_NAMED_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Added:
    """What came of it; `known` were in the list before."""

    added: int
    known: int


async def add_leads(
    pool: Pool, workspace_id: int, list_id: int, given: dict[SearchType, Sequence[int]]
) -> Added:
    """Put leads into a list, all of them or none; an id may be named more than once.

    Args:
        given: the ids by the sort of lead they are said to be.

    Raises:
        NotFound: there is no such list, or some of the ids are no such leads; they are named.
        InvalidRequest: there are ids of the sort that the list does not hold, or none at all.
    """
    async with pool.acquire() as connection:
        search_type = (await require_list(connection, workspace_id, list_id)).search_type
        lead_ids = _ids_for(search_type, given)
        found = await find_in_workspace(
            connection, workspace_id, sorted(lead_ids), companies=search_type == "COMPANY"
        )
        if len(found) < len(lead_ids):
            raise _not_found(lead_ids - set(found))
        added = await add_to_list(connection, list_id, found)
    return Added(added, len(found) - added)


def _ids_for(search_type: SearchType, given: dict[SearchType, Sequence[int]]) -> set[int]:
    names: dict[SearchType, str] = {"PEOPLE": "prospect_ids", "COMPANY": "company_ids"}
    own = names.pop(search_type)
    ((other_type, other),) = names.items()
    if given[other_type]:
        sentence = f"{other} cannot be used: this list is of type {search_type}; send {own}"
        raise InvalidRequest(sentence, {other: sentence})
    if not given[search_type]:
        sentence = f"{own} must name at least one id"
        raise InvalidRequest(sentence, {own: sentence})
    return set(given[search_type])


def _not_found(unknown: Collection[int]) -> NotFound:
    named = sorted(unknown)[:_NAMED_MAX]
    return NotFound(
        f"{len(unknown)} of the ids are not such leads of this workspace; nothing was added, take "
        "them out and send the request again: " + ", ".join(str(each) for each in named),
        {"ids": named, "count": len(unknown)},
    )
