"""Imports leads from CSV: a bad row is reported with its line, the others go in, in batches."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from service.domain.csv_rows import CsvRow, read_csv_rows
from service.domain.email_address import read_email_address
from service.domain.lead_filter import EQUALS, VALUE_CHARACTERS_MAX
from service.domain.lead_input import LeadInput
from service.domain.phone_number import parse_phone
from service.errors import InvalidRequest
from service.flows.suppress_people import SuppressionList
from service.store.connection import Connection, Pool
from service.store.leads import IMPORT_COLUMNS, NewLead, insert_leads

BATCH_ROWS: Final = 1_000
ERRORS_MAX: Final = 1_000
FIELD_CHARACTERS_MAX: Final = 500
URL_CHARACTERS_MAX: Final = 2_048
CUSTOM_FIELDS_MAX: Final = 50
# What filters compare as a whole stands in indexes as a whole.
_LIMITS: Final = {"linkedin_url": URL_CHARACTERS_MAX, **dict.fromkeys(EQUALS, VALUE_CHARACTERS_MAX)}

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
_SUPPRESSED: Final = "this person must not be kept or looked up"

MakeList = Callable[[Connection], Awaitable[int]]
"""Makes the list that an import goes into and returns its id, in the caller's transaction."""


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
    """What became of a file; `errors` holds the first `ERRORS_MAX` of the bad rows.

    Attributes:
        list_id: the list; None when it was to be made and no row was good.
    """

    list_id: int | None = None
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
    into: int | MakeList,
    lines: Iterable[str],
    *,
    suppressions: SuppressionList | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> ImportReport:
    """Import a CSV file with a header line into a list.

    Columns without a place of their own become custom fields. Each batch is one transaction:
    what a failure leaves behind are whole batches, and repeating the file finds their addresses.

    Args:
        into: the list's id, or what makes the list once the first row goes in.
        lines: text lines; open files with `errors="surrogateescape"`, so that a row in another
            encoding is reported instead of ending the import.
        suppressions: tells whose rows are reported instead; None will do while nobody is on it.
        on_progress: told the number of the line reached, after every batch.

    Raises:
        InvalidRequest: there is no header line that names a column.
    """
    return await import_rows(
        pool,
        workspace_id,
        into,
        _read_rows(lines),
        suppressions=suppressions,
        on_progress=on_progress,
    )


async def import_rows(
    pool: Pool,
    workspace_id: int,
    into: int | MakeList,
    rows: Iterator[tuple[int, NewLead | str]],
    *,
    suppressions: SuppressionList | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> ImportReport:
    """Import rows that are read one by one: each one's line with the lead, or why there is none.

    They are read in a thread, so that other work goes on meanwhile.
    """
    writing = _Writing(pool, workspace_id, into, suppressions or SuppressionList(None))
    report = ImportReport()
    while batch := await asyncio.to_thread(lambda: list(islice(rows, BATCH_ROWS))):
        leads: list[tuple[int, NewLead]] = []
        for line, row in batch:
            if isinstance(row, NewLead):
                leads.append((line, row))
            else:
                report.add_bad(BadRow(line, row))
        suppressed = await writing.find_suppressed([lead for _, lead in leads])
        for place in sorted(suppressed):
            report.add_bad(BadRow(leads[place][0], _SUPPRESSED))
        leads = [each for place, each in enumerate(leads) if place not in suppressed]
        places = await writing.insert([lead for _, lead in leads]) if leads else set()
        report.imported += len(places)
        for place, (line, _) in enumerate(leads):
            if place not in places:
                report.add_bad(BadRow(line, "a lead with this email is there already"))
        on_progress(batch[-1][0])
    report.list_id = writing.list_id
    report.errors.sort(key=lambda row: row.line)
    return report


class _NothingWentIn(Exception):  # noqa: N818 - it takes back a list that would stay empty
    """Every lead of the first batch was there already."""


class _Writing:
    """Writes batches into a list that is made together with the first lead in it."""

    def __init__(
        self, pool: Pool, workspace_id: int, into: int | MakeList, suppressions: SuppressionList
    ) -> None:
        self.list_id = into if isinstance(into, int) else None
        self._pool = pool
        self._workspace_id = workspace_id
        self._into = into
        self._suppressions = suppressions

    async def find_suppressed(self, leads: Sequence[NewLead]) -> set[int]:
        """Return the places of leads that must not be kept."""
        people = [(self._workspace_id, LeadInput.from_row(lead.values)) for lead in leads]
        async with self._pool.acquire() as connection:
            return await self._suppressions.find(connection, people)

    async def insert(self, leads: Sequence[NewLead]) -> set[int]:
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                list_id = (
                    self._into if isinstance(self._into, int) else await self._into(connection)
                )
                places = await insert_leads(connection, self._workspace_id, list_id, leads)
                if not places and self.list_id is None:
                    raise _NothingWentIn  # noqa: TRY301 - only an exception undoes a transaction
        except _NothingWentIn:
            return set()
        self._into = self.list_id = list_id
        return places


def _read_rows(lines: Iterable[str]) -> Iterator[tuple[int, NewLead | str]]:
    """Yield each row's line with the lead in it, or with the reason why there is none."""
    rows = read_csv_rows(lines)
    header = next(rows, CsvRow(1))
    if header.problem:
        raise InvalidRequest("The first line must name the columns, and is not CSV")
    columns = _read_header(header.cells)
    for row in rows:
        if row.problem:
            yield row.line, row.problem
        elif any(cell.strip() for cell in row.cells):
            yield row.line, read_row(columns, row.cells)


def column_of(heading: str) -> str:
    """Return the column that a heading means; one that is not known names a custom field."""
    name = "_".join(heading.strip().lower().replace("-", " ").split())
    return _ALIASES.get(name, name)


def _read_header(cells: list[str]) -> list[str]:
    columns = [column_of(cell) for cell in cells]
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


def read_row(columns: Sequence[str], cells: Sequence[str]) -> NewLead | str:
    """Return the lead in a row, or the reason why there is none."""
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
    limit = _LIMITS.get(name, FIELD_CHARACTERS_MAX)
    if len(text) > limit:
        return f"{shown} has more than {limit} characters"
    if "\0" in text:
        return f"{shown} contains a NUL character"
    try:
        text.encode()
    except UnicodeEncodeError:
        return f"{shown} is not UTF-8"
    return None
