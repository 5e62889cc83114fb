"""The routes of the Seleqt face, each with and without its final slash."""

from collections.abc import Iterator

from aiohttp import web
from aiohttp.typedefs import Handler

from service.api.seleqt.count import count_enrichable
from service.api.seleqt.enrichment import start_enrichment
from service.api.seleqt.imports import import_into_list
from service.api.seleqt.keys import list_keys
from service.api.seleqt.leads import list_leads
from service.api.seleqt.lists import add_list, add_to_list, list_lists, show_list
from service.api.seleqt.results import list_results
from service.api.seleqt.search import search_prospects

_PUBLIC = "/api/v1/public"
_LIST = f"{_PUBLIC}/lead-lists/{{list_id}}"


def seleqt_routes() -> Iterator[web.RouteDef]:
    """Yield every route; none redirects, because clients repeat a redirected POST as a GET."""
    routes: list[tuple[str, str, Handler]] = [
        ("GET", "/api/v1/api-keys", list_keys),
        ("POST", f"{_PUBLIC}/prospects/search", search_prospects),
        ("GET", f"{_PUBLIC}/lead-lists", list_lists),
        ("POST", f"{_PUBLIC}/lead-lists", add_list),
        ("GET", _LIST, show_list),
        ("POST", f"{_LIST}/add-leads", add_to_list),
        ("POST", f"{_LIST}/import", import_into_list),
        ("POST", f"{_LIST}/enrichment", start_enrichment),
        ("GET", f"{_LIST}/enrichment/count", count_enrichable),
        ("GET", f"{_LIST}/enrichment/{{job_id}}/results", list_results),
        ("GET", f"{_LIST}/leads", list_leads),
    ]
    for method, path, handler in routes:
        for spelling in (path, f"{path}/"):
            yield web.get(spelling, handler) if method == "GET" else web.post(spelling, handler)
