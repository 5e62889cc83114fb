"""Keeps the hashes of API keys and finds out whose a key is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from service.domain.api_key import ApiKey
from service.domain.kinds import Face
from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("keys")


@dataclass(frozen=True, slots=True)
class KeptKey:
    """What is known of a key after it was made."""

    id: int
    face: Face
    name: str
    hint: str
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """The workspace behind a key that is live.

    Attributes:
        account_id: who acts in the workspace, where the key is an account's and not its own.
    """

    key_id: int
    workspace_id: int
    workspace_public_id: str
    account_id: int | None = None


async def insert_key(
    connection: Connection, workspace_id: int, face: Face, name: str, key: ApiKey
) -> KeptKey:
    """Keep the hash of a new key."""
    rows = await connection.fetch(_SQL["insert_key"], workspace_id, face, name, key.hint, key.hash)
    return KeptKey(rows[0]["id"], face, name, key.hint, rows[0]["created_at"], None)


async def read_keys(connection: Connection, workspace_id: int) -> list[KeptKey]:
    """Return every key a workspace ever had, oldest first."""
    return [
        KeptKey(
            row["id"],
            Face(row["face"]),
            row["name"],
            row["hint"],
            row["created_at"],
            row["revoked_at"],
        )
        for row in await connection.fetch(_SQL["read_keys"], workspace_id)
    ]


async def revoke_key(connection: Connection, workspace_id: int, key_id: int) -> bool:
    """Revoke a key for good; return False when the workspace has no such live key."""
    status: str = await connection.execute(_SQL["revoke_key"], workspace_id, key_id)
    return status.endswith(" 1")


async def find_key_owner(connection: Connection, face: Face, key_hash: bytes) -> KeyOwner | None:
    """Return whose key this is, or None when it is unknown, revoked or of the other face."""
    row = await connection.fetchrow(_SQL["find_key_owner"], face, key_hash)
    return None if row is None else KeyOwner(*row)
