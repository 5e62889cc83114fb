"""`…/lead-lists/`: lists them, creates one, shows one, and puts leads into one."""

from typing import Any

from aiohttp import web

from service.api.answers import json_answer
from service.api.caller import context_of
from service.api.query import require_known
from service.api.request_body import read_object
from service.api.seleqt.access import authenticate, list_id_of
from service.api.seleqt.list_bodies import read_added_ids, read_list
from service.api.seleqt.paging import read_lists_asked, tell_page
from service.api.validation import together
from service.domain.face_answers import iso
from service.flows.add_leads import add_leads
from service.flows.create_list import create_list
from service.flows.find_leads import TOTAL_MAX
from service.flows.select_leads import Total, count_of_list, require_list
from service.store.lists import LeadList, count_lists, read_lists


async def list_lists(request: web.Request) -> web.Response:
    """Answer with the workspace's lists, newest first."""
    caller = await authenticate(request)
    asked, _ = together(
        lambda: read_lists_asked(request),
        lambda: require_known(request, {"cursor", "page", "page_size"}),
    )
    async with context_of(request).pool.acquire() as connection:
        lists = await read_lists(
            connection,
            caller.workspace_id,
            before=asked.after,
            limit=asked.size + 1,
            offset=(asked.number - 1) * asked.size,
        )
        count = await count_lists(connection, caller.workspace_id, count_max=TOTAL_MAX + 1)
    total, shown = Total(min(count, TOTAL_MAX), count > TOTAL_MAX), lists[: asked.size]
    place = tell_page(asked, total, shown[-1].id if len(lists) > asked.size else None)
    return json_answer({"lead_lists": [_show(each) for each in shown], **place})


async def add_list(request: web.Request) -> web.Response:
    """Create an empty list and answer with it; its name may have got a number."""
    caller = await authenticate(request)
    body = await read_object(request, read_list)
    made = await create_list(
        context_of(request).pool, caller.workspace_id, body.name, body.search_type
    )
    return json_answer({"lead_list": {**_show(made), "lead_count": 0}})


async def show_list(request: web.Request) -> web.Response:
    """Answer with a list and how many leads are in it: exact to 10,000, then capped."""
    caller = await authenticate(request)
    list_id = list_id_of(request)
    require_known(request, ())
    async with context_of(request).pool.acquire() as connection:
        found = await require_list(connection, caller.workspace_id, list_id)
        total = await count_of_list(connection, caller.workspace_id, list_id)
    counted = {"lead_count": total.count, "lead_count_is_capped": total.is_capped}
    return json_answer({"lead_list": {**_show(found), **counted}})


async def add_to_list(request: web.Request) -> web.Response:
    """Put leads of the workspace into a list and tell how many were not in it before."""
    caller = await authenticate(request)
    context = context_of(request)
    list_id = list_id_of(request)
    ids_max = context.settings.limits.leads_per_request_max
    people, companies = await read_object(request, lambda raw: read_added_ids(raw, ids_max))
    done = await add_leads(
        context.pool, caller.workspace_id, list_id, {"PEOPLE": people, "COMPANY": companies}
    )
    return json_answer(
        {"success": True, "added_count": done.added, "already_in_list_count": done.known}
    )


def _show(lead_list: LeadList) -> dict[str, Any]:
    return {
        "id": lead_list.id,
        "name": lead_list.name,
        "search_type": lead_list.search_type,
        "created_at": iso(lead_list.created_at),
    }
