"""Reads leads out of the rows of a bulk request or of a CSV file; a bad row is told, not raised."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from service.api.sendkit.lead_bodies import EMAIL_CHARACTERS_MAX, LEAD_FIELDS, read_lead
from service.domain.csv_rows import read_csv_rows
from service.errors import InvalidRequest
from service.flows.import_batch import GivenRow

# What spreadsheets and exports write where they have nothing; no word that is somebody's name.
_PLACEHOLDERS: Final = frozenset({"-", "--", "n/a", "#n/a", "#ref!", "undefined"})
_MAILTO: Final = "mailto:"


def read_bulk_rows(leads: Sequence[Any], tag: str | None, *, cleanup: bool) -> list[GivenRow]:
    """Return the rows of a bulk request, each with its place from 0."""
    return [read_row(place, raw, tag, cleanup=cleanup) for place, raw in enumerate(leads)]


def read_file_rows(
    lines: Iterable[str], fields: Sequence[str | None], tag: str | None, *, cleanup: bool
) -> Iterator[GivenRow]:
    """Yield the rows of a file, each with the line on which it begins, from 1.

    Args:
        lines: the whole file, its first line included.
        fields: what each column is; None for one that is left out.
    """
    for row in islice(read_csv_rows(lines), 1, None):
        if row.problem:
            yield GivenRow(row.line, None, None, row.problem)
        elif any(cell.strip() for cell in row.cells):
            yield _csv_row(row.line, row.cells, fields, tag, cleanup=cleanup)


def read_row(place: int, raw: Any, tag: str | None, *, cleanup: bool) -> GivenRow:
    """Return a row as a lead, or with all that is wrong with it."""
    if not isinstance(raw, dict):
        return GivenRow(place, None, None, "the row must be an object")
    given = _tidied(raw) if cleanup else raw
    email = given.get("email")
    shown = email[:EMAIL_CHARACTERS_MAX] if isinstance(email, str) else None
    try:
        return GivenRow(place, shown, read_lead(_with_custom_fields(given, tag)))
    except InvalidRequest as error:
        return GivenRow(place, shown, None, error.message)


def _csv_row(
    line: int, cells: list[str], fields: Sequence[str | None], tag: str | None, *, cleanup: bool
) -> GivenRow:
    if len(cells) > len(fields):
        return GivenRow(line, None, None, "the row has more fields than the header")
    raw: dict[str, Any] = {
        name: text
        for name, cell in zip(fields, cells, strict=False)
        if name and (text := cell.strip())
    }
    problem = next((said for text in raw.values() if (said := _unstorable(text))), None)
    if problem:
        return GivenRow(line, None, None, problem)
    if "tags" in raw:
        raw["tags"] = [each.strip() for each in raw["tags"].replace(";", ",").split(",")]
    return read_row(line, raw, tag, cleanup=cleanup)


def _unstorable(text: str) -> str | None:
    if "\0" in text:
        return "the row contains a NUL character"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "the row is not UTF-8"
    return None


def _with_custom_fields(raw: Mapping[str, Any], tag: str | None) -> dict[str, Any]:
    """Return the row with what is not known moved to the custom fields, and with the tag."""
    known = {name: value for name, value in raw.items() if name in LEAD_FIELDS}
    unknown = {name: value for name, value in raw.items() if name not in LEAD_FIELDS}
    custom = known.get("customFields") or {}
    # Anything else than these shapes is left as it is, for the validation to refuse.
    if unknown and isinstance(custom, dict):
        known["customFields"] = {**unknown, **custom}
    tags = known.get("tags") or []
    if tag and isinstance(tags, list):
        known["tags"] = [*tags, tag]
    return known


def _tidied(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row with single blanks in its texts, without placeholders for nothing."""
    tidy = {name: _tidy(value) for name, value in raw.items()}
    email = tidy.get("email")
    if isinstance(email, str) and email.lower().startswith(_MAILTO):
        tidy["email"] = email[len(_MAILTO) :]
    return {name: value for name, value in tidy.items() if value is not None}


def _tidy(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = " ".join(value.split())
    return None if text.lower() in _PLACEHOLDERS or not text else text
