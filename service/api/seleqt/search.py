"""`POST …/prospects/search/`: searches the workspace's own leads, whatever lists they are in."""

from aiohttp import web

from service.api.answers import json_answer
from service.api.caller import context_of
from service.api.request_body import read_object
from service.api.seleqt.access import authenticate
from service.api.seleqt.lead_rows import show_leads
from service.api.seleqt.list_bodies import read_search
from service.api.seleqt.paging import PageAsked, tell_page
from service.flows.select_leads import search_leads
from service.store.lead_selection import Wanted


async def search_prospects(request: web.Request) -> web.Response:
    """Answer with one page; a page size above the bound is lowered to it and told."""
    caller = await authenticate(request)
    context = context_of(request)
    body, lead_filter = await read_object(request, lambda raw: read_search(raw, context.settings))
    size_max = context.settings.limits.page_size_max
    asked = PageAsked(body.page, min(body.page_size, size_max), body.after)
    wanted = Wanted(
        caller.workspace_id,
        companies=body.search_type == "COMPANY",
        lead_filter=lead_filter,
        sorting=body.sorting,
        after=asked.after,
    )
    async with context.pool.acquire() as connection:
        page = await search_leads(connection, wanted, page=asked.number, page_size=asked.size)
    place = tell_page(asked, page.total, page.last)
    return json_answer({**show_leads(page.rows, body.search_type), **place})
