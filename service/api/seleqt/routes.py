"""The routes of the Seleqt face, each with and without its final slash."""

from collections.abc import Iterator

from aiohttp import web
from aiohttp.typedefs import Handler

from service.api.seleqt.count import count_enrichable
from service.api.seleqt.enrichment import start_enrichment
from service.api.seleqt.leads import list_leads
from service.api.seleqt.results import list_results

_LIST = "/api/v1/public/lead-lists/{list_id}"


def seleqt_routes() -> Iterator[web.RouteDef]:
    """Yield every route; none redirects, because clients repeat a redirected POST as a GET."""
    routes: list[tuple[str, str, Handler]] = [
        ("POST", f"{_LIST}/enrichment", start_enrichment),
        ("GET", f"{_LIST}/enrichment/count", count_enrichable),
        ("GET", f"{_LIST}/enrichment/{{job_id}}/results", list_results),
        ("GET", f"{_LIST}/leads", list_leads),
    ]
    for method, path, handler in routes:
        for spelling in (path, f"{path}/"):
            yield web.get(spelling, handler) if method == "GET" else web.post(spelling, handler)
