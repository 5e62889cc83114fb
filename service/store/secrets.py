"""Keeps the encrypted secrets that sign webhooks; it never sees one in the clear."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

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

    endpoint_id: int | None
    ciphertext: bytes = field(repr=False)


async def insert_secret(
    connection: Connection, workspace_id: int, endpoint_id: int | None, ciphertext: bytes
) -> int:
    """Write the current secret of an endpoint, or a workspace's default, and return its id."""
    secret_id: int = await connection.fetchval(
        _SQL["insert_secret"], workspace_id, endpoint_id, ciphertext
    )
    return secret_id


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
        found[row["endpoint_id"]].append(SealedSecret(row["owner_id"], row["ciphertext"]))
    return dict(found)
