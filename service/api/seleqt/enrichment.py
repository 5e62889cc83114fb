"""`POST …/lead-lists/{id}/enrichment/`: starts an enrichment, and in sync mode waits for it."""

from contextlib import nullcontext
from typing import Any

from aiohttp import web

from service.api.answers import json_answer
from service.api.availability import require_usable
from service.api.caller import context_of
from service.api.context import ApiContext
from service.api.idempotency import read_idempotency
from service.api.lanes import SYNC_LANE
from service.api.query import require_known
from service.api.refusals import CallerLeft
from service.api.request_body import parse_object, read_body
from service.api.seleqt.access import authenticate, list_id_of
from service.api.seleqt.bodies import EnrichmentBody, read_enrichment
from service.api.validation import together
from service.domain.face_answers import seleqt_metadata, seleqt_result
from service.domain.kinds import Face
from service.domain.lead_filter import LeadFilter
from service.flows.accept_jobs import (
    Accepted,
    AcceptedJob,
    JobOrder,
    Order,
    Select,
    Selection,
    accept_jobs,
)
from service.flows.select_leads import select_from_list
from service.store.acceptance import Idempotency
from service.store.connection import Connection
from service.store.jobs import read_jobs, read_results_of_jobs
from service.store.lead_selection import Wanted
from service.store.ledger import read_balance

_DONE = frozenset({"completed", "failed"})


async def start_enrichment(request: web.Request) -> web.Response:
    """Accept the request and answer in the shape of its mode."""
    caller = await authenticate(request)
    context = context_of(request)
    list_id = list_id_of(request)
    raw = await read_body(request)
    given = parse_object(raw)
    (body, lead_filter), idempotency, _ = together(
        lambda: read_enrichment(given, context.settings, context.egress),
        lambda: read_idempotency(request, f"seleqt enrichment {list_id}", raw),
        lambda: require_known(request, ()),
    )
    select = _selection(context, caller.workspace_id, list_id, body, lead_filter)
    order = _order(context, caller.workspace_id, list_id, body, idempotency)
    sync = body.mode == "sync"
    with context.finished.reserve() if sync else nullcontext():
        async with request.app[SYNC_LANE] if sync else nullcontext():
            accepted = await accept_jobs(context.commits, order, select, context.publication)
        if accepted.lookup_count and not accepted.replayed:
            context.ring()
        if not sync:
            return json_answer(_async_answer(body, accepted))
        return json_answer(await _wait_for_answer(request, caller.workspace_id, body, accepted))


def _selection(
    context: ApiContext,
    workspace_id: int,
    list_id: int,
    body: EnrichmentBody,
    lead_filter: LeadFilter,
) -> Select:
    wanted = Wanted(
        workspace_id,
        list_id,
        lead_filter=lead_filter,
        sorting=body.sorting,
        lacking=body.job_type.kind.target,
    )
    from_list = select_from_list(wanted, limit=body.prospect_limit)

    async def select(connection: Connection) -> Selection:
        selection = await from_list(connection)
        # Here, and not before: a repeated request is answered even if the set-up changed.
        require_usable(context, body.job_type)
        return selection

    return select


def _order(
    context: ApiContext,
    workspace_id: int,
    list_id: int,
    body: EnrichmentBody,
    idempotency: Idempotency | None,
) -> Order:
    job_type = body.job_type
    return Order(
        workspace_id=workspace_id,
        face=Face.SELEQT,
        mode=body.mode,
        jobs=(
            JobOrder(
                job_type,
                context.settings.prices.seleqt[job_type.requested_as],
                context.waterfalls[job_type.kind].version,
            ),
        ),
        skip_filled=True,
        list_id=list_id,
        webhook_url=body.webhook_url,
        metadata=body.metadata,
        lead_events=body.lead_events,
        idempotency=idempotency,
    )


def _async_answer(body: EnrichmentBody, accepted: Accepted) -> dict[str, Any]:
    message = "Enrichment started in background."
    if body.webhook_url is not None:
        message += f" Results will be sent to {body.webhook_url}"
    return {
        "success": True,
        "mode": "async",
        "enrichment_type": body.enrichment_type,
        "enriched_count": accepted.lookup_count,
        "credits_deducted": accepted.charged,
        "credits_refunded": accepted.refunded,
        "remaining_credits": accepted.balance,
        "webhook_url": body.webhook_url,
        "message": message,
        "job_id": accepted.jobs[0].public_id,
        **seleqt_metadata(body.metadata),
    }


async def _wait_for_answer(
    request: web.Request, workspace_id: int, body: EnrichmentBody, accepted: Accepted
) -> dict[str, Any]:
    context = context_of(request)
    job = accepted.jobs[0]
    if job.lookup_count and job.status not in _DONE:
        await context.finished.wait(
            job.id,
            context.settings.limits.sync_deadline_s,
            has_left=lambda: request.transport is None,
        )
        if request.transport is None:
            # The job goes on all the same; its rows can be read under its id.
            raise CallerLeft
    async with request.app[SYNC_LANE], context.pool.acquire() as connection:
        return await _sync_answer(connection, workspace_id, body, job)


async def _sync_answer(
    connection: Connection, workspace_id: int, body: EnrichmentBody, accepted: AcceptedJob
) -> dict[str, Any]:
    # One snapshot, so that counts, rows and credits belong together.
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        job = (await read_jobs(connection, [accepted.id]))[0]
        results = (await read_results_of_jobs(connection, [job.id]))[job.id]
        balance = await read_balance(connection, workspace_id)
    return {
        "success": True,
        "mode": "sync",
        "enrichment_type": body.enrichment_type,
        "total_count": job.lookup_count,
        "success_count": job.found_count,
        "pending_count": job.open_count,
        "credits_deducted": job.charged,
        "credits_refunded": job.refunded,
        "remaining_credits": balance,
        "job_id": job.public_id,
        **seleqt_metadata(job.metadata),
        "results": [seleqt_result(result) for result in results],
    }
