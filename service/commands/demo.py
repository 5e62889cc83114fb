"""`leadfall demo`: the main job on servers of its own, with every result checked."""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from service.commands.options import AsJson

LEADS_MAX: Final = 10_000


def demo(
    *,
    leads: Annotated[
        int, typer.Option("--leads", min=1, max=LEADS_MAX, help="How many sample leads.")
    ] = 200,
    report: Annotated[
        Path | None, typer.Option("--report", dir_okay=False, help="Write the result as JSON too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Enrich sample leads from request to webhook and check everything."""
    from service.commands.demonstration.show import run_demo
    from service.commands.setup import run_to_end

    # What its servers log on the way is no part of what it shows.
    if not run_to_end(run_demo(leads, report, as_json=as_json), log_level="error"):
        sys.exit(1)
