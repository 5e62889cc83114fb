"""`/v1/leads`: one lead at a time, pages of them, and deleting many."""

from aiohttp import web

from service.api.answers import json_answer
from service.api.caller import context_of
from service.api.query import require_known
from service.api.request_body import read_object
from service.api.sendkit.access import authenticate
from service.api.sendkit.lead_bodies import read_change, read_lead, read_object_id
from service.api.sendkit.lead_filters import (
    PageRequest,
    cursor_after,
    read_delete,
    read_list_query,
    read_search,
)
from service.domain.lead_record import Lead, sendkit_lead
from service.flows.change_lead import change_lead
from service.flows.create_lead import create_lead
from service.flows.delete_leads import delete_found, delete_named
from service.flows.find_leads import find_lead, find_leads, no_such_lead
from service.flows.suppress_people import SuppressionList
from service.store.keys import KeyOwner


async def list_leads(request: web.Request) -> web.Response:
    """Answer with a page of leads, newest first, found by the query's parameters."""
    caller = await authenticate(request)
    limit_max = context_of(request).settings.limits.page_size_max
    return await _page(request, caller, read_list_query(request, limit_max))


async def search_leads(request: web.Request) -> web.Response:
    """Answer with a page of leads, newest first, found by the body's filters."""
    caller = await authenticate(request)
    limit_max = context_of(request).settings.limits.page_size_max
    asked = await read_object(request, lambda raw: read_search(raw, limit_max))
    return await _page(request, caller, asked)


async def post_lead(request: web.Request) -> web.Response:
    """Create a lead and answer with it."""
    caller = await authenticate(request)
    given = await read_object(request, read_lead)
    context = context_of(request)
    suppressions = SuppressionList(context.box)
    lead = await create_lead(context.pool, caller.workspace_id, given, suppressions)
    return _one(lead, caller)


async def show_lead(request: web.Request) -> web.Response:
    """Answer with one lead."""
    caller = await authenticate(request)
    require_known(request, ())
    lead = await find_lead(context_of(request).pool, caller.workspace_id, _lead_id(request))
    return _one(lead, caller)


async def patch_lead(request: web.Request) -> web.Response:
    """Change a lead and answer with it; what the body leaves out stays as it is."""
    caller = await authenticate(request)
    public_id = _lead_id(request)
    change = await read_object(request, read_change)
    return _one(await change_lead(context_of(request).pool, caller, public_id, change), caller)


async def delete_leads(request: web.Request) -> web.Response:
    """Delete the leads that the body names or that its filters find, and answer how many."""
    caller = await authenticate(request)
    asked = await read_object(request, read_delete)
    pool = context_of(request).pool
    if asked.public_ids is None:
        deleted = await delete_found(pool, caller.workspace_id, asked.people, asked.excluded)
    else:
        deleted = await delete_named(pool, caller.workspace_id, asked.public_ids)
    return json_answer(
        {"success": True, "data": {"deleted": deleted.count, "hasMore": deleted.more}}
    )


async def _page(request: web.Request, caller: KeyOwner, asked: PageRequest) -> web.Response:
    page = await find_leads(
        context_of(request).pool,
        caller.workspace_id,
        asked.people,
        before=asked.before,
        limit=asked.limit,
        skipped=(asked.number - 1) * asked.limit,
    )
    return json_answer(
        {
            "success": True,
            "data": [sendkit_lead(lead, caller.workspace_public_id) for lead in page.leads],
            "pagination": {
                "page": asked.number,
                "pages": -(-page.total // asked.limit),
                "limit": asked.limit,
                "total": page.total,
                "totalIsCapped": page.total_is_capped,
                "hasMore": page.more,
                "nextCursor": cursor_after(page.leads[-1]) if page.more else None,
            },
        }
    )


def _one(lead: Lead, caller: KeyOwner) -> web.Response:
    return json_answer({"success": True, "data": sendkit_lead(lead, caller.workspace_public_id)})


def _lead_id(request: web.Request) -> str:
    public_id = read_object_id(request.match_info["lead_id"])
    if public_id is None:
        raise no_such_lead()
    return public_id
