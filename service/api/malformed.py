"""Answers what cannot be read as HTTP: no middleware ever sees it."""

from typing import Final

import structlog
from aiohttp import web

from service.api.refusals import BadRequest, InternalFault
from service.api.request_log import REQUEST_ID_HEADER
from service.api.sendkit.errors import sendkit_error
from service.domain.identifiers import new_id

_log = structlog.get_logger()

_SERVER: Final = "leadfall"


class RequestReader(web.RequestHandler):
    """Reads requests of one connection, and says nothing of the library that does it."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - the answer leaves it out
    ) -> web.StreamResponse:
        """Answer in the shape of paths that are of no face, and end the connection.

        The parser's message is left out: it quotes what the caller sent, keys included.
        """
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is under way already")
        request_id = new_id().hex
        fault = status >= web.HTTPInternalServerError.status_code
        tell = _log.error if fault else _log.info
        tell("request.unreadable", request_id=request_id, status=status, error=type(exc).__name__)
        answer = sendkit_error(InternalFault(request_id) if fault else BadRequest())
        answer.headers[REQUEST_ID_HEADER] = request_id
        answer.headers["Server"] = _SERVER
        answer.force_close()
        return answer
