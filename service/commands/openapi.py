"""`leadfall openapi`: shows the OpenAPI document, or writes it to a file."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from service.commands.options import AsJson


def openapi(
    file: Annotated[Path | None, typer.Argument(help="Write it here, not to the output.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show the OpenAPI document, made from the routes and models of this code."""
    from service.api.openapi.document import document_bytes
    from service.commands.output import print_json

    document = document_bytes()
    if file is not None:
        file.write_bytes(document)
    if as_json:
        print_json(json.loads(document) if file is None else {"file": str(file)})
    elif file is None:
        sys.stdout.write(document.decode())
