"""`GET …/lead-lists/{id}/enrichment/count/`: how many leads are eligible and what they cost."""

from aiohttp import web

from service.api.answers import json_answer
from service.api.caller import context_of
from service.api.query import require_known
from service.api.seleqt.access import authenticate, list_id_of
from service.api.seleqt.bodies import read_filter, read_type
from service.api.validation import together
from service.flows.select_leads import count_in_list
from service.store.lead_selection import Wanted
from service.store.ledger import read_balance


async def count_enrichable(request: web.Request) -> web.Response:
    """Answer with the count and cost of everything eligible, whatever a limit would leave.

    Above 10,000 the count stays at that number and says so; count and cost go together.
    """
    caller = await authenticate(request)
    context = context_of(request)
    list_id = list_id_of(request)
    job_type, lead_filter, _ = together(
        lambda: read_type(request),
        lambda: read_filter(request),
        # The limit of an enrichment changes nothing here; callers who send it along mean no harm.
        lambda: require_known(request, {"enrichment_type", "filters", "prospect_limit"}),
    )
    wanted = Wanted(
        caller.workspace_id, list_id, lead_filter=lead_filter, lacking=job_type.kind.target
    )
    async with context.pool.acquire() as connection:
        total = await count_in_list(connection, wanted)
        balance = await read_balance(connection, caller.workspace_id)
    price = context.settings.prices.seleqt[job_type.requested_as]
    cost = total.count * price
    return json_answer(
        {
            "enrichment_type": job_type.requested_as,
            "unenriched_count": total.count,
            "unenriched_count_is_capped": total.is_capped,
            "cost_per_lead": price,
            "total_cost": cost,
            "available_credits": balance,
            "has_enough_credits": balance >= cost,
        }
    )
