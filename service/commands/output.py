"""Where results go: tables and lines for people, or JSON for programs, on standard output."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

_PIPE_WIDTH = 400
_PIPE_COLUMN_MAX = 40


def print_json(value: Mapping[str, Any]) -> None:
    """Write one object as one line and flush it, so that a reader of a pipe has it at once."""
    sys.stdout.write(orjson.dumps(value, default=str).decode() + "\n")
    sys.stdout.flush()


def human_console() -> Console:
    """Return the console for people: plain where it is no terminal, without colour on NO_COLOR."""
    # A pipe has no width; a line cut at 80 would be worth nothing to whatever reads it.
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return Console(highlight=False, soft_wrap=True, width=width)


def error_console() -> Console:
    """Return the console of standard error, for progress and complaints."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_lines(*lines: str) -> None:
    """Write lines for people, exactly as they are."""
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def print_facts(facts: Mapping[str, Any]) -> None:
    """Write names and values in two columns."""
    if not sys.stdout.isatty():
        print_lines(*_plain_rows([(name, str(value)) for name, value in facts.items()]))
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    # Never cut: a secret that is shown once must be whole.
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, str(value))
    human_console().print(table)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows under headings."""
    texts = [tuple("" if cell is None else str(cell) for cell in row) for row in rows]
    if not sys.stdout.isatty():
        print_lines(*_plain_rows([tuple(columns), *texts]))
        return
    table = Table(*columns, box=None, pad_edge=False)
    for row in texts:
        table.add_row(*row)
    human_console().print(table)


def _plain_rows(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows for a pipe: columns aligned up to a bound, nothing cut, no blanks at the end.

    One long value does not push every other row apart.
    """
    cells = [[cell.split("\n") for cell in row] for row in rows]
    widths = [
        min(max((len(line) for cell in column for line in cell), default=0), _PIPE_COLUMN_MAX)
        for column in zip_longest(*cells, fillvalue=[""])
    ]
    return [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=False)).rstrip()
        for row in cells
        for line in zip_longest(*row, fillvalue="")
    ]


def print_document(value: Mapping[str, Any]) -> None:
    """Write one object over many lines: JSON that people read too."""
    text = orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2)
    sys.stdout.write(text.decode() + "\n")
    sys.stdout.flush()
