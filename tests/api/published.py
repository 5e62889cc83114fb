"""Holds every answer of a running API against the published document."""

import functools
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import jsonschema_rs
import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

CALLER_LEFT = 499
# What answers where no operation is: unknown paths, wrong methods, and faults of ours.
_OF_NO_OPERATION = {"NOT_FOUND", "METHOD_NOT_ALLOWED", "INTERNAL_ERROR", "BAD_REQUEST"}


@functools.cache
def read_document() -> dict[str, Any]:
    """Return the document as it is committed; read once, never to be changed."""
    document: dict[str, Any] = orjson.loads(
        files("service.api.openapi").joinpath("openapi.json").read_bytes()
    )
    return document


class Published:
    """The answers that the document knows.

    Attributes:
        breaches: what was answered otherwise.
        seen: operation, status and code of every answer.
    """

    def __init__(self) -> None:
        self.breaches: list[str] = []
        self.seen: set[tuple[str, int, str | None]] = set()
        self._document = read_document()

    @web.middleware
    async def watch(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Note an answer that is not as published, and pass it on."""
        answer = await handler(request)
        operation = self._operation(request)
        if operation is not None and isinstance(answer, web.Response):
            self._hold(operation, answer)
        return answer

    def _operation(self, request: web.Request) -> Mapping[str, Any] | None:
        resource = request.match_info.route.resource
        path = "" if resource is None else resource.canonical
        if path.startswith("/api/"):
            path = f"{path.rstrip('/')}/"
        found: Mapping[str, Any] | None = (
            self._document["paths"].get(path, {}).get(request.method.lower())
        )
        return found

    def _hold(self, operation: Mapping[str, Any], answer: web.Response) -> None:
        code = answer.headers.get("X-Error-Code")
        # What a caller who left would have been answered is for the log alone.
        if answer.status != CALLER_LEFT and code not in _OF_NO_OPERATION - self._codes(operation):
            self.hold(operation, answer.status, code, answer.body)

    def hold(self, operation: Mapping[str, Any], status: int, code: str | None, body: Any) -> None:
        """Note an answer, and what of it is not as published."""
        name = operation["operationId"]
        self.seen.add((name, status, code))
        if str(status) not in operation["responses"]:
            self.breaches.append(f"{name} answered {status} {code}")
            return
        published = self.response(operation, str(status))
        if code not in codes_of(published):
            self.breaches.append(f"{name} answered {status} with the code {code}")
        schema = published["content"]["application/json"]["schema"]
        validator = _validator(orjson.dumps(schema))
        for error in validator.iter_errors(orjson.loads(body)):
            self.breaches.append(f"{name} {status}: {error.message} ({error.instance_path})")

    def response(self, operation: Mapping[str, Any], status: str) -> Mapping[str, Any]:
        """Return what is published of a status."""
        published: Mapping[str, Any] = operation["responses"][status]
        if "$ref" in published:
            key = published["$ref"].rpartition("/")[2]
            published = self._document["components"]["responses"][key]
        return published

    def _codes(self, operation: Mapping[str, Any]) -> set[str | None]:
        return {
            code
            for status in operation["responses"]
            for code in codes_of(self.response(operation, status))
        }


@functools.cache
def _validator(schema: bytes) -> jsonschema_rs.Validator:
    components = read_document()["components"]
    return jsonschema_rs.Draft202012Validator(
        {**orjson.loads(schema), "components": components}, validate_formats=True
    )


def codes_of(published: Mapping[str, Any]) -> list[str | None]:
    """Return the codes that a published answer can have; None is a success."""
    header = published["headers"].get("X-Error-Code")
    if header is None:
        return [None]
    codes: list[str | None] = [*header["schema"]["enum"]]
    return codes if header["required"] else [*codes, None]
