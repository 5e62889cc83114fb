"""Accounts: platform keys over several workspaces, what each role may do, and the key they make."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from service.domain.api_key import is_platform_key
from service.domain.kinds import Face
from service.flows.manage_accounts import (
    add_member,
    create_account,
    create_platform_key,
    remove_member,
    revoke_account_key,
)
from service.flows.manage_keys import list_api_keys, revoke_api_key
from service.store.accounts import Role
from tests.api.sendkit_calls import call
from tests.api.stage import Stage, Tenant, add_tenant

NO_SUCH_ID = "0" * 24


@dataclass(frozen=True, slots=True)
class Holder:
    """An account with a platform key."""

    id: str
    key_id: int
    key: str


async def add_holder(stage: Stage, **roles: Role) -> Holder:
    """Make an account; `own` is its role in the tenant of the stage."""
    account_id = await create_account(stage.pool, "Ada", "ada@example.com")
    kept, key = await create_platform_key(stage.pool, account_id, "test")
    if "own" in roles:
        await add_member(stage.pool, account_id, stage.tenant.public_id, roles["own"])
    return Holder(account_id, kept.id, key.text)


async def send(
    stage: Stage,
    method: str,
    path: str,
    key: str,
    workspace: str | None = None,
    *,
    body: Any = None,
) -> tuple[int, Any]:
    """Send a request with a key, and X-Workspace-Id where one is given."""
    headers = {"X-Api-Key": key} | ({} if workspace is None else {"X-Workspace-Id": workspace})
    async with stage.client.request(method, path, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def test_a_platform_key_acts_in_the_workspace_it_names(stage: Stage) -> None:
    """Leads that it creates are the workspace's, and only there."""
    holder = await add_holder(stage, own="member")
    other = await add_tenant(stage.pool, "Other", 0)
    await add_member(stage.pool, holder.id, other.public_id, "admin")

    made, lead = await send(
        stage,
        "POST",
        "/v1/leads",
        holder.key,
        stage.tenant.public_id.upper(),
        body={"email": "ada@example.com"},
    )
    _, here = await send(stage, "GET", "/v1/leads", stage.tenant.sendkit_key.text)
    _, there = await send(stage, "GET", "/v1/leads", holder.key, other.public_id)

    assert made == 200
    assert lead["data"]["workspaceId"] == stage.tenant.public_id
    assert (here["pagination"]["total"], there["pagination"]["total"]) == (1, 0)


@pytest.mark.parametrize(
    ("workspace", "status", "code"),
    [
        (None, 400, "VALIDATION_ERROR"),
        (NO_SUCH_ID, 403, "FORBIDDEN"),
        ("x", 403, "FORBIDDEN"),
        ("caf\xe9", 403, "FORBIDDEN"),
    ],
)
async def test_a_platform_key_must_name_a_workspace_of_its_account(
    stage: Stage, workspace: str | None, status: int, code: str
) -> None:
    """Without the header it is a 400 that names it; any other workspace is a 403."""
    holder = await add_holder(stage, own="owner")

    answered, body = await send(stage, "GET", "/v1/leads", holder.key, workspace)

    assert (status, code) == (answered, body["error"]["code"])
    assert "X-Workspace-Id" in body["error"]["message"]


async def test_a_workspace_of_others_is_foreign(stage: Stage) -> None:
    """That it exists makes no difference."""
    holder = await add_holder(stage)

    status, _ = await send(stage, "GET", "/v1/leads", holder.key, stage.tenant.public_id)

    assert status == 403


@pytest.mark.parametrize("path", ["/v1/account", "/v1/workspaces", "/v1/leads"])
@pytest.mark.parametrize("key", ["sk_user_", "sk_user_nothing", "sk_user_" + "x" * 5_000])
async def test_an_unknown_platform_key(stage: Stage, path: str, key: str) -> None:
    """It is a 401 wherever it is sent."""
    status, body = await send(stage, "GET", path, key)

    assert (status, body["error"]["code"]) == (401, "UNAUTHORIZED")


async def test_a_revoked_platform_key_is_refused_at_once(stage: Stage) -> None:
    """Nothing remembers a platform key."""
    holder = await add_holder(stage, own="owner")
    before, _ = await send(stage, "GET", "/v1/account", holder.key)

    await revoke_account_key(stage.pool, holder.id, holder.key_id)
    after, _ = await send(stage, "GET", "/v1/account", holder.key)

    assert (before, after) == (200, 401)


async def test_a_removed_member_is_refused_at_once(stage: Stage) -> None:
    """Its platform key acts where it is a member still."""
    holder = await add_holder(stage, own="owner")
    own = stage.tenant.public_id
    before, _ = await send(stage, "GET", "/v1/leads", holder.key, own)

    await remove_member(stage.pool, holder.id, own)
    after, _ = await send(stage, "GET", "/v1/leads", holder.key, own)
    account, _ = await send(stage, "GET", "/v1/account", holder.key)

    assert (before, after, account) == (200, 403, 200)


async def test_an_account_is_shown_with_its_workspaces(stage: Stage) -> None:
    """In the fields of SendKit's page."""
    holder = await add_holder(stage, own="admin")

    status, body = await send(stage, "GET", "/v1/account", holder.key)

    [workspace] = body["data"].pop("workspaces")
    assert workspace.pop("joinedAt").endswith("Z")
    assert (status, workspace) == (
        200,
        {"workspaceId": stage.tenant.public_id, "role": "admin"},
    )
    assert body["data"] == {
        "id": holder.id,
        "name": "Ada",
        "email": "ada@example.com",
        "image": None,
        "tier": "self-hosted",
    }


async def test_a_workspace_key_has_no_account(stage: Stage) -> None:
    """It is a 403 that says which key to send."""
    status, body = await call(stage, "GET", "/v1/account")

    assert (status, body["error"]["code"]) == (403, "FORBIDDEN")
    assert "sk_user_" in body["error"]["message"]


async def test_workspaces_come_in_pages(stage: Stage) -> None:
    """An account sees those it is a member of, each with its owner and its members."""
    holder = await add_holder(stage, own="owner")
    others = [await add_tenant(stage.pool, f"Other {n}", 0) for n in range(2)]
    await join_all(stage, holder, others)

    _, first = await send(stage, "GET", "/v1/workspaces?limit=2", holder.key)
    cursor = first["pagination"]["nextCursor"]
    _, second = await send(stage, "GET", f"/v1/workspaces?limit=2&cursor={cursor}", holder.key)

    rows = [*first["data"], *second["data"]]
    assert [stage.tenant.public_id, others[0].public_id, others[1].public_id] == [
        row["id"] for row in rows
    ]
    assert [holder.id, None, None] == [row["ownerId"] for row in rows]
    assert {"name": "Acme", "memberCount": 1}.items() <= rows[0].items()
    assert first["pagination"] | {"nextCursor": None} == {
        "limit": 2,
        "total": 3,
        "totalIsCapped": False,
        "hasMore": True,
        "nextCursor": None,
    }
    assert (second["pagination"]["hasMore"], second["pagination"]["nextCursor"]) == (False, None)


async def join_all(stage: Stage, holder: Holder, tenants: list[Tenant]) -> None:
    """Make an account a member of all these workspaces."""
    for tenant in tenants:
        await add_member(stage.pool, holder.id, tenant.public_id, "member")


async def test_a_workspace_key_sees_its_own_workspace(stage: Stage) -> None:
    """And no other."""
    await add_tenant(stage.pool, "Other", 0)

    status, body = await call(stage, "GET", "/v1/workspaces")

    assert status == 200
    assert [stage.tenant.public_id] == [row["id"] for row in body["data"]]
    assert body["pagination"]["total"] == 1


async def free_key(stage: Stage) -> None:
    """Revoke the SendKit key that every tenant of these tests has."""
    [kept] = [
        key for key in await list_api_keys(stage.pool, stage.tenant.id) if key.face is Face.SENDKIT
    ]
    await revoke_api_key(stage.pool, stage.tenant.id, kept.id)


@pytest.mark.parametrize("role", ["owner", "admin"])
async def test_owners_and_admins_make_the_key_of_a_workspace(stage: Stage, role: Role) -> None:
    """It is shown this once, works at once, and there is one at most."""
    await free_key(stage)
    holder = await add_holder(stage, own=role)
    path = f"/v1/workspaces/{stage.tenant.public_id}/api-key"

    status, made = await send(stage, "POST", path, holder.key)
    again, refused = await send(stage, "POST", path, holder.key)
    works, _ = await send(stage, "GET", "/v1/leads", made["data"]["apiKey"])

    assert (status, again, works) == (200, 409, 200)
    assert made["data"]["createdBy"] == holder.id
    assert made["data"]["createdAt"].endswith("Z")
    assert not is_platform_key(made["data"]["apiKey"])
    assert (refused["error"], refused["code"]) == ("Conflict", 409)


async def test_two_keys_asked_for_at_once_are_one(stage: Stage) -> None:
    """The second request waits for the first and is then refused."""
    await free_key(stage)
    holder = await add_holder(stage, own="owner")
    path = f"/v1/workspaces/{stage.tenant.public_id}/api-key"

    answers = await asyncio.gather(*(send(stage, "POST", path, holder.key) for _ in range(4)))

    assert sorted(status for status, _ in answers) == [200, 409, 409, 409]


@pytest.mark.parametrize(
    ("workspace", "role", "status", "error"),
    [("own", "member", 403, "Forbidden"), (NO_SUCH_ID, "owner", 404, "Not Found")],
)
async def test_errors_about_a_workspaces_key_are_flat(
    stage: Stage, workspace: str, role: Role, status: int, error: str
) -> None:
    """In the shape that SendKit's page of this call shows."""
    holder = await add_holder(stage, own=role)
    public_id = stage.tenant.public_id if workspace == "own" else workspace

    answered, body = await send(stage, "POST", f"/v1/workspaces/{public_id}/api-key", holder.key)

    assert answered == status
    assert sorted(body) == ["code", "error", "message"]
    assert (error, status) == (body["error"], body["code"])


async def test_a_workspace_key_makes_no_key(stage: Stage) -> None:
    """Only accounts do."""
    path = f"/v1/workspaces/{stage.tenant.public_id}/api-key"

    status, body = await send(stage, "POST", path, stage.tenant.sendkit_key.text)

    assert (status, body["error"]) == (403, "Forbidden")
