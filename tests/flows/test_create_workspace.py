"""A new workspace and its default webhook secret."""

import asyncpg
import pytest
from cryptography.fernet import Fernet

from service.domain.signing import read_secret
from service.edges.secret_box import SecretBox, signing_purpose
from service.flows.create_workspace import create_workspace


@pytest.fixture
def box() -> SecretBox:
    """A box with a key of its own."""
    return SecretBox([Fernet.generate_key().decode()])


@pytest.mark.parametrize(("asked", "kept"), [(None, 100), (0, 0), (500, 500)])
async def test_a_workspace_is_made(
    asked: int | None, kept: int, pool: asyncpg.Pool, box: SecretBox
) -> None:
    """It has a name, a public id, no credits, and warns at the balance asked for."""
    workspace = await create_workspace(pool, box, "Acme", low_balance=asked)

    row = await pool.fetchrow("select * from workspaces where id = $1", workspace.id)
    assert row is not None
    assert ("Acme", workspace.public_id, 0, kept) == (
        row["name"],
        row["public_id"],
        row["balance"],
        row["low_balance"],
    )


async def test_its_secret_is_shown_once_and_kept_sealed(pool: asyncpg.Pool, box: SecretBox) -> None:
    """The secret returned is the one stored; it shows neither in the row nor in a repr."""
    workspace = await create_workspace(pool, box, "Acme")

    sealed = await pool.fetchval(
        "select ciphertext from signing_secrets where workspace_id = $1 and endpoint_id is null",
        workspace.id,
    )
    purpose = signing_purpose(workspace.id, None)
    assert read_secret(workspace.webhook_secret).text == box.open(purpose, sealed)
    assert workspace.webhook_secret.encode() not in sealed
    assert workspace.webhook_secret not in repr(workspace)
