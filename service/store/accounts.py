"""Keeps accounts, what they may do in which workspace, and their platform keys."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from service.domain.api_key import ApiKey
from service.domain.kinds import Face
from service.store.connection import Connection
from service.store.keys import KeptKey, KeyOwner
from service.store.statements import load_statements

_SQL: Final = load_statements("accounts")

Role = Literal["owner", "admin", "member"]


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may act in several workspaces."""

    public_id: str
    name: str = field(repr=False)
    email: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Membership:
    """What an account may do in one workspace."""

    workspace_public_id: str
    role: Role
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class PlatformCaller:
    """The account behind a platform key that is live.

    Attributes:
        workspace: the workspace that was asked for; None when the account is no member of it.
        role: what the account may do there; None likewise.
    """

    key_id: int
    account_id: int
    account_public_id: str
    workspace: KeyOwner | None
    role: Role | None


@dataclass(frozen=True, slots=True)
class ShownWorkspace:
    """A workspace as its members see it.

    Attributes:
        owner_public_id: the account that owned it first; None while nobody does.
    """

    id: int
    public_id: str
    name: str
    created_at: datetime
    member_count: int
    owner_public_id: str | None


async def insert_account(connection: Connection, name: str, email: str) -> tuple[int, str]:
    """Write an account without workspaces and return its id and public id."""
    [row] = await connection.fetch(_SQL["insert_account"], name, email)
    return row["id"], row["public_id"]


async def find_account(connection: Connection, public_id: str) -> int | None:
    """Return the number of the account with this public id, or None."""
    number: int | None = await connection.fetchval(_SQL["find_account"], public_id)
    return number


async def set_member(
    connection: Connection, workspace_id: int, account_id: int, role: Role
) -> None:
    """Let an account act in a workspace, or change what it may do there."""
    await connection.execute(_SQL["set_member"], workspace_id, account_id, role)


async def delete_member(connection: Connection, workspace_id: int, account_id: int) -> bool:
    """Let an account act in a workspace no more; False if it could not before."""
    removed = await connection.fetchval(_SQL["delete_member"], workspace_id, account_id)
    return removed is not None


async def read_account(connection: Connection, account_id: int) -> Account:
    """Return the account with this number, which must exist."""
    [row] = await connection.fetch(_SQL["read_account"], account_id)
    return Account(*row)


async def read_memberships(
    connection: Connection, account_id: int, count_max: int
) -> Sequence[Membership]:
    """Return where an account may act, oldest first, at most `count_max`."""
    rows = await connection.fetch(_SQL["read_memberships"], account_id, count_max)
    return [Membership(*row) for row in rows]


async def find_platform_caller(
    connection: Connection, key_hash: bytes, workspace_public_id: str | None
) -> PlatformCaller | None:
    """Return who holds this platform key, or None when it is unknown or revoked."""
    row = await connection.fetchrow(_SQL["find_platform_caller"], key_hash, workspace_public_id)
    if row is None:
        return None
    workspace = None
    if row["workspace_id"] is not None:
        workspace = KeyOwner(
            row["key_id"], row["workspace_id"], row["workspace_public_id"], row["account_id"]
        )
    return PlatformCaller(
        row["key_id"], row["account_id"], row["account_public_id"], workspace, row["role"]
    )


async def read_workspaces_of_account(
    connection: Connection, account_id: int, *, after: int, limit: int
) -> list[ShownWorkspace]:
    """Return up to `limit` workspaces of an account, oldest first, after a workspace's number."""
    rows = await connection.fetch(_SQL["read_workspaces_of_account"], account_id, after, limit)
    return [ShownWorkspace(*row) for row in rows]


async def count_workspaces_of_account(
    connection: Connection, account_id: int, count_max: int
) -> int:
    """Return how many workspaces an account has, or `count_max` when there are more."""
    count: int = await connection.fetchval(
        _SQL["count_workspaces_of_account"], account_id, count_max
    )
    return count


async def read_workspace(connection: Connection, workspace_id: int) -> ShownWorkspace:
    """Return the workspace with this number, which must exist."""
    [row] = await connection.fetch(_SQL["read_workspace"], workspace_id)
    return ShownWorkspace(*row)


async def hold_workspace(connection: Connection, workspace_id: int) -> None:
    """Keep others from giving this workspace a key until the transaction ends."""
    await connection.execute(_SQL["hold_workspace"], workspace_id)


async def has_live_key(connection: Connection, workspace_id: int) -> bool:
    """Tell whether the workspace has a SendKit key of its own."""
    found: bool = await connection.fetchval(_SQL["has_live_key"], workspace_id)
    return found


async def insert_platform_key(
    connection: Connection, account_id: int, name: str, key: ApiKey
) -> KeptKey:
    """Keep the hash of a new platform key."""
    [row] = await connection.fetch(
        _SQL["insert_platform_key"], account_id, name, key.hint, key.hash
    )
    return KeptKey(row["id"], Face.SENDKIT, name, key.hint, row["created_at"], None)


async def read_platform_keys(connection: Connection, account_id: int) -> list[KeptKey]:
    """Return every platform key an account ever had, oldest first."""
    return [
        KeptKey(
            row["id"],
            Face(row["face"]),
            row["name"],
            row["hint"],
            row["created_at"],
            row["revoked_at"],
        )
        for row in await connection.fetch(_SQL["read_platform_keys"], account_id)
    ]


async def revoke_platform_key(connection: Connection, account_id: int, key_id: int) -> bool:
    """Revoke a platform key for good; return False when the account has no such live key."""
    status: str = await connection.execute(_SQL["revoke_platform_key"], account_id, key_id)
    return status.endswith(" 1")
