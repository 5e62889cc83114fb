"""A workspace replaces its own key: nothing said of one is taken to be about the other.

New calls go with the new one; what was asked for before is fetched with the old one.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet

from providers.registry import all_providers
from service.edges.secret_box import SecretBox
from service.edges.vendor_http import VendorHTTP
from service.flows import note_outage
from service.flows.check_pace import CheckPace
from service.flows.credentials import Credential, Credentials
from service.flows.manage_provider_keys import arrange, list_provider_keys, set_provider_key
from service.flows.note_outage import Outages
from service.store.connection import Pool
from service.store.provider_keys import Arrangement, forget_replaced_keys
from tests.flows.workshop import open_workshop

BOX = SecretBox([Fernet.generate_key().decode()])
# Its key cannot be checked, so nobody is asked about the keys here.
HUNTER = replace(all_providers()["hunter"], key_check=None)


@pytest.fixture
async def http() -> AsyncIterator[VendorHTTP]:
    """What a check would ask with."""
    opened = VendorHTTP()
    yield opened
    await opened.close()


@pytest.fixture
async def workspace_id(pool: Pool) -> int:
    """A workspace."""
    return (await open_workshop(pool)).workspace_id


async def keep(pool: Pool, http: VendorHTTP, workspace_id: int, api_key: str) -> Credential:
    """Set a key and return how it is used."""
    await set_provider_key(
        pool,
        BOX,
        http,
        CheckPace(None),
        workspace_id=workspace_id,
        provider=HUNTER,
        api_key=api_key,
    )
    found = await Credentials(pool, BOX, {}).find("hunter", workspace_id=workspace_id)
    assert found is not None
    return found


async def test_each_key_has_an_id_of_its_own(
    pool: Pool, http: VendorHTTP, workspace_id: int
) -> None:
    """The one before is found by its id alone; place and switch are the new one's."""
    old = await keep(pool, http, workspace_id, "old")
    await arrange(pool, workspace_id, [Arrangement("hunter", priority=7)])
    new = await keep(pool, http, workspace_id, "new")

    assert (old.api_key, new.api_key) == ("old", "new")
    assert await Credentials(pool, BOX, {}).by_id("hunter", old.id) == old
    assert old.id != new.id
    listed = await list_provider_keys(pool, workspace_id)
    assert [(f"key:{key.id}", key.priority) for key in listed.values()] == [(new.id, 7)]


async def test_the_same_key_keeps_its_id(pool: Pool, http: VendorHTTP, workspace_id: int) -> None:
    assert await keep(pool, http, workspace_id, "one") == await keep(
        pool, http, workspace_id, "one"
    )


async def test_a_late_refusal_of_the_old_key_is_nobodys_outage(
    pool: Pool, http: VendorHTTP, workspace_id: int
) -> None:
    """The answer to a request of before puts nothing out, and nobody is told."""
    old = await keep(pool, http, workspace_id, "old")
    new = await keep(pool, http, workspace_id, "new")
    outages = Outages(pool)

    outages.note_fault(note_outage.Credential("hunter", old.id), "credentials_rejected")
    await outages.refresh()

    assert outages.shut_for_s(note_outage.Credential("hunter", new.id)) == 0
    assert await pool.fetch("select from provider_outages") == []
    assert await pool.fetch("select from events") == []
    await outages.close()


async def test_an_old_key_goes_for_good(pool: Pool, http: VendorHTTP, workspace_id: int) -> None:
    """Once nothing can be left to fetch with it; the one in use stays."""
    old = await keep(pool, http, workspace_id, "old")
    new = await keep(pool, http, workspace_id, "new")
    await pool.execute("update provider_keys set replaced_at = replaced_at - interval '25 hours'")

    async with pool.acquire() as connection:
        await forget_replaced_keys(connection, timedelta(days=1))

    credentials = Credentials(pool, BOX, {})
    assert await credentials.by_id("hunter", old.id) is None
    assert await credentials.by_id("hunter", new.id) == new
