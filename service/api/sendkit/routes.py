"""The routes of the SendKit face."""

from collections.abc import Iterator

from aiohttp import web

from service.api.sendkit.enrich import enrich_leads
from service.api.sendkit.jobs import list_job_results, show_job


def sendkit_routes() -> Iterator[web.RouteDef]:
    """Yield every route."""
    yield web.post("/v1/enrichment/enrich", enrich_leads)
    yield web.get("/v1/enrichment/jobs/{job_id}", show_job)
    yield web.get("/v1/enrichment/jobs/{job_id}/results", list_job_results)
