"""Keeps the encrypted keys that workspaces have for providers; it never sees one in the clear."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("provider_keys")


@dataclass(frozen=True, slots=True)
class KeptProviderKey:
    """What may be shown of a key, or of the built-in provider's place in the order.

    Attributes:
        priority: lower comes earlier.
        check_result: what the vendor said of the key when it was set.
    """

    id: int
    provider: str
    hint: str
    enabled: bool
    priority: int
    check_result: str
    checked_at: datetime
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class SealedProviderKey:
    """A key as it is stored."""

    id: int
    workspace_id: int
    ciphertext: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Arrangement:
    """A provider's new place; None leaves as it is."""

    provider: str
    enabled: bool | None = None
    priority: int | None = None


async def keep_provider_key(
    connection: Connection,
    workspace_id: int,
    provider: str,
    *,
    ciphertext: bytes,
    hint: str,
    check_result: str,
) -> KeptProviderKey:
    """Keep a workspace's first key for a provider, or the one that it has once more."""
    rows = await connection.fetch(
        _SQL["keep"], workspace_id, provider, ciphertext, hint, check_result
    )
    return KeptProviderKey(*rows[0])


async def replace_provider_key(
    connection: Connection,
    workspace_id: int,
    provider: str,
    *,
    ciphertext: bytes,
    hint: str,
    check_result: str,
) -> KeptProviderKey:
    """Keep a key in place of another, which must be there; only place and switch stay.

    The one before stays readable by its id until `forget_replaced_keys`.
    """
    rows = await connection.fetch(
        _SQL["replace"], workspace_id, provider, ciphertext, hint, check_result
    )
    return KeptProviderKey(*rows[0])


async def lock_provider_key(
    connection: Connection, workspace_id: int, provider: str
) -> SealedProviderKey | None:
    """Return a workspace's key for a provider, enabled or not, and keep it from changing."""
    row = await connection.fetchrow(_SQL["lock"], workspace_id, provider)
    return None if row is None else SealedProviderKey(*row)


async def forget_replaced_keys(connection: Connection, kept: timedelta) -> None:
    """Remove for good what was replaced longer ago than `kept`."""
    await connection.execute(_SQL["forget_replaced"], kept)


async def read_provider_keys(connection: Connection, workspace_id: int) -> list[KeptProviderKey]:
    """Return everything kept for a workspace, in no order."""
    return [KeptProviderKey(*row) for row in await connection.fetch(_SQL["read_all"], workspace_id)]


async def read_provider_key(
    connection: Connection, workspace_id: int, provider: str
) -> KeptProviderKey | None:
    """Return what is kept for one provider, or None."""
    row = await connection.fetchrow(_SQL["read_one"], workspace_id, provider)
    return None if row is None else KeptProviderKey(*row)


async def remove_provider_key(connection: Connection, workspace_id: int, provider: str) -> bool:
    """Remove a key for good; return False when there is none."""
    return await connection.fetchval(_SQL["remove"], workspace_id, provider) is not None


async def place_builtin(
    connection: Connection, workspace_id: int, provider: str, priority: int
) -> None:
    """Give the built-in provider a row to arrange, unless it has one."""
    await connection.execute(_SQL["place_builtin"], workspace_id, provider, priority)


async def arrange_provider_keys(
    connection: Connection, workspace_id: int, arrangements: Sequence[Arrangement]
) -> set[str]:
    """Change order and switches; return the providers that there was a row for."""
    rows = await connection.fetch(
        _SQL["arrange"],
        workspace_id,
        [each.provider for each in arrangements],
        [each.enabled for each in arrangements],
        [each.priority for each in arrangements],
    )
    return {row["provider"] for row in rows}


async def read_ciphertext(
    connection: Connection, workspace_id: int, provider: str
) -> SealedProviderKey | None:
    """Return a workspace's key for a provider, or None when it has none that is enabled."""
    row = await connection.fetchrow(_SQL["read_ciphertext"], workspace_id, provider)
    return None if row is None else SealedProviderKey(*row)


async def read_ciphertext_by_id(
    connection: Connection, key_id: int, provider: str
) -> SealedProviderKey | None:
    """Return a key by its id, enabled or not, or None when it is gone."""
    row = await connection.fetchrow(_SQL["read_ciphertext_by_id"], key_id, provider)
    return None if row is None else SealedProviderKey(*row)
