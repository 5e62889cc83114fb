"""`GET …/lead-lists/{id}/leads/`: a page of what is in a list."""

from aiohttp import web

from service.api.answers import json_answer
from service.api.caller import context_of
from service.api.query import require_known
from service.api.seleqt.access import authenticate, list_id_of
from service.api.seleqt.bodies import read_filter, read_sorting
from service.api.seleqt.lead_rows import show_leads
from service.api.seleqt.paging import read_page_asked, tell_page
from service.api.validation import together
from service.flows.select_leads import read_list_page
from service.store.lead_selection import Wanted


async def list_leads(request: web.Request) -> web.Response:
    """Answer with one page; a page size above the bound is lowered to it and told."""
    caller = await authenticate(request)
    list_id = list_id_of(request)
    known = {"cursor", "page", "page_size", "filters", "sort_field", "sort_direction"}
    asked, lead_filter, sorting, _ = together(
        lambda: read_page_asked(request),
        lambda: read_filter(request),
        lambda: read_sorting(request),
        lambda: require_known(request, known),
    )
    wanted = Wanted(
        caller.workspace_id, list_id, lead_filter=lead_filter, sorting=sorting, after=asked.after
    )
    async with context_of(request).pool.acquire() as connection:
        lead_list, page = await read_list_page(
            connection, wanted, page=asked.number, page_size=asked.size
        )
    return json_answer(
        {**show_leads(page.rows, lead_list.search_type), **tell_page(asked, page.total, page.last)}
    )
