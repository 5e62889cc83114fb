"""`GET …/lead-lists/{id}/enrichment/count/`: how many leads are eligible and what they cost."""

from aiohttp import web

from service.api.answers import json_answer
from service.api.caller import context_of
from service.api.query import require_known
from service.api.seleqt.access import authenticate, list_id_of
from service.api.seleqt.bodies import read_filter, read_type
from service.flows.select_leads import count_in_list
from service.store.ledger import read_balance


async def count_enrichable(request: web.Request) -> web.Response:
    """Answer with the count and cost of everything eligible, whatever a limit would leave."""
    caller = await authenticate(request)
    context = context_of(request)
    list_id = list_id_of(request)
    require_known(request, {"enrichment_type", "filters"})
    job_type = read_type(request)
    lead_filter = read_filter(request)
    async with context.pool.acquire() as connection:
        count = await count_in_list(
            connection, caller.workspace_id, list_id, job_type.kind.target, lead_filter
        )
        balance = await read_balance(connection, caller.workspace_id)
    price = context.settings.prices.seleqt[job_type.requested_as]
    return json_answer(
        {
            "enrichment_type": job_type.requested_as,
            "unenriched_count": count,
            "cost_per_lead": price,
            "total_cost": count * price,
            "available_credits": balance,
            "has_enough_credits": balance >= count * price,
        }
    )
