"""Takes a CSV file from a multipart body onto the disk, piece by piece, with the fields beside it.

The file lies on the disk before any row is written, because fields may follow it in the body, and
because a file that is too long is refused as a whole. Memory holds one piece of it at a time.
"""

import asyncio
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Final, Self

import orjson
from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from service.api.body_pieces import arriving, codings_of, require_framed
from service.api.context import CONTEXT
from service.api.refusals import (
    BodyTooLarge,
    BodyTooSlow,
    MalformedBody,
    Refusal,
    UnsupportedCoding,
    UnsupportedMediaType,
)
from service.api.request_body import refuse_nul
from service.api.validation import invalid, problems_of
from service.domain.csv_rows import read_csv_rows
from service.domain.lead_change import TAG_CHARACTERS_MAX

FILE_BYTES_MAX: Final = 50 * 1024 * 1024
ROWS_MAX: Final = 50_000
LINE_CHARACTERS_MAX: Final = 1024 * 1024

_CHUNK_BYTES: Final = 256 * 1024
_FIELD_BYTES_MAX: Final = 64 * 1024
_FRAME_BYTES_MAX: Final = 1024 * 1024
_SHOWN_CHARACTERS_MAX: Final = 100
_NAMELESS: Final = "a part without a name"
_PARTS_MAX: Final = 50
_FILE: Final = "file"
_FIELDS: Final = frozenset({"mapping", "skipDuplicates", "dataCleanup", "tag"})
_SWITCH: Final = {"true": True, "false": False}


class MultipartExpected(UnsupportedMediaType):
    """The body is not a form with a file by its own account."""

    def __init__(self) -> None:
        Refusal.__init__(
            self,
            "Unsupported media type",
            "Send Content-Type: multipart/form-data with the CSV in a part named file",
        )


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """What stands beside the file.

    Attributes:
        problems: what is wrong with the form, by the name of each part.
    """

    problems: Mapping[str, str] = field(default_factory=dict)
    mapping: Mapping[str, Any] = field(default_factory=dict)
    skip_duplicates: bool = True
    cleanup: bool = True
    tag: str | None = None


async def take_upload(request: web.Request, file: IO[bytes]) -> UploadOptions:
    """Write the file of a form to `file` and return the form's other fields.

    Raises:
        MultipartExpected: it is no form.
        MalformedBody: it cannot be read.
        BodyTooLarge: the file has more than `FILE_BYTES_MAX` bytes.
        BodyTooSlow: it did not arrive in time.
        CallerLeft: he hung up before its end.
    """
    if request.content_type != "multipart/form-data":
        raise MultipartExpected
    if codings_of(request):
        raise UnsupportedCoding("Send the form without Content-Encoding")
    require_framed(request)
    if (request.content_length or 0) > FILE_BYTES_MAX + _FRAME_BYTES_MAX:
        raise BodyTooLarge(FILE_BYTES_MAX)
    timeout_s = request.app[CONTEXT].settings.limits.upload_timeout_s
    try:
        async with asyncio.timeout(timeout_s):
            with arriving():
                texts, problems = await _take_parts(request, file)
    except TimeoutError:
        raise BodyTooSlow(timeout_s) from None
    except (ValueError, AssertionError, HttpProcessingError):
        # What the reader of multipart bodies raises for anything that is none.
        raise MalformedBody(
            "Request body is not valid multipart/form-data", "Let an HTTP library write the form"
        ) from None
    return _read_options(texts, problems)


async def _take_parts(
    request: web.Request, file: IO[bytes]
) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the fields that can be read, and what is wrong with the others."""
    texts: dict[str, bytes] = {}
    problems: dict[str, str] = {}
    seen: set[str] = set()
    passed = 0
    form = await request.multipart()
    while (part := await form.next()) is not None:
        if not isinstance(part, BodyPartReader):
            raise MalformedBody(
                "Request body must not nest one form in another", "Send all parts in one"
            )
        name = _shown(part.name or _NAMELESS)
        if len(seen) > _PARTS_MAX:
            raise MalformedBody(f"Request body must have at most {_PARTS_MAX} parts")
        if name in seen:
            problems[name] = f"{name} is given more than once; give it once"
        elif name == _FILE:
            await _take_file(part, file)
        elif name in _FIELDS:
            texts[name] = await _take_field(part, name, problems)
        else:
            problems[name] = (
                f"{name} is not a known field; known are {', '.join(sorted({_FILE, *_FIELDS}))}"
            )
        seen.add(name)
        # What nobody has read is passed over, so that everything wrong is known at the end.
        passed += await _pass_over(part)
        if passed > _FRAME_BYTES_MAX:
            raise BodyTooLarge(_FRAME_BYTES_MAX)
    if _FILE not in seen:
        problems[_FILE] = "file is required: the CSV in a part of its own"
    return texts, problems


def _shown(name: str) -> str:
    """Return a part's name as it can be told; one in another encoding with marks in it."""
    told = name.encode(errors="replace").decode()
    return told.replace("\0", "\\0")[:_SHOWN_CHARACTERS_MAX]


async def _take_file(part: BodyPartReader, file: IO[bytes]) -> None:
    taken = 0
    while chunk := await part.read_chunk(_CHUNK_BYTES):
        taken += len(chunk)
        if taken > FILE_BYTES_MAX:
            raise BodyTooLarge(FILE_BYTES_MAX)
        await asyncio.to_thread(file.write, chunk)


async def _take_field(part: BodyPartReader, name: str, problems: dict[str, str]) -> bytes:
    taken = bytearray()
    while chunk := await part.read_chunk():
        taken += chunk
        if len(taken) > _FIELD_BYTES_MAX:
            problems[name] = f"{name} must have at most {_FIELD_BYTES_MAX} bytes"
            return b""
    return bytes(taken)


async def _pass_over(part: BodyPartReader) -> int:
    """Read the rest of a part, up to a bound, and return how many bytes that was."""
    passed = 0
    while passed <= _FRAME_BYTES_MAX and (chunk := await part.read_chunk(_CHUNK_BYTES)):
        passed += len(chunk)
    return passed


def _read_options(texts: Mapping[str, bytes], problems: dict[str, str]) -> UploadOptions:
    mapping = _read_mapping(texts.get("mapping", b""), problems)
    skip_duplicates, cleanup = (
        _read_switch(texts.get(name, b""), name, problems)
        for name in ("skipDuplicates", "dataCleanup")
    )
    tag = texts.get("tag", b"").decode(errors="replace").strip()
    if len(tag) > TAG_CHARACTERS_MAX or "\0" in tag:
        problems["tag"] = f"tag must have at most {TAG_CHARACTERS_MAX} characters, none of them NUL"
    return UploadOptions(problems, mapping, skip_duplicates, cleanup, tag or None)


def _read_mapping(raw: bytes, problems: dict[str, str]) -> dict[str, Any]:
    if not raw.strip():
        return {}
    try:
        parsed = orjson.loads(raw)
    except orjson.JSONDecodeError:
        parsed = None
    if not isinstance(parsed, dict):
        problems["mapping"] = "mapping must be a JSON object from column to field"
        return {}
    problems.update(problems_of(lambda: refuse_nul({"mapping": parsed})))
    return parsed


def _read_switch(raw: bytes, name: str, problems: dict[str, str]) -> bool:
    text = raw.decode(errors="replace").strip().lower()
    if text and text not in _SWITCH:
        problems[name] = f"{name} must be true or false"
    return _SWITCH.get(text, True)


class UploadedLines:
    """The lines of an uploaded file, for as long as the context lasts.

    Each pass over them begins at the top.
    """

    def __init__(self, file: IO[bytes]) -> None:
        # Bytes in another encoding come through as such and are reported with their row.
        self._text = io.TextIOWrapper(
            file, encoding="utf-8-sig", errors="surrogateescape", newline=""
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # The file is its owner's to close.
        self._text.detach()

    def __iter__(self) -> Iterator[str]:
        self._text.seek(0)
        line_number = 0
        while line := self._text.readline(LINE_CHARACTERS_MAX):
            line_number += 1
            if len(line) == LINE_CHARACTERS_MAX:
                raise invalid(
                    {
                        _FILE: f"Line {line_number} has more than {LINE_CHARACTERS_MAX} "
                        "characters; the file is no CSV, or its line ends are missing"
                    }
                )
            yield line


def survey(lines: UploadedLines) -> list[str]:
    """Read the whole file once and return its first row, the headings.

    Raises:
        InvalidRequest: there are more than `ROWS_MAX` rows, or there is a line beyond measure.
    """
    headings: list[str] = []
    rows = 0
    for row in read_csv_rows(lines):
        if row.line == 1:
            headings = row.cells
        elif row.problem or any(cell.strip() for cell in row.cells):
            rows += 1
        if rows > ROWS_MAX:
            raise invalid({_FILE: f"The file must have at most {ROWS_MAX} rows; send several"})
    return headings
