"""`python -m tests.faults.crash`: one case again, a flow at every point, or so many seeds.

Starts servers of its own in a temporary folder. Prints a line for each case and a table at the
end; exits 1 if anything is broken, after the commands that repeat it.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import structlog
from rich.console import Console
from rich.table import Table

from service.embedded import start_postgres, start_valkey
from service.store.migrations import migrate
from tests.faults.crash.catalogue import FLOWS
from tests.faults.crash.meter import Moment
from tests.faults.crash.rehearsal import (
    Case,
    Ended,
    Rehearsal,
    Summary,
    count_suspensions,
    exhaustive,
    rehearse,
    seeded,
)
from tests.faults.crash.scene import Scene, open_scene

WAVE = 60


def main() -> None:
    """Parse the command line, run, and exit by what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.crash", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--case", type=Case.parse, help="flow/seed/point/moment, as printed")
    what.add_argument("--flow", choices=FLOWS, help="end it at every suspension")
    what.add_argument("--seeds", help="first:last, the last not included")
    parser.add_argument("--json", action="store_true", help="print the summary as one JSON line")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    summary = asyncio.run(_run(options))
    if options.json:
        sys.stdout.write(orjson.dumps(_as_json(summary)).decode() + "\n")
    else:
        Console().print(_table(summary))
    if not summary.holds:
        sys.stderr.write(summary.complaint() + "\n")
        sys.exit(1)


async def _run(options: argparse.Namespace) -> Summary:
    show = (lambda _: None) if options.json else _show
    with tempfile.TemporaryDirectory() as folder:
        async with (
            await start_postgres(Path(folder) / "postgres", durable=False) as postgres,
            await start_valkey(Path(folder) / "valkey") as valkey,
        ):
            connection = await asyncpg.connect(postgres.url)
            await migrate(connection)
            await connection.close()
            async with open_scene(postgres.url, valkey.url) as scene:
                return await _rehearse(scene, options, show)


async def _rehearse(scene: Scene, options: argparse.Namespace, show: Any) -> Summary:
    if options.case:
        # The first run of a flow in a new database has suspensions of its own.
        await count_suspensions(scene, options.case.flow, options.case.seed)
        await scene.recover()
        return await rehearse(scene, Rehearsal(f"--case {options.case}", [options.case]), show)
    if options.flow:
        return await rehearse(scene, await exhaustive(scene, options.flow, list(Moment)), show)
    first, last = (int(part) for part in options.seeds.split(":"))
    total = Summary()
    for start in range(first, last, WAVE):
        seeds = range(start, min(start + WAVE, last))
        summary = await rehearse(scene, await seeded(scene, seeds), show)
        total.join(summary)
        if not options.json:
            sys.stdout.write(f"seeds {seeds.start} to {seeds.stop - 1} recovered\n")
    return total


def _show(ended: Ended) -> None:
    sys.stdout.write(f"{ended.case}: {ended.report.place or 'came to its end'}\n")
    sys.stdout.flush()


def _table(summary: Summary) -> Table:
    table = Table("flow", "ended", "at distinct places", "came to its end", "broken")
    for flow in FLOWS:
        table.add_row(flow, *(str(number) for number in _counts(summary, flow)))
    return table


def _counts(summary: Summary, flow: str) -> Sequence[int]:
    broken = sum(case.flow == flow for case in summary.broken)
    places = len(summary.places.get(flow, ()))
    return summary.ended[flow], places, summary.finished[flow], broken


def _as_json(summary: Summary) -> dict[str, Any]:
    names = ("ended", "places", "finished", "broken")
    return {
        "holds": summary.holds,
        "flows": {flow: dict(zip(names, _counts(summary, flow), strict=True)) for flow in FLOWS},
        "broken": {case.command: what for case, what in summary.broken.items()},
        "audit": summary.unassigned,
    }


if __name__ == "__main__":
    main()
