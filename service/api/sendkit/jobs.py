"""`GET /v1/enrichment/jobs/{jobId}` and its `/results`."""

from typing import Final

from aiohttp import web

from service.api.answers import json_answer
from service.api.caller import context_of
from service.api.query import read_cursor, read_integer, require_known, write_cursor
from service.api.sendkit.access import authenticate
from service.api.validation import invalid
from service.domain.face_answers import sendkit_job, sendkit_result
from service.domain.job import Job
from service.domain.kinds import Face
from service.errors import NotFound
from service.store.connection import Connection
from service.store.jobs import read_job, read_results

LIMIT: Final = 25


async def show_job(request: web.Request) -> web.Response:
    """Answer with the job's state and counts."""
    caller = await authenticate(request)
    require_known(request, ())
    async with context_of(request).pool.acquire() as connection:
        job = await require_job(connection, caller.workspace_id, request)
    return json_answer({"success": True, "data": sendkit_job(job)})


async def list_job_results(request: web.Request) -> web.Response:
    """Answer with a page of the job's rows."""
    caller = await authenticate(request)
    context = context_of(request)
    require_known(request, {"cursor", "limit"})
    after = read_cursor(request)
    limit = read_integer(request, "limit", LIMIT)
    bound = context.settings.limits.page_size_max
    if limit > bound:
        raise invalid({"limit": f"limit must be at most {bound}"})
    async with context.pool.acquire() as connection:
        job = await require_job(connection, caller.workspace_id, request)
        rows = await read_results(connection, job.id, after=after, limit=limit + 1)
    page = rows[:limit]
    more = len(rows) > limit
    return json_answer(
        {
            "success": True,
            "data": [sendkit_result(row) for row in page],
            "pagination": {
                "limit": limit,
                "total": job.lookup_count,
                "hasMore": more,
                "nextCursor": write_cursor(page[-1].lookup_id) if more else None,
            },
        }
    )


async def require_job(connection: Connection, workspace_id: int, request: web.Request) -> Job:
    """Return the job that the path names.

    Raises:
        NotFound: the workspace has no such job.
    """
    job = await read_job(connection, workspace_id, Face.SENDKIT, request.match_info["job_id"])
    if job is None:
        raise NotFound("There is no enrichment job with this id in this workspace")
    return job
