"""Answers what cannot be read as HTTP, and what the library would answer: no middleware sees it."""

from typing import Any, Final

import structlog
from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from service.api.refusals import BadRequest, ExpectationFailed, InternalFault, Refusal
from service.api.request_log import REQUEST_ID_HEADER, face_name
from service.api.seleqt.errors import seleqt_error
from service.api.sendkit.errors import sendkit_error
from service.domain.identifiers import new_id

_log = structlog.get_logger()

_SERVER: Final = "leadfall"
# A request begins with its method, a blank and the path, which tells the face.
_BEGINNING_BYTES: Final = 16


class RequestReader(web.RequestHandler):
    """Reads requests of one connection, and says nothing of the library that does it."""

    __slots__ = ("_beginning", "_newest_body")

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._beginning = b""
        self._newest_body: StreamReader = EMPTY_PAYLOAD

    def data_received(self, data: bytes) -> None:
        """Read on, and end a body of which the rest turns out to be no HTTP."""
        self._beginning = self._beginning or data[:_BEGINNING_BYTES]
        super().data_received(data)
        if not self._messages:
            return
        message, body = self._messages[-1]
        if isinstance(message, RawRequestMessage):
            self._newest_body = body
        elif not self._newest_body.is_eof():
            self._break_off()

    def _break_off(self) -> None:
        """Tell whoever reads the body; the library would let him wait for the rest of it."""
        if self._current_request is None and len(self._messages) == 1:
            # It was answered without its body, of which the rest is being dropped.
            self.force_close()
            return
        # Once it is answered there is nothing to be dropped either.
        self._lingering_time = 0.0
        self._newest_body.set_exception(web.RequestPayloadError())

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; the one that the library gives before any middleware, in our shape."""
        if isinstance(resp, web.HTTPExpectationFailed):
            resp = _tell(ExpectationFailed(), new_id().hex, resp, face_name(request.path))
        return await super().finish_response(request, resp, start_time)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - the answer leaves it out
    ) -> web.StreamResponse:
        """Answer in the shape of the face that the connection began with, and end it.

        The parser's message is left out: it quotes what the caller sent, keys included.
        """
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is under way already")
        request_id = new_id().hex
        fault = status >= web.HTTPInternalServerError.status_code
        refusal = InternalFault(request_id) if fault else BadRequest()
        path = self._beginning.partition(b" ")[2].decode(errors="replace")
        answer = _tell(refusal, request_id, exc, face_name(path))
        answer.force_close()
        return answer


def _tell(
    refusal: Refusal, request_id: str, error: BaseException | None, face: str | None
) -> web.Response:
    """Return the answer, once the log has it."""
    tell = _log.error if isinstance(refusal, InternalFault) else _log.info
    name = type(error).__name__
    tell("request.unreadable", request_id=request_id, status=refusal.status, error=name)
    answer = (seleqt_error if face == "seleqt" else sendkit_error)(refusal)
    answer.headers[REQUEST_ID_HEADER] = request_id
    answer.headers["Server"] = _SERVER
    return answer
