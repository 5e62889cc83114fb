"""Creates an empty list of leads."""

from typing import Final

from service.errors import InvalidRequest
from service.store.connection import Connection, Pool
from service.store.lists import LeadList, SearchType, insert_list

NAME_CHARACTERS_MAX: Final = 200


async def create_list(
    pool: Pool, workspace_id: int, name: str, search_type: SearchType = "PEOPLE"
) -> LeadList:
    """Create a list; a name that is taken gets the first free " (N)" behind it, from 2 on.

    Raises:
        InvalidRequest: the name is blank or too long.
        TooBusy: others took each name just before us.
    """
    name = read_list_name(name)
    async with pool.acquire() as connection:
        return await make_list(connection, workspace_id, name, search_type)


def read_list_name(name: str) -> str:
    """Return the name as it is kept.

    Raises:
        InvalidRequest: the name is blank or too long.
    """
    name = name.strip()
    if not 0 < len(name) <= NAME_CHARACTERS_MAX or "\0" in name:
        sentence = f"name must have 1 to {NAME_CHARACTERS_MAX} characters"
        raise InvalidRequest(sentence, {"name": sentence})
    return name


async def make_list(
    connection: Connection, workspace_id: int, name: str, search_type: SearchType = "PEOPLE"
) -> LeadList:
    """Create a list as `create_list` does, in the caller's transaction.

    Args:
        name: as `read_list_name` returned it.

    Raises:
        TooBusy: others took each name just before us.
    """
    return await insert_list(connection, workspace_id, name, search_type)
