"""The routes of the SendKit face."""

from collections.abc import Iterator
from typing import Final

from aiohttp import web

from service.api.sendkit.account import show_account
from service.api.sendkit.credits import list_ledger, show_credits, show_usage
from service.api.sendkit.enrich import enrich_leads
from service.api.sendkit.erasure import erase_leads
from service.api.sendkit.jobs import cancel_one_job, list_all_jobs, list_job_results, show_job
from service.api.sendkit.lead_import import take_bulk, take_csv
from service.api.sendkit.leads import (
    delete_leads,
    list_leads,
    patch_lead,
    post_lead,
    search_leads,
    show_lead,
)
from service.api.sendkit.settings import (
    change_settings,
    list_settings,
    remove_key,
    set_key,
    show_setting,
)
from service.api.sendkit.trace import show_trace
from service.api.sendkit.webhook_routes import webhook_routes
from service.api.sendkit.workspaces import list_workspaces, post_workspace_key

# None of the names beside it, or what they do not allow would read as a lead that is not there.
_LEAD: Final = "/v1/leads/{lead_id:(?!(?:bulk|search|erase)$)[^/]+}"


def sendkit_routes() -> Iterator[web.RouteDef]:
    """Yield every route."""
    yield web.post("/v1/enrichment/enrich", enrich_leads)
    yield web.get("/v1/enrichment/jobs", list_all_jobs)
    yield web.get("/v1/enrichment/jobs/{job_id}", show_job)
    yield web.post("/v1/enrichment/jobs/{job_id}/cancel", cancel_one_job)
    yield web.get("/v1/enrichment/jobs/{job_id}/results", list_job_results)
    yield web.get("/v1/enrichment/jobs/{job_id}/leads/{lead_id}", show_trace)
    yield web.get("/v1/enrichment-settings", list_settings)
    yield web.patch("/v1/enrichment-settings", change_settings)
    yield web.get("/v1/enrichment-settings/{provider}", show_setting)
    yield web.post("/v1/enrichment-settings/{provider}", set_key)
    yield web.put("/v1/enrichment-settings/{provider}", set_key)
    yield web.delete("/v1/enrichment-settings/{provider}", remove_key)
    yield from _lead_routes()
    yield web.post("/v1/leads/erase", erase_leads)
    yield web.get("/v1/credits", show_credits)
    yield web.get("/v1/credits/ledger", list_ledger)
    yield web.get("/v1/credits/usage", show_usage)
    yield web.get("/v1/account", show_account)
    yield web.get("/v1/workspaces", list_workspaces)
    yield web.post("/v1/workspaces/{workspace_id}/api-key", post_workspace_key)


def _lead_routes() -> Iterator[web.RouteDef]:
    yield web.get("/v1/leads", list_leads)
    yield web.post("/v1/leads", post_lead)
    yield web.delete("/v1/leads", delete_leads)
    yield web.post("/v1/leads/search", search_leads)
    yield web.post("/v1/leads/bulk", take_bulk)
    yield web.post("/v1/leads/import/csv", take_csv)
    yield web.get(_LEAD, show_lead)
    yield web.patch(_LEAD, patch_lead)
    yield from webhook_routes()
