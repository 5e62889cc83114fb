"""Turns every error into an answer in the shape of the face that was asked."""

import traceback
from pathlib import Path
from typing import Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from service.api.context import CONTEXT
from service.api.refusals import (
    BadRequest,
    BodyTooLarge,
    InternalFault,
    MethodNotAllowed,
    Refusal,
    Unavailable,
    UnknownRoute,
)
from service.api.request_log import REQUEST_ID, face_name, route_of
from service.api.seleqt.errors import seleqt_error
from service.api.sendkit.errors import sendkit_error
from service.errors import KeyChecksLimited, LeadfallError
from service.store.transient import TRANSIENT

_log = structlog.get_logger()

_RETRY_AFTER_S: Final = "2"
_FRAMES_SHOWN: Final = 8


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer with what went wrong; nothing of what is inside reaches a caller."""
    try:
        return await handler(request)
    except LeadfallError as error:
        return _answer(request, error)
    except web.HTTPException as error:
        return _answer(request, _refusal_of(request, error))
    except TRANSIENT as error:
        _log.warning("request.unfinished", route=route_of(request), error=type(error).__name__)
        return _answer(request, Unavailable())
    except Exception as error:  # noqa: BLE001 - the edge of a request
        # Texts of exceptions may quote a caller's data, so only names and places are kept.
        _log.error(
            "request.failed",
            route=route_of(request),
            error=type(error).__name__,
            sqlstate=getattr(error, "sqlstate", None),
            frames=_frames(error),
        )
        return _answer(request, InternalFault(request[REQUEST_ID]))


def _answer(request: web.Request, error: LeadfallError) -> web.Response:
    render = seleqt_error if face_name(request.path) == "seleqt" else sendkit_error
    answer = render(error)
    if isinstance(error, MethodNotAllowed):
        answer.headers["Allow"] = error.allowed
    if isinstance(error, KeyChecksLimited):
        answer.headers["Retry-After"] = str(error.retry_after_s)
    if answer.status == web.HTTPServiceUnavailable.status_code:
        answer.headers["Retry-After"] = _RETRY_AFTER_S
    return answer


def _refusal_of(request: web.Request, error: web.HTTPException) -> Refusal:
    match error:
        case web.HTTPNotFound():
            return UnknownRoute()
        case web.HTTPMethodNotAllowed():
            return MethodNotAllowed(", ".join(sorted(error.allowed_methods)))
        case web.HTTPRequestEntityTooLarge():
            return BodyTooLarge(request.app[CONTEXT].settings.limits.body_bytes_max)
        case _ if error.status < web.HTTPInternalServerError.status_code:
            return BadRequest()
        case _:
            return InternalFault(request[REQUEST_ID])


def _frames(error: Exception) -> list[str]:
    return [
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)[-_FRAMES_SHOWN:]
    ]
