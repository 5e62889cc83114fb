"""Writes docs/BENCHMARKS.md from what `make bench` has kept.

`python -m tests.bench.page [FILE]`; a scenario that gave no figure stands there as not measured.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.bench.machine import machine
from tests.bench.report import KEPT_IN, Row, Run, read

PAGE: Final = Path("docs/BENCHMARKS.md")

SECTIONS: Final[Mapping[str, Sequence[str]]] = {
    "Accepting": (
        "accept.one_lead",
        "accept.hundred_leads",
        "accept.one_workspace",
        "accept.one_workspace_crowd",
    ),
    "Ten thousand sync callers at once": (
        "sync.served",
        "sync.served_longest",
        "sync.refused_longest",
        "sync.refused_median",
        "sync.callers_late",
        "sync.api_memory",
    ),
    "Enriching": (
        "enrich.one_step",
        "enrich.one_step_sketch",
        "enrich.one_step_statements",
        "enrich.one_step_decisions",
        "enrich.slow_provider",
        "enrich.slow_provider_sketch",
        "enrich.slow_provider_statements",
        "enrich.slow_provider_decisions",
        "enrich.slow_provider_bare",
        "enrich.million_leads",
        "enrich.million_leads_memory",
        "enrich.full_tables",
    ),
    "Enriching, with what else could have been used": (
        "peers.arq",
        "peers.arq_sketch",
        "peers.arq_statements",
        "peers.arq_decisions",
        "peers.saq",
        "peers.procrastinate",
        "peers.dramatiq",
        "peers.celery",
        "peers.best_other",
        "peers.best_other_sketch",
        "peers.best_other_statements",
        "peers.best_other_decisions",
    ),
    "Delivering": (
        "webhooks.deliveries_per_second",
        "webhooks.deliveries_per_second_sketch",
        "webhooks.deliveries_per_second_statements",
        "webhooks.processor_us_per_delivery",
        "webhooks.deliveries_per_second_over_a_million",
        "webhooks.memory",
        "webhooks.latency_p50",
        "webhooks.latency_p99",
        "webhooks.hanging_p99",
        "webhooks.busy_latency_p50",
        "webhooks.busy_latency_p99",
        "webhooks.busy_hanging_p99",
    ),
    "Idle, and the first minute": (
        "idle.all",
        "idle.api",
        "idle.worker",
        "idle.dispatcher",
        "idle.postgres",
        "idle.valkey",
        "idle.queries",
        "demo.first_webhook",
    ),
}
_COLUMNS: Final = ("scenario", "ours", "against", "ratio", "target", "met, or what bounds it")

_INTRODUCTION: Final = (
    "# Benchmarks\n\n"
    "Written by `make bench`; nothing here is typed in by hand.\n"
    "Every scenario is a test in [`tests/bench`](../tests/bench): it warms up, repeats, and holds "
    "Leadfall against the bare limit, or against what else could have been used, in the same run "
    "on the same machine.\n"
    "A ratio is the median of the ratios of the repeats; figures are medians, with the least and "
    "the most of all repeats behind them.\n"
    "What comes once in a run has no spread: the crowd of sync callers and the memory of a "
    "process. A million leads are one job, whose ten parts are its repeats; what a lead takes of "
    "the processor, where it stands beside a ratio, is of one more run.\n"
    "Absolute figures say as much about the machine as about Leadfall: look at the ratios, and "
    "run it on yours.\n"
    "The load, the vendors' sandbox, the receivers and the servers share the machine with what is "
    "measured.\n"
    "Why a lead cannot cost much less is in "
    "[decision 11](decisions/0011-what-bounds-a-lead.md).\n\n"
)


def page(rows: Sequence[Row], facts: Mapping[str, str]) -> str:
    """Return the page: every scenario there is, whether it was measured or not."""
    by_name = {row.scenario: row for row in rows}
    parts = [_INTRODUCTION, *_runs(rows), "With:\n\n"]
    parts += [f"- {name}: {text}\n" for name, text in facts.items()]
    listed = {name for names in SECTIONS.values() for name in names}
    more = {"More": unlisted} if (unlisted := sorted(by_name.keys() - listed)) else {}
    for title, names in {**SECTIONS, **more}.items():
        parts += [f"\n## {title}\n\n", _line(_COLUMNS), _line(["---"] * len(_COLUMNS))]
        parts += [
            _line(_cells(by_name[name]) if name in by_name else _unmeasured(name)) for name in names
        ]
    return "".join(parts)


def _runs(rows: Sequence[Row]) -> Iterator[str]:
    """Say of which commit and run the rows are, and which of which where that is not one."""
    by_run: dict[Run | None, list[str]] = {}
    for row in rows:
        by_run.setdefault(row.run, []).append(f"`{row.scenario}`")
    if len({run and run.commit for run in by_run}) > 1:
        yield "**Rows are of more than one commit.**\n\n"
    if any(run and run.shortened for run in by_run):
        yield "**Rows are of a shortened run.**\n\n"
    for run, names in by_run.items():
        said = run or "at a commit that was not kept"
        which = "" if len(by_run) == 1 else f": {', '.join(names)}"
        yield f"Measured {said}{which}.\n\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |\n"


def _cells(row: Row) -> list[str]:
    low, high = row.spread
    spread = f" ({_number(low)} to {_number(high)})" if row.repeats > 1 else ""
    against = "" if row.against is None else f"{_number(row.against)}, {row.against_said}"
    met = {None: "", True: "yes", False: "**no**"}[row.met]
    return [
        f"`{row.scenario}`: {row.said}",
        f"{_number(row.figure)} {row.unit}{spread}",
        against,
        "" if row.ratio is None else f"{row.ratio:.2f}",
        "" if row.target is None else str(row.target),
        ". ".join(part for part in (met, row.bound or "") if part),
    ]


def _unmeasured(name: str) -> list[str]:
    return [f"`{name}`", "", "", "", "", "**not measured** in this run"]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def main(arguments: Sequence[str]) -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=KEPT_IN)
    parser.add_argument("--page", type=Path, default=PAGE)
    asked = parser.parse_args(arguments)
    text = page(read(asked.file), machine())
    asked.page.write_text(text, encoding="utf-8")
    sys.stdout.write(f"wrote {asked.page}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
