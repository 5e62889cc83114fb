"""Gathers what the benches find, shows it at the end of the run and keeps it in a file.

`BENCH_REPEATS` (3), `BENCH_SECONDS` (30) and `BENCH_SHARE` (1: of all leads and rows) make a run
shorter, on a machine that others use too; only a run with none of them is worth keeping.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.bench.machine import commit
from tests.bench.report import KEPT_IN, REPEATS, SECONDS, SHARE, Row, Run, keep, table

_rows = pytest.StashKey[list[Row]]()


@dataclass(frozen=True, slots=True)
class Scale:
    """How long a bench runs: so many repeats, each so many seconds, with a share of its rows."""

    repeats: int
    seconds: float
    share: float

    def count(self, full: int, least: int = 100) -> int:
        """Return how many of `full` leads or rows to take, never less than `least`."""
        return max(round(full * self.share), min(least, full))


def pytest_configure(config: pytest.Config) -> None:
    """Begin without rows."""
    config.stash[_rows] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the rows of this run."""
    rows = terminalreporter.config.stash[_rows]
    if rows:
        terminalreporter.write_sep("=", "what was measured")
        terminalreporter.write_line(table(rows))


@pytest.fixture(scope="session")
def scale() -> Scale:
    """How long to run."""
    return Scale(
        int(os.environ.get("BENCH_REPEATS", REPEATS)),
        float(os.environ.get("BENCH_SECONDS", SECONDS)),
        float(os.environ.get("BENCH_SHARE", SHARE)),
    )


@pytest.fixture(scope="session")
def run(scale: Scale) -> Run:
    """What all rows of this run are measured with."""
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    return Run(commit(), day, scale.repeats, scale.seconds, scale.share)


@pytest.fixture
def report(request: pytest.FixtureRequest, run: Run) -> Iterator[Callable[[Row], Row]]:
    """Take a row into the report and give it back, to be held against its target."""
    rows: list[Row] = []

    def add(row: Row) -> Row:
        rows.append(replace(row, run=run))
        return row

    yield add
    request.config.stash[_rows].extend(rows)
    keep(rows, Path(os.environ.get("BENCH_FILE", KEPT_IN)))
