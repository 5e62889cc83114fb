"""Serves `/docs` and `/openapi.json`: files of this package, and nothing from anywhere else."""

import asyncio
import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from aiohttp import hdrs, web

SCALAR: Final = "scalar-1.72.1.js"

_PAGE: Final = "page.html"
_START: Final = "start.js"
_OPENAPI: Final = "openapi.json"
_FOLDER_OF: Final = MappingProxyType({_OPENAPI: "service.api.openapi"})
_MEDIA_TYPES: Final = MappingProxyType(
    {"html": "text/html", "js": "text/javascript", "json": "application/json"}
)

# The reference writes its styles into the page; scripts, data and pictures are from here alone.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    "img-src 'self' data:; font-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_SAFE: Final = MappingProxyType(
    {
        "Content-Security-Policy": _POLICY,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
)
# A file whose name has its version in it is never another file.
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_ASK_EACH_TIME: Final = "no-cache"


@dataclass(frozen=True, slots=True)
class _File:
    """A file as it is sent, plain and compressed; `etag` names its content."""

    plain: bytes
    compressed: bytes
    etag: str
    media_type: str


@cache
def _read(name: str) -> _File:
    plain = files(_FOLDER_OF.get(name, "service.api.docs")).joinpath(name).read_bytes()
    return _File(
        plain,
        gzip.compress(plain, mtime=0),
        hashlib.sha256(plain).hexdigest()[:32],
        _MEDIA_TYPES[name.rpartition(".")[2]],
    )


async def _answer(request: web.Request, name: str) -> web.Response:
    # In a thread: the first request compresses some megabytes.
    file = await asyncio.to_thread(_read, name)
    answer = web.Response(headers=_SAFE)
    answer.etag = file.etag
    answer.headers[hdrs.CACHE_CONTROL] = _FOR_EVER if name == SCALAR else _ASK_EACH_TIME
    answer.headers[hdrs.VARY] = hdrs.ACCEPT_ENCODING
    if any(each.value == file.etag for each in request.if_none_match or ()):
        answer.set_status(304)
        return answer
    answer.content_type, answer.charset = file.media_type, "utf-8"
    if "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
        answer.headers[hdrs.CONTENT_ENCODING] = "gzip"
        answer.body = file.compressed
    else:
        answer.body = file.plain
    return answer


async def show_page(request: web.Request) -> web.Response:
    """Answer with the page that shows the document."""
    return await _answer(request, _PAGE)


async def show_start(request: web.Request) -> web.Response:
    """Answer with the few lines that start the reference."""
    return await _answer(request, _START)


async def show_reference(request: web.Request) -> web.Response:
    """Answer with the reference's user interface."""
    return await _answer(request, SCALAR)


async def show_document(request: web.Request) -> web.Response:
    """Answer with the OpenAPI document."""
    return await _answer(request, _OPENAPI)


def documentation_routes() -> list[web.RouteDef]:
    """Return the routes for people who read about the API."""
    return [
        web.get("/docs", show_page),
        web.get("/docs/", show_page),
        web.get(f"/docs/{_START}", show_start),
        web.get(f"/docs/{SCALAR}", show_reference),
        web.get(f"/{_OPENAPI}", show_document),
    ]
