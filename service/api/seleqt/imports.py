"""`POST …/lead-lists/{id}/import/`: puts new people into a list, from CSV or JSON.

CSV goes to the disk piece by piece before a row is written, so memory stays flat and no database
connection waits for a slow sender.
"""

import asyncio
import tempfile
from typing import IO, Any, Final

import orjson
from aiohttp import web

from service.api.answers import json_answer
from service.api.body_pieces import pieces_of
from service.api.caller import context_of
from service.api.query import require_known
from service.api.refusals import (
    BodyTooSlow,
    MalformedBody,
    Refusal,
    UnsupportedCoding,
    UnsupportedMediaType,
)
from service.api.request_body import read_body, refuse_nul
from service.api.seleqt.access import authenticate, list_id_of
from service.api.sendkit.lead_upload import FILE_BYTES_MAX, UploadedLines, survey
from service.api.upload_places import UPLOAD_PLACES
from service.api.validation import invalid, together
from service.flows.import_leads import ImportReport, import_leads
from service.flows.import_people import import_people, require_open_list
from service.flows.suppress_people import SuppressionList

PEOPLE_MAX: Final = 5_000
"""People in one JSON body; CSV has the bounds of SendKit's: `FILE_BYTES_MAX` and `ROWS_MAX`."""

_CSV: Final = "text/csv"


class CsvOrJsonExpected(UnsupportedMediaType):
    """The body is neither by its own account."""

    def __init__(self) -> None:
        Refusal.__init__(
            self,
            "Unsupported media type",
            f"Send Content-Type: {_CSV} or application/json, in UTF-8",
        )


async def import_into_list(request: web.Request) -> web.Response:
    """Import people and tell how many went in, and of each bad row its line or place and why."""
    caller = await authenticate(request)
    context = context_of(request)
    pool, suppressions = context.pool, SuppressionList(context.box)
    list_id = list_id_of(request)
    await require_open_list(pool, caller.workspace_id, list_id)
    if request.content_type == _CSV:
        require_known(request, ())
        places = request.app[UPLOAD_PLACES]
        with places.take(caller.workspace_id), tempfile.TemporaryFile() as file:
            await _take_csv(request, file)
            lines = UploadedLines(file)
            await asyncio.to_thread(survey, lines)
            report = await import_leads(
                pool, caller.workspace_id, list_id, lines, suppressions=suppressions
            )
        return json_answer(_tell(report, "line"))
    raw = await _read_json(request)
    people, _ = together(lambda: _read_people(raw), lambda: require_known(request, ()))
    report = await import_people(pool, caller.workspace_id, list_id, people, suppressions)
    return json_answer(_tell(report, "index"))


async def _take_csv(request: web.Request, file: IO[bytes]) -> None:
    if (request.charset or "utf-8").lower() not in {"utf-8", "utf8", "us-ascii"}:
        raise CsvOrJsonExpected
    timeout_s = context_of(request).settings.limits.upload_timeout_s
    try:
        async with asyncio.timeout(timeout_s):
            async for piece in pieces_of(request, FILE_BYTES_MAX):
                await asyncio.to_thread(file.write, piece)
    except TimeoutError:
        raise BodyTooSlow(timeout_s) from None


async def _read_json(request: web.Request) -> bytes:
    try:
        return await read_body(request)
    except UnsupportedCoding:
        raise
    except UnsupportedMediaType:
        raise CsvOrJsonExpected from None


def _read_people(raw: bytes) -> list[Any]:
    try:
        parsed = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(
            "Request body is not valid JSON",
            f"See line {error.lineno}, column {error.colno} of the body",
        ) from None
    if isinstance(parsed, dict) and parsed.keys() == {"prospects"}:
        parsed = parsed["prospects"]
    if not isinstance(parsed, list) or not parsed:
        raise MalformedBody(
            'Request body must be a JSON array of people, or {"prospects": [...]}, and not empty'
        )
    if len(parsed) > PEOPLE_MAX:
        sentence = f"prospects must have at most {PEOPLE_MAX} people; send several requests, or CSV"
        raise invalid({"prospects": sentence})
    refuse_nul({"prospects": parsed})
    return parsed


def _tell(report: ImportReport, place_name: str) -> dict[str, Any]:
    return {
        "success": True,
        "imported_count": report.imported,
        "failed_count": report.bad,
        "errors": [{place_name: row.line, "error": row.reason} for row in report.errors],
        "errors_are_capped": report.bad > len(report.errors),
    }
