"""`POST /v1/enrichment/enrich`: one job for each type that is asked for."""

from typing import Any

from aiohttp import web

from service.api.answers import json_answer
from service.api.availability import require_usable
from service.api.caller import context_of
from service.api.context import ApiContext
from service.api.idempotency import read_idempotency
from service.api.query import require_known
from service.api.request_body import parse_object, read_body
from service.api.sendkit.access import authenticate
from service.api.sendkit.bodies import PARAMETER_OF, EnrichRequest, Ordered, read_enrich
from service.api.sendkit.errors import CreditsMissing
from service.api.sendkit.providers import own_waterfall, require_own_key
from service.api.validation import together
from service.domain.face_answers import sendkit_metadata
from service.domain.kinds import Face
from service.errors import InsufficientCredits
from service.flows.accept_jobs import (
    Accepted,
    JobOrder,
    Order,
    Presume,
    Select,
    Selection,
    accept_jobs,
)
from service.flows.select_leads import presume_by_public_id, select_by_public_id
from service.store.connection import Connection
from service.store.waterfalls import keep_waterfall


async def enrich_leads(request: web.Request) -> web.Response:
    """Accept the request and answer with its jobs."""
    caller = await authenticate(request)
    context = context_of(request)
    raw = await read_body(request)
    given = parse_object(raw)
    asked, idempotency, _ = together(
        lambda: read_enrich(given, context.settings.limits, context.egress),
        lambda: read_idempotency(request, "sendkit enrich", raw),
        lambda: require_known(request, ()),
    )
    order = Order(
        workspace_id=caller.workspace_id,
        face=Face.SENDKIT,
        mode="async",
        jobs=tuple(_job_order(context, each) for each in asked.ordered),
        skip_filled=False,
        webhook_url=asked.webhook_url,
        metadata=asked.metadata,
        lead_events=asked.lead_events,
        idempotency=idempotency,
        facts={"lead_count": len(asked.lead_ids)},
    )
    try:
        accepted = await accept_jobs(
            context.commits,
            order,
            _selection(context, caller.workspace_id, asked),
            context.publication,
            presume=_presumption(context, asked),
        )
    except InsufficientCredits as error:
        raise CreditsMissing(
            error, lead_count=len(asked.lead_ids), requested=asked.requested
        ) from None
    if accepted.lookup_count and not accepted.replayed:
        context.ring()
    return json_answer({"success": True, "data": _answer(asked, accepted)})


def _job_order(context: ApiContext, ordered: Ordered) -> JobOrder:
    job_type = ordered.job_type
    if ordered.provider is not None:
        alone = own_waterfall(job_type.kind, ordered.provider)
        return JobOrder(job_type, 0, alone.version, ordered.provider)
    return JobOrder(
        job_type,
        context.settings.prices.sendkit[job_type.requested_as],
        context.waterfalls[job_type.kind].version,
    )


def _selection(context: ApiContext, workspace_id: int, asked: EnrichRequest) -> Select:
    by_id = select_by_public_id(workspace_id, asked.lead_ids, len(asked.ordered))

    async def select(connection: Connection) -> Selection:
        # Here, and not before: a repeated request is answered even if the set-up changed.
        for each in asked.ordered:
            if each.provider is None:
                require_usable(context, each.job_type)
            else:
                kind = each.job_type.kind
                await require_own_key(
                    connection, context, workspace_id, PARAMETER_OF[kind], each.provider
                )
                await keep_waterfall(connection, own_waterfall(kind, each.provider))
        return await by_id(connection)

    return select


def _presumption(context: ApiContext, asked: EnrichRequest) -> Presume | None:
    """Return how to select without a read; None where something is to be read first."""
    by_id = presume_by_public_id(asked.lead_ids, len(asked.ordered))
    if by_id is None or any(each.provider is not None for each in asked.ordered):
        return None

    def presume() -> Selection:
        for each in asked.ordered:
            require_usable(context, each.job_type)
        return by_id()

    return presume


def _answer(asked: EnrichRequest, accepted: Accepted) -> dict[str, Any]:
    return {
        "jobs": [
            {
                "jobId": job.public_id,
                "type": job.type,
                "status": job.status,
                "totalItems": job.lookup_count,
                "creditsUsed": job.charged,
            }
            for job in accepted.jobs
        ],
        "totalLeads": accepted.facts["lead_count"],
        "totalCreditsCharged": accepted.charged,
        "creditsRefunded": accepted.refunded,
        "remainingCredits": accepted.balance,
        "skippedLeadIds": accepted.facts.get("skipped_lead_ids", []),
        **sendkit_metadata(asked.metadata),
    }
