"""Keeps the encrypted secrets that sign webhooks; it never sees one in the clear."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from service.domain.signing import Scheme
from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("secrets")


class Signer(NamedTuple):
    """An endpoint in whose name something is to be signed."""

    workspace_id: int
    endpoint_id: int
    hidden: bool


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """A secret as it is stored.

    Attributes:
        endpoint_id: whose own it is; None for the workspace's default.
    """

    id: int
    endpoint_id: int | None
    ciphertext: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class LiveSecret:
    """A secret that signs now, as its owner may see it.

    Attributes:
        endpoint_id: None for the workspace's default.
        expires_at: until when it signs beside the current one; None for the current one.
    """

    id: int
    endpoint_id: int | None
    ciphertext: bytes = field(repr=False)
    scheme: Scheme
    public_key: str | None
    created_at: datetime
    expires_at: datetime | None


async def insert_secret(
    connection: Connection,
    workspace_id: int,
    endpoint_id: int | None,
    ciphertext: bytes,
    *,
    scheme: Scheme = Scheme.SHARED,
    public_key: str | None = None,
) -> int:
    """Write the current secret of an endpoint, or a workspace's default, and return its id."""
    secret_id: int = await connection.fetchval(
        _SQL["insert_secret"], workspace_id, endpoint_id, ciphertext, scheme, public_key
    )
    return secret_id


async def lock_secrets(connection: Connection, workspace_id: int, endpoint_id: int | None) -> None:
    """Lock the secrets of an endpoint, or a workspace's default, until the transaction ends."""
    await connection.execute(_SQL["lock_secrets"], workspace_id, endpoint_id or 0)


async def retire_current(
    connection: Connection, workspace_id: int, endpoint_id: int | None, *, overlap_s: float
) -> None:
    """Let the current secret sign for `overlap_s` seconds more; the next one is to be written."""
    await connection.execute(_SQL["retire_current"], workspace_id, endpoint_id or 0, overlap_s)


async def read_live_secrets(
    connection: Connection, workspace_id: int, endpoint_ids: Sequence[int | None]
) -> dict[int | None, list[LiveSecret]]:
    """Return by endpoint, None for the default, the secrets that sign; the current one first."""
    rows = await connection.fetch(
        _SQL["read_live_secrets"], workspace_id, [each or 0 for each in endpoint_ids]
    )
    found: defaultdict[int | None, list[LiveSecret]] = defaultdict(list)
    for row in rows:
        owner_id = row["endpoint_id"] or None
        found[owner_id].append(
            LiveSecret(
                row["id"],
                owner_id,
                row["ciphertext"],
                Scheme(row["scheme"]),
                row["public_key"],
                row["created_at"],
                row["expires_at"],
            )
        )
    return dict(found)


async def read_signing_secrets(
    connection: Connection, signers: Sequence[Signer], *, count_max: int
) -> dict[int, list[SealedSecret]]:
    """Return by endpoint the secrets that sign now: the current one first, then unexpired ones."""
    rows = await connection.fetch(
        _SQL["read_signing_secrets"],
        [signer.workspace_id for signer in signers],
        [signer.endpoint_id for signer in signers],
        [signer.hidden for signer in signers],
        count_max,
    )
    found: defaultdict[int, list[SealedSecret]] = defaultdict(list)
    for row in rows:
        found[row["endpoint_id"]].append(
            SealedSecret(row["id"], row["owner_id"], row["ciphertext"])
        )
    return dict(found)
