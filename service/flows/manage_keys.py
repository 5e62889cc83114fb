"""Makes, lists and revokes the API keys of a workspace."""

from typing import Final

from service.domain.api_key import ApiKey, new_key
from service.domain.kinds import Face
from service.errors import InvalidRequest, NotFound
from service.store.connection import Pool
from service.store.keys import KeptKey, insert_key, read_keys, revoke_key

NAME_CHARACTERS_MAX: Final = 100


async def create_api_key(
    pool: Pool, workspace_id: int, face: Face, name: str
) -> tuple[KeptKey, ApiKey]:
    """Make a key; its text is in the second value and cannot be had again.

    Raises:
        InvalidRequest: the name is blank or too long.
    """
    name = name.strip()
    if not 0 < len(name) <= NAME_CHARACTERS_MAX or "\0" in name:
        raise InvalidRequest(f"name must have 1 to {NAME_CHARACTERS_MAX} characters")
    key = new_key(face)
    async with pool.acquire() as connection:
        return await insert_key(connection, workspace_id, face, name, key), key


async def list_api_keys(pool: Pool, workspace_id: int) -> list[KeptKey]:
    """Return every key the workspace ever had, revoked ones too."""
    async with pool.acquire() as connection:
        return await read_keys(connection, workspace_id)


async def revoke_api_key(pool: Pool, workspace_id: int, key_id: int) -> None:
    """Revoke a key for good; every API process refuses it within a second.

    Raises:
        NotFound: the workspace has no such key that is not revoked yet.
    """
    async with pool.acquire() as connection:
        if not await revoke_key(connection, workspace_id, key_id):
            raise NotFound(f"There is no live key with the id {key_id}")
