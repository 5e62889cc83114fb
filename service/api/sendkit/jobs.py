"""`/v1/enrichment/jobs`: the list, one job, its results, and its cancellation."""

from collections.abc import Sequence
from typing import Any, Final

from aiohttp import web

from service.api.answers import json_answer
from service.api.caller import context_of
from service.api.query import (
    read_choice,
    read_cursor,
    read_id_cursor,
    read_integer,
    require_known,
    write_cursor,
    write_id_cursor,
)
from service.api.sendkit.access import authenticate
from service.api.validation import invalid, together
from service.domain.face_answers import (
    sendkit_cancelled,
    sendkit_job,
    sendkit_result,
    sendkit_webhook,
)
from service.domain.job import Job
from service.domain.kinds import JOB_TYPES, Face
from service.domain.outcome import OutcomeName
from service.errors import NotFound
from service.flows.cancel_job import cancel_job
from service.flows.find_leads import SEARCH_TIMEOUT_MS, TOTAL_MAX, refusing_long_searches
from service.store.connection import Connection
from service.store.endpoints import read_hidden_ids
from service.store.jobs import count_erased, count_jobs, list_jobs, read_job, read_results
from service.store.people import bound_search

LIMIT: Final = 25
STATUSES: Final = ("pending", "processing", "completed", "failed", "cancelled")
TYPES: Final = tuple(each.shown_as for each in JOB_TYPES if each.face is Face.SENDKIT)
OUTCOMES: Final = tuple(each for each in OutcomeName if each is not OutcomeName.INTERRUPTED)


async def list_all_jobs(request: web.Request) -> web.Response:
    """Answer with a page of the workspace's jobs, newest first."""
    caller = await authenticate(request)
    (before, limit), status, job_type, _ = together(
        lambda: together(lambda: read_id_cursor(request), lambda: read_limit(request)),
        lambda: read_choice(request, "status", STATUSES),
        lambda: read_choice(request, "type", TYPES),
        lambda: require_known(request, {"cursor", "limit", "status", "type"}),
    )
    with refusing_long_searches():
        async with (
            context_of(request).pool.acquire() as connection,
            connection.transaction(readonly=True),
        ):
            await bound_search(connection, SEARCH_TIMEOUT_MS)
            jobs = await list_jobs(
                connection,
                caller.workspace_id,
                Face.SENDKIT,
                before=before,
                status=status,
                job_type=job_type,
                limit=limit + 1,
            )
            total = await count_jobs(
                connection,
                caller.workspace_id,
                Face.SENDKIT,
                status=status,
                job_type=job_type,
                count_max=TOTAL_MAX + 1,
            )
            shown = await _shown(connection, caller.workspace_id, jobs[:limit])
    page = jobs[:limit]
    more = len(jobs) > limit
    return json_answer(
        {
            "success": True,
            "data": shown,
            "pagination": pagination(limit, total, write_id_cursor(page[-1].id) if more else None),
        }
    )


async def show_job(request: web.Request) -> web.Response:
    """Answer with the job's state and counts."""
    caller = await authenticate(request)
    require_known(request, ())
    async with context_of(request).pool.acquire() as connection:
        job = await require_job(connection, caller.workspace_id, request)
        [shown] = await _shown(connection, caller.workspace_id, [job])
    return json_answer({"success": True, "data": shown})


async def cancel_one_job(request: web.Request) -> web.Response:
    """Cancel the job; it shows so at once, and what was not paid for is refunded as it settles."""
    caller = await authenticate(request)
    require_known(request, ())
    context = context_of(request)
    job = await cancel_job(
        context.pool, caller.workspace_id, Face.SENDKIT, request.match_info["job_id"]
    )
    context.ring()
    return json_answer({"success": True, "data": sendkit_cancelled(job)})


async def list_job_results(request: web.Request) -> web.Response:
    """Answer with a page of the job's rows, all or those with one outcome."""
    caller = await authenticate(request)
    after, limit, chosen, _ = together(
        lambda: read_cursor(request),
        lambda: read_limit(request),
        lambda: read_choice(request, "outcome", OUTCOMES),
        lambda: require_known(request, {"cursor", "limit", "outcome"}),
    )
    outcome = None if chosen is None else OutcomeName(chosen)
    async with context_of(request).pool.acquire() as connection:
        job = await require_job(connection, caller.workspace_id, request)
        rows = await read_results(connection, job.id, after=after, limit=limit + 1, outcome=outcome)
        erased = await count_erased(connection, job.id, outcome)
    page = rows[:limit]
    more = len(rows) > limit
    total = job.lookup_count if outcome is None else job.count_of(outcome)
    return json_answer(
        {
            "success": True,
            "data": [sendkit_result(row) for row in page],
            "pagination": {
                "limit": limit,
                "total": total - erased,
                "hasMore": more,
                "nextCursor": write_cursor(page[-1].lookup_id) if more else None,
            },
        }
    )


async def _shown(
    connection: Connection, workspace_id: int, jobs: Sequence[Job]
) -> list[dict[str, Any]]:
    urls = {job.webhook_url for job in jobs if job.webhook_url is not None}
    webhook_ids = await read_hidden_ids(connection, workspace_id, urls)
    return [
        {**sendkit_job(job), **sendkit_webhook(webhook_ids.get(job.webhook_url or ""))}
        for job in jobs
    ]


async def require_job(connection: Connection, workspace_id: int, request: web.Request) -> Job:
    """Return the job that the path names.

    Raises:
        NotFound: the workspace has no such job, or has no more.
    """
    job = await read_job(connection, workspace_id, Face.SENDKIT, request.match_info["job_id"])
    if job is None:
        raise NotFound(
            "There is no enrichment job with this id in this workspace; "
            "GET /v1/enrichment/jobs lists them"
        )
    return job


def read_limit(request: web.Request) -> int:
    """Return how many rows a page may have.

    Raises:
        InvalidRequest: it is no number, or above the server's bound.
    """
    bound = context_of(request).settings.limits.page_size_max
    limit = read_integer(request, "limit", LIMIT, integer_max=bound)
    if limit > bound:
        raise invalid({"limit": f"limit must be at most {bound}"})
    return limit


def pagination(limit: int, counted: int, next_cursor: str | None) -> dict[str, Any]:
    """Return the page's place in the whole; a total above the bound says that it is capped."""
    return {
        "limit": limit,
        "total": min(counted, TOTAL_MAX),
        "totalIsCapped": counted > TOTAL_MAX,
        "hasMore": next_cursor is not None,
        "nextCursor": next_cursor,
    }
