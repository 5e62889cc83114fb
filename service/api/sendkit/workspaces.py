"""`/v1/workspaces`: which workspaces a key can act in, and the key of a workspace itself."""

from typing import Any, Final

from aiohttp import web

from service.api.answers import json_answer
from service.api.caller import context_of
from service.api.query import read_cursor, read_integer, require_known, write_cursor
from service.api.refusals import Forbidden
from service.api.sendkit.access import authenticate_account, authenticate_anyone
from service.api.sendkit.errors import flat_error
from service.api.sendkit.jobs import LIMIT
from service.api.validation import invalid, together
from service.domain.face_answers import iso
from service.errors import LeadfallError, NotFound
from service.flows.create_workspace_key import create_workspace_key
from service.flows.find_leads import TOTAL_MAX
from service.store.accounts import (
    PlatformCaller,
    ShownWorkspace,
    count_workspaces_of_account,
    read_workspace,
    read_workspaces_of_account,
)

_MAY_MAKE_KEYS: Final = frozenset({"owner", "admin"})


async def list_workspaces(request: web.Request) -> web.Response:
    """Answer with a page of an account's workspaces, or with a workspace key's own one."""
    caller = await authenticate_anyone(request)
    after, limit, _ = together(
        lambda: read_cursor(request),
        lambda: _limit(request),
        lambda: require_known(request, {"cursor", "limit"}),
    )
    async with context_of(request).pool.acquire() as connection:
        if isinstance(caller, PlatformCaller):
            rows = await read_workspaces_of_account(
                connection, caller.account_id, after=after, limit=limit + 1
            )
            total = await count_workspaces_of_account(connection, caller.account_id, TOTAL_MAX + 1)
        else:
            own = await read_workspace(connection, caller.workspace_id)
            rows, total = ([own] if own.id > after else []), 1
    page, more = rows[:limit], len(rows) > limit
    return json_answer(
        {
            "success": True,
            "data": [_row(workspace) for workspace in page],
            "pagination": {
                "limit": limit,
                "total": min(total, TOTAL_MAX),
                "totalIsCapped": total > TOTAL_MAX,
                "hasMore": more,
                "nextCursor": write_cursor(page[-1].id) if more else None,
            },
        }
    )


async def post_workspace_key(request: web.Request) -> web.Response:
    """Make the workspace's key and show it this once; errors are flat, as on SendKit's page."""
    try:
        return await _post_key(request)
    except LeadfallError as error:
        return flat_error(error)


async def _post_key(request: web.Request) -> web.Response:
    caller = await authenticate_account(request, request.match_info["workspace_id"])
    require_known(request, ())
    if caller.workspace is None:
        raise NotFound(
            "There is no workspace with this id that this account is a member of; "
            "GET /v1/workspaces lists them"
        )
    if caller.role not in _MAY_MAKE_KEYS:
        raise Forbidden(
            "Only an owner or an admin of the workspace can make its API key; ask one of them"
        )
    kept, key = await create_workspace_key(context_of(request).pool, caller.workspace.workspace_id)
    data = {
        "apiKey": key.text,
        "createdAt": iso(kept.created_at),
        "createdBy": caller.account_public_id,
    }
    return json_answer({"success": True, "data": data})


def _row(workspace: ShownWorkspace) -> dict[str, Any]:
    return {
        "id": workspace.public_id,
        "name": workspace.name,
        "ownerId": workspace.owner_public_id,
        "memberCount": workspace.member_count,
        "createdAt": iso(workspace.created_at),
    }


def _limit(request: web.Request) -> int:
    bound = context_of(request).settings.limits.page_size_max
    limit = read_integer(request, "limit", LIMIT, integer_max=bound)
    if limit > bound:
        raise invalid({"limit": f"limit must be at most {bound}"})
    return limit
