"""Imports leads from CSV: a bad row is reported with its line, the others go in, in batches."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from service.domain.email_address import read_email_address
from service.domain.phone_number import parse_phone
from service.errors import InvalidRequest
from service.store.connection import Pool
from service.store.leads import IMPORT_COLUMNS, NewLead, insert_leads

BATCH_ROWS: Final = 1_000
ERRORS_MAX: Final = 1_000
FIELD_CHARACTERS_MAX: Final = 500
URL_CHARACTERS_MAX: Final = 2_048
CUSTOM_FIELDS_MAX: Final = 50

_ALIASES: Final = {
    "company": "company_name",
    "domain": "company_domain",
    "website": "company_domain",
    "title": "job_title",
    "current_title": "job_title",
    "linkedin": "linkedin_url",
    "linkedin_profile_url": "linkedin_url",
    "email_address": "email",
    "phone_number": "phone",
    "prospect_location": "location",
    "firstname": "first_name",
    "lastname": "last_name",
    "companyname": "company_name",
    "jobtitle": "job_title",
    "linkedinurl": "linkedin_url",
}
_REGION_LETTERS: Final = 2


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was not imported.

    Attributes:
        line: where the row begins in the file, from 1.
        reason: a sentence without anything of the row's content.
    """

    line: int
    reason: str


@dataclass(slots=True)
class ImportReport:
    """What became of a file; `errors` holds the first `ERRORS_MAX` of the bad rows."""

    imported: int = 0
    bad: int = 0
    errors: list[BadRow] = field(default_factory=list)

    def add_bad(self, row: BadRow) -> None:
        """Count a bad row and keep it if there is room."""
        self.bad += 1
        if len(self.errors) < ERRORS_MAX:
            self.errors.append(row)


async def import_leads(
    pool: Pool,
    workspace_id: int,
    list_id: int,
    lines: Iterable[str],
    *,
    on_progress: Callable[[int], None] = lambda _: None,
) -> ImportReport:
    """Import a CSV file with a header line into a list.

    Columns without a place of their own become custom fields. Each batch is one transaction:
    what a failure leaves behind are whole batches, and repeating the file finds their addresses.

    Args:
        lines: text lines; open files with `errors="surrogateescape"`, so that a row in another
            encoding is reported instead of ending the import.
        on_progress: told the number of the line reached, after every batch.

    Raises:
        InvalidRequest: there is no header line that names a column.
    """
    report = ImportReport()
    rows = _read_rows(lines)
    while batch := list(islice(rows, BATCH_ROWS)):
        leads: list[tuple[int, NewLead]] = []
        for line, row in batch:
            if isinstance(row, NewLead):
                leads.append((line, row))
            else:
                report.add_bad(BadRow(line, row))
        if leads:
            async with pool.acquire() as connection:
                places = await insert_leads(
                    connection, workspace_id, list_id, [lead for _, lead in leads]
                )
            report.imported += len(places)
            for place, (line, _) in enumerate(leads):
                if place not in places:
                    report.add_bad(BadRow(line, "a lead with this email is there already"))
        on_progress(batch[-1][0])
    report.errors.sort(key=lambda row: row.line)
    return report


def _read_rows(lines: Iterable[str]) -> Iterator[tuple[int, NewLead | str]]:
    """Yield each row's line with the lead in it, or with the reason why there is none."""
    reader = csv.reader(lines)
    columns = _read_header(next(reader, []))
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield line, "the row is not CSV, or a field in it is far too long"
            continue
        if any(cell.strip() for cell in cells):
            yield line, _read_row(columns, cells)


def _read_header(cells: list[str]) -> list[str]:
    names = [
        "_".join(cell.removeprefix("\ufeff").strip().lower().replace("-", " ").split())
        for cell in cells
    ]
    columns = [_ALIASES.get(name, name) for name in names]
    known = [name for name in columns if name in IMPORT_COLUMNS]
    if not known:
        raise InvalidRequest(
            f"The first line must name the columns; known are {', '.join(IMPORT_COLUMNS)}"
        )
    if len(set(known)) < len(known):
        raise InvalidRequest("The first line names a column twice; keep one of them")
    if len(columns) - len(known) > CUSTOM_FIELDS_MAX:
        raise InvalidRequest(f"At most {CUSTOM_FIELDS_MAX} columns can be custom fields")
    if any(problem for name in columns if (problem := _text_problem("the header", name))):
        raise InvalidRequest("The first line holds text that cannot be stored")
    return columns


def _read_row(columns: list[str], cells: list[str]) -> NewLead | str:
    if len(cells) > len(columns):
        return "the row has more fields than the header"
    values = {
        name: text
        for name, cell in zip(columns, cells, strict=False)
        if name and (text := cell.strip())
    }
    for name, text in values.items():
        problem = _text_problem(name, text)
        if problem:
            return problem
    if not values.keys() & {"first_name", "last_name", "email"}:
        return "the row has neither a name nor an email"
    return _read_lead(values)


def _read_lead(values: dict[str, str]) -> NewLead | str:
    if "email" in values:
        address = read_email_address(values["email"])
        if address is None:
            return "email is not an e-mail address"
        values["email"] = address.text.lower()
    return NewLead(
        values={name: text for name, text in values.items() if name in IMPORT_COLUMNS},
        phone_e164=_read_phone(values),
        custom_fields={name: text for name, text in values.items() if name not in IMPORT_COLUMNS},
    )


def _read_phone(values: Mapping[str, str]) -> str | None:
    if "phone" not in values:
        return None
    country = values.get("country", "")
    return parse_phone(values["phone"], country if len(country) == _REGION_LETTERS else None)


def _text_problem(name: str, text: str) -> str | None:
    shown = name if name in IMPORT_COLUMNS else "a custom field"
    limit = URL_CHARACTERS_MAX if name == "linkedin_url" else FIELD_CHARACTERS_MAX
    if len(text) > limit:
        return f"{shown} has more than {limit} characters"
    if "\0" in text:
        return f"{shown} contains a NUL character"
    try:
        text.encode()
    except UnicodeEncodeError:
        return f"{shown} is not UTF-8"
    return None
