"""Reads query parameters and opaque cursors."""

import base64
import binascii
import struct
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from aiohttp import web

from service.api.validation import invalid
from service.domain.sentences import joined

PAGE_MAX: Final = 1_000
"""Pages that can be asked for by number."""

_INTEGER_DIGITS_MAX: Final = 9
_INTEGER_MAX: Final = 10**_INTEGER_DIGITS_MAX - 1
_NAME_CHARACTERS_MAX: Final = 100
_CURSOR_BYTES: Final = 8
# No id comes near, and a number above or below it still is one that the database can hold.
_ROW_MAX: Final = 10**18 - 1
_PLACE: Final = struct.Struct(">qq")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MICROSECONDS_MAX: Final = 2**57
_YEAR_MIN: Final = 2000
_YEAR_MAX: Final = 9000


def require_known(request: web.Request, known: Collection[str]) -> None:
    """Refuse parameters that nobody reads, and ones given twice.

    Raises:
        InvalidRequest: names them.
    """
    problems: dict[str, str] = {}
    for name in request.query:
        shown = name.replace("\0", "\\0")[:_NAME_CHARACTERS_MAX]
        if name not in known:
            problems[shown] = (
                f"{shown} is not a known parameter; known are {joined(sorted(known))}"
                if known
                else f"{shown} is not a known parameter; there are none here"
            )
        elif len(request.query.getall(name)) > 1:
            problems[shown] = f"{shown} is given more than once"
    if problems:
        raise invalid(problems)


def read_page(request: web.Request) -> int:
    """Return which page is asked for, from 1, counted from the cursor where there is one.

    Raises:
        InvalidRequest: it is something else, or so far on that only a cursor goes there.
    """
    number = read_integer(request, "page", 1, integer_max=PAGE_MAX)
    problems = page_problems(number)
    if problems:
        raise invalid(problems)
    return number


def page_problems(number: int) -> dict[str, str]:
    """Return what is wrong with a page's number: each page passes by all that come before."""
    if number <= PAGE_MAX:
        return {}
    return {"page": f"page must be at most {PAGE_MAX}; go on with the cursor of the last answer"}


def read_integer(
    request: web.Request, name: str, default: int, *, integer_max: int = _INTEGER_MAX
) -> int:
    """Return a parameter as an integer of at least 1 and of few enough digits.

    Args:
        integer_max: the bound that its error names; whoever sets a lower one holds to it itself.

    Raises:
        InvalidRequest: it is something else.
    """
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= _INTEGER_DIGITS_MAX and int(text)):
        raise invalid({name: f"{name} must be an integer of at least 1 and at most {integer_max}"})
    return int(text)


def write_cursor(after: int) -> str:
    """Return the cursor that continues after a row."""
    return base64.urlsafe_b64encode(after.to_bytes(_CURSOR_BYTES, "big")).decode().rstrip("=")


def read_cursor(request: web.Request, name: str = "cursor") -> int:
    """Return the row after which to continue; 0 without a cursor.

    Raises:
        InvalidRequest: it is not one of ours.
    """
    text = request.query.get(name)
    return 0 if text is None else parse_cursor(text, name)


def parse_cursor(text: str, name: str = "cursor") -> int:
    """Return the row after which a cursor continues.

    Raises:
        InvalidRequest: it is not one of ours.
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    after = int.from_bytes(raw[:_CURSOR_BYTES], "big", signed=True)
    if not 0 <= after <= _ROW_MAX or text != write_cursor(after):
        raise invalid({name: f"{name} is not valid; use the one of the answer before, unchanged"})
    return after


def write_id_cursor(after: UUID) -> str:
    """Return the cursor that continues after a row with such an id."""
    return base64.urlsafe_b64encode(after.bytes).decode().rstrip("=")


def read_id_cursor(request: web.Request, name: str = "cursor") -> UUID | None:
    """Return the id of the row after which to continue; None without a cursor.

    Raises:
        InvalidRequest: it is not one of ours.
    """
    text = request.query.get(name)
    if text is None:
        return None
    try:
        after = UUID(bytes=base64.b64decode(f"{text}==", altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        after = UUID(int=0)
    if text != write_id_cursor(after):
        raise invalid({name: f"{name} is not valid; use the one of the answer before, unchanged"})
    return after


def write_place_cursor(moment: datetime, row_id: int) -> str:
    """Return the cursor that continues after a row of a list in the order of time."""
    raw = _PLACE.pack((moment - _EPOCH) // _MICROSECOND, row_id)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def parse_place_cursor(text: str, name: str = "cursor") -> tuple[datetime, int]:
    """Return the time and the id of the row after which a cursor continues.

    Raises:
        InvalidRequest: it is not one of ours.
    """
    try:
        raw = base64.b64decode(f"{text}==", altchars=b"-_", validate=True)
        microseconds, row_id = _PLACE.unpack(raw)
    except (binascii.Error, ValueError, struct.error):
        microseconds = row_id = -1
    if row_id < 0 or not 0 <= microseconds < _MICROSECONDS_MAX:
        raise invalid({name: f"{name} is not valid; use the one of the answer before, unchanged"})
    return _EPOCH + microseconds * _MICROSECOND, row_id


def read_choice(request: web.Request, name: str, choices: Collection[str]) -> str | None:
    """Return a parameter that is one of a few words, or None without it.

    Raises:
        InvalidRequest: it is none of them.
    """
    text = request.query.get(name)
    if text is not None and text not in choices:
        raise invalid({name: f"{name} must be {joined(list(choices), 'or')}"})
    return text


def read_moment(request: web.Request, name: str) -> datetime | None:
    """Return a parameter as a moment, or None without it.

    Raises:
        InvalidRequest: it is not ISO 8601 with an offset, or before the year 2000.
    """
    text = request.query.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not _YEAR_MIN <= moment.year <= _YEAR_MAX:
        raise invalid({name: f"{name} must be a time such as 2025-07-01T09:00:00Z"})
    return moment
