"""The outermost middleware: a request id, one log line and one measurement for every request."""

import re
import time
from typing import Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import Histogram

from service.api.caller import CALLER
from service.domain.identifiers import new_id

_log = structlog.get_logger()

REQUEST_ID_HEADER: Final = "X-Request-Id"
REQUEST_ID: Final = web.RequestKey("request_id", str)

_SAFE_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_UNMATCHED: Final = "unmatched"

_durations = Histogram(
    "leadfall_http_request_duration_seconds",
    "Time from the request's head to its answer.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)


@web.middleware
async def log_request(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id, its own or a new one, and tell once how it ended."""
    given = request.headers.get(REQUEST_ID_HEADER, "")
    request_id = given if _SAFE_ID.fullmatch(given) else new_id().hex
    request[REQUEST_ID] = request_id
    started_s = time.monotonic()
    status = 499
    with structlog.contextvars.bound_contextvars(request_id=request_id, workspace=None):
        try:
            answer = await handler(request)
            status = answer.status
            answer.headers[REQUEST_ID_HEADER] = request_id
            # In place of the library's name and version.
            answer.headers["Server"] = "leadfall"
            return answer
        finally:
            _tell(request, status, time.monotonic() - started_s)


def _tell(request: web.Request, status: int, duration_s: float) -> None:
    route = route_of(request)
    method = request.method if request.method in _METHODS else "other"
    _durations.labels(method, route, str(status)).observe(duration_s)
    caller = request.get(CALLER)
    _log.info(
        "request.finished",
        method=method,
        route=route,
        status=status,
        request_id=request[REQUEST_ID],
        duration_ms=round(duration_s * 1_000, 1),
        workspace=caller.workspace_public_id if caller else None,
        face=face_name(request.path),
    )


# Anything else a client makes up must not become a label.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def route_of(request: web.Request) -> str:
    """Return the route's template: never the path itself, which may hold anything."""
    resource = request.match_info.route.resource
    return _UNMATCHED if resource is None else resource.canonical


def face_name(path: str) -> str | None:
    """Return the face a path belongs to, None for health and the like."""
    if path.startswith("/api/"):
        return "seleqt"
    return "sendkit" if path.startswith("/v1/") else None
