"""Which key a call is made with, and for how long a change may go unseen."""

import asyncio
from collections.abc import Mapping

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from service.edges.secret_box import SecretBox, SecretUnreadable, provider_purpose
from service.flows.credentials import Credential, Credentials
from service.settings import ProviderSettings
from service.store.connection import Pool
from service.store.provider_keys import Arrangement, arrange_provider_keys, keep_provider_key
from tests.flows.workshop import open_workshop

BOX = SecretBox([Fernet.generate_key().decode()])
PROVIDERS: Mapping[str, ProviderSettings] = {
    "hunter": ProviderSettings(api_key=SecretStr("operators"), base_url="http://proxy.example"),
    "leadmagic": ProviderSettings(base_url="http://proxy.example"),
}


@pytest.fixture
async def workspace_id(pool: Pool) -> int:
    """A workspace."""
    return (await open_workshop(pool)).workspace_id


async def keep(
    pool: Pool, workspace_id: int, provider: str, api_key: str, *, sealed_for: str | None = None
) -> int:
    """Keep a key and return its id."""
    purpose = sealed_for or provider_purpose(workspace_id, provider)
    async with pool.acquire() as connection:
        kept = await keep_provider_key(
            connection,
            workspace_id,
            provider,
            ciphertext=BOX.seal(purpose, api_key),
            hint="****",
            check_result="works",
        )
    return kept.id


async def test_the_operator_s_key_comes_from_settings(pool: Pool) -> None:
    """There is one only where a key is set; it is found by its id as well."""
    credentials = Credentials(pool, None, PROVIDERS)
    expected = Credential("operator", "operators", "http://proxy.example")

    assert expected == await credentials.find("hunter", workspace_id=None)
    assert expected == await credentials.by_id("hunter", "operator")
    assert await credentials.find("leadmagic", workspace_id=None) is None
    assert await credentials.find("icypeas", workspace_id=None) is None
    assert "operators" not in repr(expected)


async def test_an_own_key_is_decrypted_and_never_the_operator_s(
    pool: Pool, workspace_id: int
) -> None:
    """It goes where the operator says that the vendor is reached."""
    key_id = await keep(pool, workspace_id, "hunter", "own")
    credentials = Credentials(pool, BOX, PROVIDERS)
    expected = Credential(f"key:{key_id}", "own", "http://proxy.example")

    assert expected == await credentials.find("hunter", workspace_id=workspace_id)
    assert expected == await credentials.by_id("hunter", f"key:{key_id}")
    assert await credentials.find("leadmagic", workspace_id=workspace_id) is None
    assert await credentials.find("hunter", workspace_id=workspace_id + 1) is None
    assert await credentials.by_id("leadmagic", f"key:{key_id}") is None


@pytest.mark.parametrize("credential_id", ["", "key:", "key:0", "key:x", "key:1 ", "Operator"])
async def test_an_id_that_is_none_of_ours_is_nobody_s(pool: Pool, credential_id: str) -> None:
    """It reads as a key that is gone."""
    assert await Credentials(pool, BOX, PROVIDERS).by_id("hunter", credential_id) is None


async def test_a_disabled_key_only_fetches_what_it_paid_for(pool: Pool, workspace_id: int) -> None:
    """No new call is made with it."""
    key_id = await keep(pool, workspace_id, "hunter", "own")
    async with pool.acquire() as connection:
        await arrange_provider_keys(
            connection, workspace_id, [Arrangement("hunter", enabled=False)]
        )
    credentials = Credentials(pool, BOX, PROVIDERS)

    assert await credentials.find("hunter", workspace_id=workspace_id) is None
    assert await credentials.by_id("hunter", f"key:{key_id}") is not None


async def test_many_who_ask_at_once_share_one_read(pool: Pool, workspace_id: int) -> None:
    """A key is remembered for a while, and so its removal is seen a while later."""
    await keep(pool, workspace_id, "hunter", "own")
    credentials = Credentials(pool, BOX, PROVIDERS)

    found = await asyncio.gather(
        *(credentials.find("hunter", workspace_id=workspace_id) for _ in range(50))
    )
    await pool.execute("delete from provider_keys")

    assert {id(found[0])} == {id(each) for each in found}
    assert found[0] is await credentials.find("hunter", workspace_id=workspace_id)
    assert await Credentials(pool, BOX, {}).find("hunter", workspace_id=workspace_id) is None


async def test_a_key_of_another_row_does_not_open(pool: Pool, workspace_id: int) -> None:
    """A ciphertext that was copied here from elsewhere is refused, not used."""
    elsewhere = provider_purpose(workspace_id + 1, "hunter")
    await keep(pool, workspace_id, "hunter", "own", sealed_for=elsewhere)

    with pytest.raises(SecretUnreadable):
        await Credentials(pool, BOX, PROVIDERS).find("hunter", workspace_id=workspace_id)


async def test_without_the_operator_s_secret_keys_it_is_our_fault(
    pool: Pool, workspace_id: int
) -> None:
    """It is told apart from a workspace that has no key."""
    await keep(pool, workspace_id, "hunter", "own")

    with pytest.raises(SecretUnreadable, match="LEADFALL_SECRET_KEYS holds no key"):
        await Credentials(pool, None, PROVIDERS).find("hunter", workspace_id=workspace_id)
