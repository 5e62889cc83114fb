"""Makes accounts, lets them act in workspaces, and makes and revokes their platform keys."""

from typing import Final

from service.domain.api_key import ApiKey, new_platform_key
from service.domain.email_address import read_email_address
from service.errors import InvalidRequest, NotFound
from service.store.accounts import (
    Role,
    delete_member,
    find_account,
    insert_account,
    insert_platform_key,
    read_platform_keys,
    revoke_platform_key,
    set_member,
)
from service.store.connection import Connection, Pool
from service.store.directory import find_workspace
from service.store.keys import KeptKey

NAME_CHARACTERS_MAX: Final = 100


async def create_account(pool: Pool, name: str, email: str) -> str:
    """Create an account that may act nowhere yet, and return its public id.

    Raises:
        InvalidRequest: the name is blank or too long, or the address is none.
    """
    address = read_email_address(email)
    if address is None:
        raise InvalidRequest("email must be an e-mail address")
    async with pool.acquire() as connection:
        _, public_id = await insert_account(connection, _name(name), address.text)
    return public_id


async def add_member(
    pool: Pool, account_public_id: str, workspace_public_id: str, role: Role
) -> None:
    """Let an account act in a workspace; a second time changes what it may do there.

    Raises:
        NotFound: there is no such account or workspace.
    """
    async with pool.acquire() as connection:
        account_id = await _require_account(connection, account_public_id)
        workspace_id = await _require_workspace(connection, workspace_public_id)
        await set_member(connection, workspace_id, account_id, role)


async def remove_member(pool: Pool, account_public_id: str, workspace_public_id: str) -> None:
    """Let an account act in a workspace no more, from its next request on.

    What it made there stays, the workspace's own key too.

    Raises:
        NotFound: there is no such account or workspace, or it is no member there.
    """
    async with pool.acquire() as connection:
        account_id = await _require_account(connection, account_public_id)
        workspace_id = await _require_workspace(connection, workspace_public_id)
        if not await delete_member(connection, workspace_id, account_id):
            raise NotFound("This account is no member of this workspace.")


async def create_platform_key(
    pool: Pool, account_public_id: str, name: str
) -> tuple[KeptKey, ApiKey]:
    """Make a platform key; its text is in the second value and cannot be had again.

    Raises:
        NotFound: there is no such account.
        InvalidRequest: the name is blank or too long.
    """
    key = new_platform_key()
    async with pool.acquire() as connection:
        account_id = await _require_account(connection, account_public_id)
        return await insert_platform_key(connection, account_id, _name(name), key), key


async def list_platform_keys(pool: Pool, account_public_id: str) -> list[KeptKey]:
    """Return every platform key the account ever had, revoked ones too.

    Raises:
        NotFound: there is no such account.
    """
    async with pool.acquire() as connection:
        account_id = await _require_account(connection, account_public_id)
        return await read_platform_keys(connection, account_id)


async def revoke_account_key(pool: Pool, account_public_id: str, key_id: int) -> None:
    """Revoke a platform key for good; every API process refuses it at once.

    Raises:
        NotFound: there is no such account, or it has no such live key.
    """
    async with pool.acquire() as connection:
        account_id = await _require_account(connection, account_public_id)
        if not await revoke_platform_key(connection, account_id, key_id):
            raise NotFound(f"There is no live key with the id {key_id}")


async def _require_account(connection: Connection, public_id: str) -> int:
    account_id = await find_account(connection, public_id.strip().lower())
    if account_id is None:
        raise NotFound("There is no account with this id.")
    return account_id


async def _require_workspace(connection: Connection, public_id: str) -> int:
    workspace_id = await find_workspace(connection, public_id.strip().lower())
    if workspace_id is None:
        raise NotFound("There is no workspace with this id.")
    return workspace_id


def _name(given: str) -> str:
    name = given.strip()
    if not 0 < len(name) <= NAME_CHARACTERS_MAX or "\0" in name:
        raise InvalidRequest(f"name must have 1 to {NAME_CHARACTERS_MAX} characters")
    return name
