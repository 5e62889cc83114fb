"""`POST /v1/leads/bulk` and `POST /v1/leads/import/csv`: many leads at once, bad ones told."""

import asyncio
from tempfile import TemporaryFile
from typing import IO, Annotated, Any, Final

from aiohttp import web
from pydantic import Field

from service.api.answers import json_answer
from service.api.caller import context_of
from service.api.query import require_known
from service.api.request_body import read_object
from service.api.sendkit.access import authenticate
from service.api.sendkit.csv_columns import read_columns
from service.api.sendkit.lead_bodies import Tag
from service.api.sendkit.lead_rows import read_bulk_rows, read_file_rows
from service.api.sendkit.lead_upload import UploadedLines, UploadOptions, survey, take_upload
from service.api.upload_places import UPLOAD_PLACES
from service.api.validation import Body, invalid, problems_of, validate
from service.errors import InvalidRequest
from service.flows.import_batch import ImportCount
from service.flows.import_bulk import import_bulk
from service.flows.import_csv import import_csv
from service.flows.suppress_people import SuppressionList
from service.store.keys import KeyOwner

LEADS_PER_BULK_MAX: Final = 5_000


class BulkBody(Body):
    """The body of a bulk request; its rows are read one by one, so that good ones go in."""

    leads: Annotated[list[Any], Field(min_length=1, max_length=LEADS_PER_BULK_MAX)]
    skip_duplicates: Annotated[bool, Field(alias="skipDuplicates")] = True
    data_cleanup: Annotated[bool, Field(alias="dataCleanup")] = True
    tag: Tag | None = None


async def take_bulk(request: web.Request) -> web.Response:
    """Write the leads of the body and answer with what became of them."""
    caller = await authenticate(request)
    body = await read_object(request, lambda raw: validate(BulkBody, raw))
    # In a thread: thousands of rows would keep every other request waiting.
    rows = await asyncio.to_thread(read_bulk_rows, body.leads, body.tag, cleanup=body.data_cleanup)
    context = context_of(request)
    count = await import_bulk(
        context.pool,
        caller,
        rows,
        SuppressionList(context.box),
        skip_duplicates=body.skip_duplicates,
    )
    return json_answer({"success": True, "data": _answer(count, "index")})


async def take_csv(request: web.Request) -> web.Response:
    """Write the leads of the file and answer with what became of them."""
    caller = await authenticate(request)
    with request.app[UPLOAD_PLACES].take(caller.workspace_id), TemporaryFile() as file:
        count = await _import(request, caller, file)
    return json_answer({"success": True, "data": _answer(count, "line")})


async def _import(request: web.Request, caller: KeyOwner, file: IO[bytes]) -> ImportCount:
    options = await take_upload(request, file)
    context = context_of(request)
    with UploadedLines(file) as lines:
        columns = await asyncio.to_thread(_check, request, options, lines)
        rows = read_file_rows(lines, columns, options.tag, cleanup=options.cleanup)
        return await import_csv(
            context.pool,
            caller,
            rows,
            SuppressionList(context.box),
            skip_duplicates=options.skip_duplicates,
        )


def _check(request: web.Request, options: UploadOptions, lines: UploadedLines) -> list[str | None]:
    """Return what each column of the file is.

    Raises:
        InvalidRequest: names everything that is wrong with the URL, the form and the file.
    """
    problems = {**options.problems, **problems_of(lambda: require_known(request, ()))}
    columns: list[str | None] = []
    # What is wrong with these would be told again by what follows from it.
    if {name.partition(".")[0] for name in problems}.isdisjoint({"file", "mapping"}):
        try:
            columns = read_columns(survey(lines), options.mapping)
        except InvalidRequest as error:
            problems |= error.fields
    if problems:
        raise invalid(problems)
    return columns


def _answer(count: ImportCount, place_name: str) -> dict[str, Any]:
    return {
        "imported": len(count.imported_ids),
        "updated": count.updated,
        "skipped": count.skipped,
        "failed": count.failed,
        "importedLeadIds": count.imported_ids,
        "errors": [
            {place_name: error.place, "email": error.email, "error": error.problem}
            for error in count.errors
        ],
        "errorsTruncated": count.failed > len(count.errors),
    }
