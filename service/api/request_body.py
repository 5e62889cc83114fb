"""Reads a request's body: bounded, JSON by its media type, without what the database refuses."""

import asyncio
import codecs
from collections.abc import Callable
from typing import Any, Final, TypeVar

import orjson
from aiohttp import web

from service.api.body_pieces import pieces_of
from service.api.context import CONTEXT
from service.api.query import require_known
from service.api.refusals import BodyTooSlow, MalformedBody, UnsupportedMediaType
from service.api.validation import invalid, together

_PATH_CHARACTERS_MAX: Final = 100
_PROBLEMS_MAX: Final = 20

T = TypeVar("T")


async def read_object(request: web.Request, read: Callable[[dict[str, Any]], T]) -> T:
    """Return what `read` makes of the JSON object in the body of a request without parameters.

    Raises:
        BodyTooSlow: it did not arrive in time.
        UnsupportedMediaType: it is not said to be JSON in UTF-8.
        MalformedBody: it is not JSON, or not an object.
        InvalidRequest: names everything that is wrong, with the body and with the URL.
    """
    return read_given(request, await read_body(request), read)


def read_given(request: web.Request, raw: bytes, read: Callable[[dict[str, Any]], T]) -> T:
    """Return what `read` makes of the JSON object in a body that was read already.

    Raises:
        MalformedBody: it is not JSON, or not an object.
        InvalidRequest: names everything that is wrong, with the body and with the URL.
    """
    body, _ = together(lambda: read(parse_object(raw)), lambda: require_known(request, ()))
    return body


async def read_body(request: web.Request) -> bytes:
    """Return the body, at most as long as the application allows.

    Raises:
        BodyTooSlow: it did not arrive in time.
        UnsupportedMediaType: there is one and it is not said to be JSON in UTF-8.
        Refusal: it cannot be taken, as `pieces_of` says.
    """
    raw = await read_bytes(request)
    if raw and not _is_json(request):
        raise UnsupportedMediaType
    return raw


async def read_bytes(request: web.Request) -> bytes:
    """Return the body, whatever it is said to be but for its content coding.

    Raises:
        BodyTooSlow: it did not arrive in time.
        Refusal: it cannot be taken, as `pieces_of` says.
    """
    limits = request.app[CONTEXT].settings.limits
    try:
        async with asyncio.timeout(limits.body_timeout_s):
            pieces = [piece async for piece in pieces_of(request, limits.body_bytes_max)]
    except TimeoutError:
        raise BodyTooSlow(limits.body_timeout_s) from None
    return b"".join(pieces)


def _is_json(request: web.Request) -> bool:
    if "Content-Type" not in request.headers:
        return True
    media_type = request.content_type
    if media_type != "application/json" and not media_type.endswith("+json"):
        return False
    return (request.charset or "utf-8").lower() in {"utf-8", "utf8", "us-ascii"}


def parse_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in a body, with or without a byte order mark before it.

    An empty body reads as an empty object.

    Raises:
        MalformedBody: it is not JSON, or not an object.
        InvalidRequest: a text in it contains a NUL character.
    """
    raw = raw.removeprefix(codecs.BOM_UTF8)
    if not raw.strip():
        return {}
    try:
        parsed = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(
            "Request body is not valid JSON",
            f"See line {error.lineno}, column {error.colno} of the body",
        ) from None
    if not isinstance(parsed, dict):
        raise MalformedBody("Request body must be a JSON object")
    refuse_nul(parsed)
    return parsed


def refuse_nul(parsed: dict[str, Any]) -> None:
    """Refuse texts and names with a NUL character anywhere in an object; Postgres keeps none.

    Raises:
        InvalidRequest: names where, everywhere.
    """
    problems: dict[str, str] = {}
    to_check: list[tuple[str, Any]] = [("", parsed)]
    while to_check and len(problems) < _PROBLEMS_MAX:
        path, value = to_check.pop()
        if isinstance(value, str) and "\0" in value:
            shown = path.replace("\0", "\\0")[:_PATH_CHARACTERS_MAX]
            problems[shown] = f"{shown} contains a NUL character; take it out"
        if isinstance(value, dict):
            for name, each in value.items():
                inner = f"{path}.{name}" if path else name
                to_check.extend(((inner, name), (inner, each)))
        elif isinstance(value, list):
            to_check.extend((path, each) for each in value)
    if problems:
        raise invalid(problems)
