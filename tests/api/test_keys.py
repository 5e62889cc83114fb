"""Who may call: keys of both faces, right and wrong."""

import asyncio

import pytest

from service.domain.api_key import hash_key, new_key
from service.domain.kinds import Face
from service.errors import NotFound
from service.flows.manage_keys import list_api_keys, revoke_api_key
from tests.api.stage import Stage, add_tenant, people

SELEQT_PATH = "/api/v1/public/lead-lists/1/leads/"
SENDKIT_PATH = "/v1/enrichment/jobs/x"


async def test_seleqt_without_a_key(stage: Stage) -> None:
    """A missing key gets the vendor's own body."""
    async with stage.client.get(SELEQT_PATH) as answer:
        assert answer.status == 401
        assert await answer.json() == {
            "error": "Missing API key",
            "message": "Provide X-API-Key header",
        }


@pytest.mark.parametrize("face", [Face.SELEQT, Face.SENDKIT])
@pytest.mark.parametrize("key", ["deadbeef.nothing", "sk_nothing", "", "x" * 5_000, "kéy"])
async def test_a_key_nobody_has(stage: Stage, face: Face, key: str) -> None:
    """An unknown key is refused in its face's own shape."""
    path = SELEQT_PATH if face is Face.SELEQT else SENDKIT_PATH

    async with stage.client.get(path, headers={"X-Api-Key": key}) as answer:
        body = await answer.json()

    assert answer.status == 401
    assert "Invalid API key" in str(body["error"])


async def test_sendkit_without_a_key(stage: Stage) -> None:
    """A missing key is refused in SendKit's envelope."""
    async with stage.client.get(SENDKIT_PATH) as answer:
        body = await answer.json()

    assert answer.status == 401
    assert body["success"] is False
    assert body["error"]["code"] == "UNAUTHORIZED"


async def test_a_key_of_one_face_is_unknown_to_the_other(stage: Stage) -> None:
    """Keys do not cross faces."""
    seleqt = {"X-Api-Key": stage.tenant.seleqt_key.text}
    sendkit = {"X-Api-Key": stage.tenant.sendkit_key.text}

    async with stage.client.get(SENDKIT_PATH, headers=seleqt) as crossed:
        assert crossed.status == 401
    async with stage.client.get(SELEQT_PATH, headers=sendkit) as crossed:
        assert crossed.status == 401


async def test_a_revoked_key_is_refused_within_a_second(stage: Stage) -> None:
    """A key that was just used stops working about a second after it was revoked at the latest."""
    await stage.get_seleqt("leads/")
    seleqt = next(
        key for key in await list_api_keys(stage.pool, stage.tenant.id) if key.face is Face.SELEQT
    )

    await revoke_api_key(stage.pool, stage.tenant.id, seleqt.id)

    async with asyncio.timeout(1.5):
        while (await stage.seleqt({}))[0] != 401:
            await asyncio.sleep(0.02)


async def test_only_its_own_workspace_revokes_a_key(stage: Stage) -> None:
    """A key of another workspace, or one already revoked, is not there to revoke."""
    other = await add_tenant(stage.pool, "Other", 0)
    key = (await list_api_keys(stage.pool, stage.tenant.id))[0]

    with pytest.raises(NotFound):
        await revoke_api_key(stage.pool, other.id, key.id)
    await revoke_api_key(stage.pool, stage.tenant.id, key.id)
    with pytest.raises(NotFound):
        await revoke_api_key(stage.pool, stage.tenant.id, key.id)


async def test_keys_are_kept_as_hashes(stage: Stage) -> None:
    """The database holds a hash and a hint, never the key."""
    rows = await stage.fetch("select hint, key_hash, api_keys::text as whole from api_keys")

    key = stage.tenant.sendkit_key
    assert hash_key(key.text) in {row["key_hash"] for row in rows}
    assert not any(key.text in row["whole"] for row in rows)
    assert key.text not in repr(key)


def test_the_forms_of_keys() -> None:
    """Each face's keys look as its callers expect, and no two are the same."""
    seleqt, sendkit = new_key(Face.SELEQT), new_key(Face.SENDKIT)

    prefix, _, secret = seleqt.text.partition(".")
    assert (len(prefix), len(secret)) == (8, 48)
    assert seleqt.hint == prefix
    assert sendkit.text.startswith("sk_")
    assert not sendkit.text.startswith("sk_user_")
    assert new_key(Face.SELEQT).text != seleqt.text


async def test_both_sendkit_headers_with_one_key(stage: Stage) -> None:
    """The page's samples send both headers; they may agree."""
    ids = await stage.add_leads(people(1))
    key = stage.tenant.sendkit_key.text

    status, _ = await stage.sendkit(
        {"leadIds": ids, "enrichmentTypes": ["segGateway"]}, Authorization=f"bearer {key}"
    )

    assert status == 200


async def test_a_bearer_key_alone(stage: Stage) -> None:
    """The Authorization header is enough."""
    headers = {"Authorization": f"Bearer {stage.tenant.sendkit_key.text}"}

    async with stage.client.get(SENDKIT_PATH, headers=headers) as answer:
        assert answer.status == 404


@pytest.mark.parametrize("authorization", ["Bearer sk_other", "Basic abc", "Bearer", ""])
async def test_sendkit_headers_that_disagree(stage: Stage, authorization: str) -> None:
    """Two different keys are no key."""
    status, body = await stage.sendkit({}, Authorization=authorization)

    assert status == 401
    assert body["error"]["code"] == "UNAUTHORIZED"


async def test_the_workspace_header(stage: Stage) -> None:
    """A workspace key may name its own workspace and no other."""
    own, _ = await stage.sendkit({}, X_Workspace_Id=stage.tenant.public_id)
    foreign, body = await stage.sendkit({}, X_Workspace_Id="f" * 24)

    assert own == 400
    assert foreign == 403
    assert body["error"]["code"] == "FORBIDDEN"
