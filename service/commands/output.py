"""Where results go: tables and lines for people, or JSON for programs, on standard output."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

_PIPE_WIDTH = 400


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
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    # Never cut: a secret that is shown once must be whole.
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, str(value))
    human_console().print(table)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows under headings."""
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    human_console().print(table)


def print_document(value: Mapping[str, Any]) -> None:
    """Write one object over many lines: JSON that people read too."""
    text = orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2)
    sys.stdout.write(text.decode() + "\n")
    sys.stdout.flush()
