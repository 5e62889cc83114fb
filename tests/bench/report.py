"""What a bench found, as rows of one form: a table for people, JSON for programs.

`python -m tests.bench.report [--json] [FILE]` shows the rows that `make bench` has kept.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final, Literal, Self

import orjson

KEPT_IN: Final = Path("bench.json")

REPEATS: Final = 3
SECONDS: Final = 30.0
SHARE: Final = 1.0
"""What a whole run has: so many repeats, each so long, with all leads and rows."""

_COLUMNS: Final = ("scenario", "figure", "spread", "against", "ratio", "target", "met")


@dataclass(frozen=True, slots=True)
class Target:
    """The bound of a row's ratio, or of its figure where it is held against nothing."""

    sense: Literal["at most", "at least"]
    limit: float

    def met_by(self, value: float) -> bool:
        """Tell whether the value keeps the bound."""
        return value <= self.limit if self.sense == "at most" else value >= self.limit

    def __str__(self) -> str:
        return f"{self.sense} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Run:
    """What a row was measured with.

    Attributes:
        commit: what ran, with a mark where that held changes which no commit has.
        day: when it began, in UTC, as 2026-11-22.
        seconds: of each repeat, where a bench runs for a time.
        share: of all leads and rows.
    """

    commit: str
    day: str
    repeats: int
    seconds: float
    share: float

    @property
    def shortened(self) -> bool:
        """Whether it is a trial, whose figures are not worth keeping."""
        return self.repeats < REPEATS or self.seconds < SECONDS or self.share < SHARE

    def __str__(self) -> str:
        repeats = "1 repeat" if self.repeats == 1 else f"{self.repeats} repeats"
        share = "all" if self.share == SHARE else f"{self.share:g} of all"
        return (
            f"on {self.day}, of commit {self.commit}: {repeats}, {self.seconds:g} s where a bench"
            f" runs for a time, {share} leads and rows"
        )


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one scenario.

    Attributes:
        scenario: its name, such as `webhooks.latency_p99`; one row of each name is kept.
        said: what was measured, for people.
        figure: the median of all repeats, in `unit`.
        spread: the least and the most of all repeats.
        against: the median of what it is held against, measured in the same run.
        against_said: what that is.
        ratio: the median of figure by against, each of the same repeat.
        bound: what keeps the figure from being better, with what was measured of it.
        run: what it was measured with; None where that was not kept.
    """

    scenario: str
    said: str
    unit: str
    figure: float
    spread: tuple[float, float]
    repeats: int
    against: float | None = None
    against_said: str | None = None
    ratio: float | None = None
    target: Target | None = None
    bound: str | None = None
    run: Run | None = None

    @classmethod
    def of(
        cls,
        scenario: str,
        said: str,
        unit: str,
        figures: Sequence[float],
        *,
        against: Sequence[float] = (),
        against_said: str | None = None,
        target: Target | None = None,
        bound: str | None = None,
        run: Run | None = None,
    ) -> Self:
        """Make a row of the figures of all repeats, in the order in which they were taken."""
        pairs = zip(figures, against, strict=True) if against else ()
        ratios = [figure / other for figure, other in pairs]
        return cls(
            scenario,
            said,
            unit,
            median(figures),
            (min(figures), max(figures)),
            len(figures),
            median(against) if against else None,
            against_said,
            median(ratios) if ratios else None,
            target,
            bound,
            run,
        )

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        if self.target is None:
            return None
        return self.target.met_by(self.figure if self.ratio is None else self.ratio)

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {**asdict(self), "met": self.met}

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Self:
        """Read what `as_json` returned."""
        fields = {name: value for name, value in row.items() if name != "met"}
        target = fields["target"] and Target(**fields["target"])
        # A file of an earlier commit may hold rows that do not say it.
        run = fields.get("run") and Run(**fields["run"])
        return cls(**{**fields, "spread": tuple(fields["spread"]), "target": target, "run": run})

    def cells(self) -> tuple[str, ...]:
        """Return it as texts, in the order of the table's columns."""
        low, high = self.spread
        held = "" if self.against is None else f"{self.against:.4g} ({self.against_said})"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        met = {None: "", True: "yes", False: "NO"}[self.met]
        return (
            self.scenario,
            f"{self.figure:.4g} {self.unit}",
            f"{low:.4g} to {high:.4g}",
            held,
            ratio,
            "" if self.target is None else str(self.target),
            met,
        )


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table in Markdown."""
    lines = [_COLUMNS, *(row.cells() for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(_COLUMNS))]
    texts = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    ]
    rule = "| " + " | ".join("-" * width for width in widths) + " |"
    return "\n".join([texts[0], rule, *texts[1:]])


def read(path: Path) -> list[Row]:
    """Return the rows kept in a file; none when there is no such file."""
    if not path.exists():
        return []
    return [Row.from_json(row) for row in orjson.loads(path.read_bytes())]


def keep(rows: Sequence[Row], path: Path) -> None:
    """Write the rows into a file beside those of other scenarios that it holds already."""
    kept = {row.scenario: row for row in [*read(path), *rows]}
    listed = [kept[name].as_json() for name in sorted(kept)]
    path.write_bytes(orjson.dumps(listed, option=orjson.OPT_INDENT_2) + b"\n")


def main(arguments: Sequence[str]) -> None:
    """Print what is kept."""
    parser = argparse.ArgumentParser(description="Show what the benches found.")
    parser.add_argument("file", nargs="?", type=Path, default=KEPT_IN)
    parser.add_argument("--json", action="store_true", dest="as_json")
    asked = parser.parse_args(arguments)
    rows = read(asked.file)
    shown = orjson.dumps([row.as_json() for row in rows]).decode() if asked.as_json else table(rows)
    sys.stdout.write(shown + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
