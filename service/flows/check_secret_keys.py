"""Tells whether the operator's keys open what was stored with earlier ones."""

from service.edges.secret_box import SecretBox, SecretUnreadable
from service.store.ciphertexts import SealedTable, lock_ciphertexts
from service.store.connection import Pool


async def opens_oldest_secret(pool: Pool, box: SecretBox) -> bool:
    """Tell whether the box opens the oldest signing secret; true where there is none yet."""
    async with pool.acquire() as connection, connection.transaction():
        oldest = await lock_ciphertexts(
            connection, SealedTable.SIGNING_SECRETS, after=0, count_max=1
        )
    try:
        for ciphertext in oldest.values():
            box.reseal(ciphertext)
    except SecretUnreadable:
        return False
    return True
