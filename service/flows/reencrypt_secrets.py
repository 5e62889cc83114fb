"""Puts every stored secret under the newest of the operator's keys, so that an old one can go."""

from dataclasses import dataclass
from typing import Final

from service.edges.secret_box import SecretBox, SecretUnreadable
from service.store.ciphertexts import SealedTable, lock_ciphertexts, write_ciphertexts
from service.store.connection import Pool

BATCH: Final = 200
UNREADABLE_NAMED_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Reencrypted:
    """What came of one table.

    Attributes:
        unreadable: secrets that no key opens; they stay as they are.
        unreadable_ids: the first few of those.
    """

    table: SealedTable
    reencrypted: int
    unreadable: int
    unreadable_ids: tuple[int, ...]


async def reencrypt_secrets(pool: Pool, box: SecretBox, *, batch: int = BATCH) -> list[Reencrypted]:
    """Seal everything anew, `batch` rows to a transaction; safe to repeat and to break off.

    What a process writes meanwhile is sealed with that process's own newest key, so all processes
    should run with the new key before this does.
    """
    return [await _reencrypt_table(pool, box, table, batch) for table in SealedTable]


async def _reencrypt_table(
    pool: Pool, box: SecretBox, table: SealedTable, batch: int
) -> Reencrypted:
    after, done = 0, 0
    unreadable: list[int] = []
    while True:
        async with pool.acquire() as connection, connection.transaction():
            sealed = await lock_ciphertexts(connection, table, after=after, count_max=batch)
            if not sealed:
                break
            resealed, refused = _reseal(box, sealed)
            await write_ciphertexts(connection, table, resealed)
        after = max(sealed)
        done += len(resealed)
        unreadable += refused
    return Reencrypted(table, done, len(unreadable), tuple(unreadable[:UNREADABLE_NAMED_MAX]))


def _reseal(box: SecretBox, sealed: dict[int, bytes]) -> tuple[dict[int, bytes], list[int]]:
    resealed: dict[int, bytes] = {}
    refused: list[int] = []
    for row_id, ciphertext in sealed.items():
        try:
            resealed[row_id] = box.reseal(ciphertext)
        except SecretUnreadable:
            refused.append(row_id)
    return resealed, refused
