"""Re-sealing goes through every row, however many batches that takes."""

import pytest
from cryptography.fernet import Fernet

from service.edges.secret_box import SecretBox, provider_purpose
from service.flows.reencrypt_secrets import UNREADABLE_NAMED_MAX, reencrypt_secrets
from service.store.ciphertexts import SealedTable
from service.store.connection import Pool
from tests.flows.workshop import open_workshop

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.mark.parametrize("batch", [1, 3, 7, 100])
async def test_every_row_is_sealed_anew(pool: Pool, batch: int) -> None:
    """Unreadable rows in between stop nothing; only the first few are named."""
    workspace_id = (await open_workshop(pool)).workspace_id
    sealed = [
        SecretBox([OLD]).seal(provider_purpose(workspace_id, f"p{number}"), f"secret {number}")
        for number in range(7)
    ]
    stored = [*sealed, *[b"nonsense"] * 23, b""]
    await pool.executemany(
        "insert into provider_keys"
        " (workspace_id, provider, ciphertext, hint, check_result, checked_at)"
        " values ($1, $2, $3, '', 'works', now())",
        [(workspace_id, f"p{number}", text) for number, text in enumerate(stored)],
    )

    signing, keys, *_ = await reencrypt_secrets(pool, SecretBox([NEW, OLD]), batch=batch)

    rows = await pool.fetch("select id, ciphertext from provider_keys order by id")
    opened = [
        SecretBox([NEW]).open(provider_purpose(workspace_id, f"p{number}"), row["ciphertext"])
        for number, row in enumerate(rows[:7])
    ]
    assert [f"secret {number}" for number in range(7)] == opened
    assert (signing.table, signing.reencrypted) == (SealedTable.SIGNING_SECRETS, 0)
    assert (keys.reencrypted, keys.unreadable) == (7, 23)
    assert tuple(row["id"] for row in rows[7:-1])[:UNREADABLE_NAMED_MAX] == keys.unreadable_ids
