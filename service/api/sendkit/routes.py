"""The routes of the SendKit face."""

from collections.abc import Iterator

from aiohttp import web

from service.api.sendkit.enrich import enrich_leads
from service.api.sendkit.jobs import list_job_results, show_job
from service.api.sendkit.settings import (
    change_settings,
    list_settings,
    remove_key,
    set_key,
    show_setting,
)
from service.api.sendkit.trace import show_trace


def sendkit_routes() -> Iterator[web.RouteDef]:
    """Yield every route."""
    yield web.post("/v1/enrichment/enrich", enrich_leads)
    yield web.get("/v1/enrichment/jobs/{job_id}", show_job)
    yield web.get("/v1/enrichment/jobs/{job_id}/results", list_job_results)
    yield web.get("/v1/enrichment/jobs/{job_id}/leads/{lead_id}", show_trace)
    yield web.get("/v1/enrichment-settings", list_settings)
    yield web.patch("/v1/enrichment-settings", change_settings)
    yield web.get("/v1/enrichment-settings/{provider}", show_setting)
    yield web.post("/v1/enrichment-settings/{provider}", set_key)
    yield web.put("/v1/enrichment-settings/{provider}", set_key)
    yield web.delete("/v1/enrichment-settings/{provider}", remove_key)
