"""Assembles the OpenAPI document from the route table and what is published of each route."""

import re
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any, Final

import orjson
from pydantic import BaseModel

from service.api.callbacks import callback_routes
from service.api.openapi import health
from service.api.openapi.error_models import (
    FlatError,
    SeleqtCreditsShort,
    SeleqtError,
    SendKitError,
)
from service.api.openapi.operation import Operations
from service.api.openapi.operations import OPERATIONS
from service.api.openapi.paths import describe
from service.api.openapi.prose import INFO, SECURITY, TAGS
from service.api.openapi.responses import HEADERS, Parts
from service.api.openapi.schemas import definitions
from service.api.openapi.webhooks import describe_events, event_definitions
from service.api.seleqt.routes import seleqt_routes
from service.api.sendkit.routes import sendkit_routes

_ERRORS: Final = (SeleqtError, SeleqtCreditsShort, SendKitError, FlatError)

_PATTERN: Final = re.compile(r"\{(\w+):[^{}]+\}")


class UndescribedRouteError(LookupError):
    """A route is served and not published, or published and not served."""


def document_bytes() -> bytes:
    """Return the document of this code as it is committed and served."""
    routes = [*seleqt_routes(), *sendkit_routes(), *callback_routes()]
    served = {(each.method, each.path) for each in routes} | health.OPERATIONS.keys()
    document = build_document(served, OPERATIONS)
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def build_document(served: Iterable[tuple[str, str]], operations: Operations) -> dict[str, Any]:
    """Return the document.

    Args:
        served: the method and path of each route for callers; operations must describe each.

    Raises:
        UndescribedRouteError: names the routes and operations that have no counterpart.
        ValueError: an event and an answer have models of one name.
    """
    routes = {(method, _published_path(path)) for method, path in served}
    if routes != operations.keys():
        raise UndescribedRouteError(sorted(routes ^ operations.keys()))
    schemas, defined = definitions(_models(operations))
    told = event_definitions()
    if clash := defined.keys() & told.keys():
        raise ValueError(f"two models of one name: {sorted(clash)}")
    defined |= told
    parts = Parts(schemas, defined)
    paths: dict[str, dict[str, Any]] = {}
    for (method, path), operation in operations.items():
        paths.setdefault(path, {})[method.lower()] = describe(operation, parts)
    return {
        "openapi": "3.1.0",
        "info": {**INFO, "version": version("leadfall")},
        "servers": [{"url": "/", "description": "This server"}],
        "tags": [{"name": name, "description": said} for name, said in TAGS.items()],
        "paths": paths,
        "webhooks": describe_events(defined),
        "components": {
            "schemas": dict(sorted(defined.items())),
            "responses": dict(sorted(parts.responses.items())),
            "headers": HEADERS,
            "securitySchemes": SECURITY,
        },
    }


def _published_path(path: str) -> str:
    """Return the one spelling that is published of a path, with the names of its parameters alone.

    Seleqt's pages end their paths with a slash; both spellings are served there.
    """
    plain = _PATTERN.sub(r"{\1}", path)
    return f"{plain.rstrip('/')}/" if plain.startswith("/api/") else plain


def _models(operations: Operations) -> list[type[BaseModel]]:
    found: list[type[BaseModel]] = [*_ERRORS]
    for operation in operations.values():
        found.append(operation.answer)
        if operation.failing is not None:
            found.append(operation.failing)
        if operation.body is not None:
            found += [each for each in operation.body.schemas.values() if isinstance(each, type)]
    return found
