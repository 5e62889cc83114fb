"""`GET /v1/account`: who holds a platform key, and where that account may act."""

from typing import Any, Final

from aiohttp import web

from service.api.answers import json_answer
from service.api.caller import context_of
from service.api.query import require_known
from service.api.sendkit.access import authenticate_account
from service.domain.face_answers import iso
from service.store.accounts import read_account, read_memberships

# Beyond it, GET /v1/workspaces has pages.
WORKSPACES_MAX: Final = 1_000
_TIER: Final = "self-hosted"


async def show_account(request: web.Request) -> web.Response:
    """Answer with the account; only a platform key has one."""
    caller = await authenticate_account(request)
    require_known(request, ())
    async with context_of(request).pool.acquire() as connection:
        account = await read_account(connection, caller.account_id)
        memberships = await read_memberships(connection, caller.account_id, WORKSPACES_MAX)
    data: dict[str, Any] = {
        "id": account.public_id,
        "name": account.name,
        "email": account.email,
        "image": None,
        "tier": _TIER,
        "workspaces": [
            {
                "workspaceId": each.workspace_public_id,
                "role": each.role,
                "joinedAt": iso(each.joined_at),
            }
            for each in memberships
        ],
    }
    return json_answer({"success": True, "data": data})
