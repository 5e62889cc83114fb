"""`leadfall dev`: everything in one terminal, on a data folder that is kept."""

from pathlib import Path
from typing import Annotated

import typer

from service.commands.options import AsJson


def dev(
    *,
    port: Annotated[
        int, typer.Option("--port", min=1, max=65_535, help="Port of both APIs.")
    ] = 8080,
    data_dir: Annotated[
        Path, typer.Option("--data-dir", help="Folder of the data; made if it is not there.")
    ] = Path(".leadfall"),
    as_json: AsJson = False,
) -> None:
    """Run everything in one terminal, with sample leads and a sandbox in place of vendors."""
    from service.commands.local.terminal import run_dev
    from service.commands.setup import run_to_end

    run_to_end(run_dev(port, data_dir.resolve(), as_json=as_json))
