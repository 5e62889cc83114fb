"""Gives a workspace the one key that its members may ask for over the API."""

from typing import Final

from service.domain.api_key import ApiKey, new_key
from service.domain.kinds import Face
from service.errors import WorkspaceKeyExists
from service.store.accounts import has_live_key, hold_workspace
from service.store.connection import Pool
from service.store.keys import KeptKey, insert_key

_NAME: Final = "made over the API"


async def create_workspace_key(pool: Pool, workspace_id: int) -> tuple[KeptKey, ApiKey]:
    """Make the workspace's key; its text is in the second value and cannot be had again.

    Raises:
        WorkspaceKeyExists: it has a live SendKit key, whoever made it.
    """
    key = new_key(Face.SENDKIT)
    async with pool.acquire() as connection, connection.transaction():
        # Of two requests at once, the second waits here and then finds the first one's key.
        await hold_workspace(connection, workspace_id)
        if await has_live_key(connection, workspace_id):
            raise WorkspaceKeyExists
        return await insert_key(connection, workspace_id, Face.SENDKIT, _NAME, key), key
