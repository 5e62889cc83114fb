"""`python -m tests.faults.chaos`: strikes a whole installation under load, by seed.

Prints a line for each strike and a table at the end; exits 1 if anything is broken, after the
command that repeats it.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
from pathlib import Path

import orjson
import structlog
from rich.console import Console
from rich.table import Table

from tests.faults.chaos.callers import OPEN_MAX
from tests.faults.chaos.run import ChaosReport, run_chaos
from tests.faults.fleet import LEASE_S


def main() -> None:
    """Parse the command line, run, and exit by what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--lease-s", type=float, default=LEASE_S, help="of every process")
    parser.add_argument("--open-max", type=int, default=OPEN_MAX, help="lookups at a time")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON line")
    parser.add_argument("--keep", type=Path, help="a new folder for data and logs, kept afterwards")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    tell = (lambda _: None) if options.json else _tell
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        report = asyncio.run(
            run_chaos(
                folder,
                options.seed,
                options.minutes,
                tell,
                lease_s=options.lease_s,
                open_max=options.open_max,
            )
        )
    if options.json:
        sys.stdout.write(orjson.dumps(report.as_json()).decode() + "\n")
    else:
        _print(report)
    if not report.holds:
        sys.stderr.write(f"repeat with: {report.command}\n")
        sys.exit(1)


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _print(report: ChaosReport) -> None:
    console = Console()
    strikes = Table("strike", "times", title=f"seed {report.seed}, {report.minutes:g} minutes")
    for name, times in sorted(report.strikes.items()):
        strikes.add_row(name, str(times))
    console.print(strikes)
    console.print(", ".join(f"{name} {number}" for name, number in report.figures.items()))
    table = Table("what must hold", "among", "holds", "breaches")
    for each in report.verdicts:
        table.add_row(each.says, str(each.among), "no" if each.breaches else "yes", each.shown)
    settled = "never" if report.calm_s is None else f"after {report.calm_s} s"
    table.add_row("everything settled", "", "no" if report.calm_s is None else "yes", settled)
    made = report.strikes.total()
    table.add_row("strikes made", f"{made} of {report.planned}", "", "")
    console.print(table)
    for line in report.not_made:
        console.print(f"not made, as its target was away: {line}")
    for line in report.failed_strikes:
        console.print(f"a strike failed: {line}")


if __name__ == "__main__":
    main()
