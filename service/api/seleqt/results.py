"""`GET …/lead-lists/{id}/enrichment/{job_id}/results/`: what became of a job, row by row."""

from aiohttp import web

from service.api.answers import json_answer
from service.api.caller import context_of
from service.api.query import read_cursor, read_integer, require_known, write_cursor
from service.api.seleqt.access import authenticate, list_id_of
from service.api.validation import together
from service.domain.face_answers import seleqt_job, seleqt_result, seleqt_webhook
from service.domain.kinds import Face
from service.errors import NotFound
from service.store.endpoints import read_hidden_ids
from service.store.jobs import read_job, read_results
from service.store.ledger import read_balance


async def list_results(request: web.Request) -> web.Response:
    """Answer with the job and a page of its rows; `next_cursor` is null on the last page."""
    caller = await authenticate(request)
    context = context_of(request)
    list_id = list_id_of(request)
    bound = context.settings.limits.page_size_max
    after, asked, _ = together(
        lambda: read_cursor(request),
        lambda: read_integer(request, "page_size", bound),
        lambda: require_known(request, {"cursor", "page_size"}),
    )
    page_size = min(asked, bound)
    async with context.pool.acquire() as connection:
        job = await read_job(
            connection, caller.workspace_id, Face.SELEQT, request.match_info["job_id"]
        )
        if job is None or job.list_id != list_id:
            raise NotFound(
                "Enrichment job not found; "
                "use the job_id of the answer that started it, within the days that "
                "jobs are kept"
            )
        rows = await read_results(connection, job.id, after=after, limit=page_size + 1)
        balance = await read_balance(connection, caller.workspace_id)
        url = job.webhook_url
        webhook_ids = await read_hidden_ids(connection, caller.workspace_id, [url] if url else ())
    page = rows[:page_size]
    more = len(rows) > page_size
    return json_answer(
        {
            **seleqt_job(job, balance),
            **seleqt_webhook(webhook_ids.get(url or "")),
            "pending_count": job.open_count,
            "results": [seleqt_result(row) for row in page],
            "page_size": page_size,
            "next_cursor": write_cursor(page[-1].lookup_id) if more else None,
        }
    )
