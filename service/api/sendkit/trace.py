"""`GET /v1/enrichment/jobs/{jobId}/leads/{leadId}`: what was done for one lead, step by step."""

from typing import Any

from aiohttp import web

from service.api.answers import json_answer
from service.api.caller import context_of
from service.api.query import require_known
from service.api.sendkit.access import authenticate
from service.api.sendkit.jobs import require_job
from service.domain.face_answers import iso, sendkit_result
from service.errors import NotFound
from service.flows.credentials import OPERATOR
from service.store.calls import read_trace
from service.store.jobs import read_result_of_lead


async def show_trace(request: web.Request) -> web.Response:
    """Answer with the lead's result and every step that was taken for it."""
    caller = await authenticate(request)
    require_known(request, ())
    async with context_of(request).pool.acquire() as connection:
        job = await require_job(connection, caller.workspace_id, request)
        result = await read_result_of_lead(connection, job.id, request.match_info["lead_id"])
        if result is None:
            raise NotFound("This job has no lead with this id; its results list those it has")
        steps = await read_trace(connection, result.lookup_id)
    data = sendkit_result(result) | {
        "jobId": job.public_id,
        "waterfallVersion": job.waterfall_version,
        "reason": result.reason,
        "steps": [_step(step, job.own_provider) for step in steps],
    }
    return json_answer({"success": True, "data": data})


def _step(step: dict[str, Any], own_provider: str | None) -> dict[str, Any]:
    # Of what was answered from the cache, or passed over, no key is on record.
    own_key = step["credential"] != OPERATOR or step["provider"] == own_provider
    return {
        "step": step["step"],
        "provider": step["provider"],
        "ownKey": own_key,
        "outcome": step["outcome"],
        "reason": step["reason"],
        "requests": 0 if step["from_memory_at"] else step["ask_count"],
        "providerCredits": step["price_thousandths"] / 1_000,
        "gateWaitMs": step["gate_wait_ms"],
        "durationMs": step["duration_ms"],
        "fromCache": step["from_memory_at"] is not None,
        "cachedAt": iso(step["from_memory_at"]),
        "startedAt": iso(step["intended_at"]),
        "answeredAt": iso(step["answered_at"]),
    }
