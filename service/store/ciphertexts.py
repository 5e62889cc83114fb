"""Reads and writes everything that is encrypted, table by table, to put it under another key."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("ciphertexts")


class SealedTable(StrEnum):
    """A table that holds ciphertexts."""

    SIGNING_SECRETS = "signing_secrets"
    PROVIDER_KEYS = "provider_keys"
    ENDPOINT_HEADERS = "endpoint_headers"
    PEPPERS = "peppers"


async def lock_ciphertexts(
    connection: Connection, table: SealedTable, *, after: int, count_max: int
) -> dict[int, bytes]:
    """Return the next ciphertexts by id, lowest first, locked until the transaction ends."""
    rows = await connection.fetch(_SQL[f"lock_{table}"], after, count_max)
    return {row["id"]: row["ciphertext"] for row in rows}


async def write_ciphertexts(
    connection: Connection, table: SealedTable, ciphertexts: Mapping[int, bytes]
) -> None:
    """Write ciphertexts in place of those that were there."""
    await connection.execute(
        _SQL[f"write_{table}"], list(ciphertexts.keys()), list(ciphertexts.values())
    )
