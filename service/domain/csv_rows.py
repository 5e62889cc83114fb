"""Splits CSV into rows so that one stray quotation mark costs one row, not all that follow it."""

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

ROW_LINES_MAX: Final = 50
"""More lines than this are no row: a quotation mark was left open."""

NOT_CLOSED: Final = "a quotation mark in the row is not closed, or stands inside a field undoubled"
NOT_CSV: Final = "the row is not CSV, or a field in it is far too long"

_QUOTED: Final = re.compile(r'"[^"]*"?')


@dataclass(frozen=True, slots=True)
class CsvRow:
    """A row, or the reason why there is none.

    Attributes:
        line: where it begins in the file, from 1.
    """

    line: int
    cells: list[str] = field(default_factory=list, repr=False)
    problem: str | None = None


def read_csv_rows(lines: Iterable[str]) -> Iterator[CsvRow]:
    """Yield the rows, the first one as the header that the others are measured by.

    A header without a comma, but for quoted ones, may part its fields by tabs or semicolons, as
    spreadsheets do in countries that write numbers with a comma; then the other rows do so too.

    A row may span lines inside quotation marks. One that does not end within `ROW_LINES_MAX`
    lines, or that spans lines and then has not as many fields as the header, is taken for the
    work of a stray quotation mark: its first line alone is bad, and reading resumes at the next.
    """
    source = _Lines(iter(lines))
    field_count: int | None = None
    delimiter = ""
    while (ahead := source.ahead()) is not None:
        delimiter = delimiter or _delimiter_of(ahead)
        cells, problem = _read_one(source, delimiter)
        spans_lines = source.taken > 1
        if spans_lines and problem is None and field_count not in {None, len(cells)}:
            problem = NOT_CLOSED
        line = source.line
        source.advance(1 if problem else source.taken)
        field_count = len(cells) if field_count is None else field_count
        yield CsvRow(line, problem=problem) if problem else CsvRow(line, cells)


def _delimiter_of(header: str) -> str:
    bare = _QUOTED.sub("", header)
    return next((each for each in (",", "\t", ";") if each in bare), ",")


def _read_one(source: "_Lines", delimiter: str) -> tuple[list[str], str | None]:
    try:
        return next(csv.reader(source, delimiter=delimiter, strict=True), []), None
    except csv.Error:
        return [], NOT_CLOSED if source.exhausted or source.taken > 1 else NOT_CSV


class _Lines(Iterator[str]):
    """Hands the lines of one row to a reader and remembers them, so that it can be tried again."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.line = 1
        self.taken = 0
        self.exhausted = False
        self._lines = lines
        self._seen: deque[str] = deque()

    def ahead(self) -> str | None:
        """Return the line to begin a row with, or None at the end."""
        self.taken, self.exhausted = 0, False
        return self._seen[0] if self._look(0) else None

    def advance(self, count: int) -> None:
        """Leave lines behind: the next row begins after them."""
        for _ in range(count):
            self._seen.popleft()
        self.line += count

    def __next__(self) -> str:
        if self.taken >= ROW_LINES_MAX or not self._look(self.taken):
            self.exhausted = True
            raise StopIteration
        self.taken += 1
        return self._seen[self.taken - 1]

    def _look(self, place: int) -> bool:
        while len(self._seen) <= place:
            line = next(self._lines, None)
            if line is None:
                return False
            self._seen.append(line.removeprefix("\ufeff") if self.line == 1 else line)
        return True
