"""Creates an empty list of leads."""

from typing import Final

from service.errors import InvalidRequest
from service.store.connection import Pool
from service.store.lists import LeadList, SearchType, insert_list

NAME_CHARACTERS_MAX: Final = 200


async def create_list(
    pool: Pool, workspace_id: int, name: str, search_type: SearchType = "PEOPLE"
) -> LeadList:
    """Create a list; names need not be unique.

    Raises:
        InvalidRequest: the name is blank or too long.
    """
    name = name.strip()
    if not 0 < len(name) <= NAME_CHARACTERS_MAX or "\0" in name:
        raise InvalidRequest(f"name must have 1 to {NAME_CHARACTERS_MAX} characters")
    async with pool.acquire() as connection:
        return await insert_list(connection, workspace_id, name, search_type)
