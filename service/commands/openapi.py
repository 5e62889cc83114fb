"""`leadfall openapi`: shows the OpenAPI document, or writes it to a file."""

import sys
from pathlib import Path
from typing import Annotated

import typer


def openapi(
    file: Annotated[Path | None, typer.Argument(help="Write it here, not to the output.")] = None,
) -> None:
    """Show the OpenAPI document, made from the routes and models of this code."""
    from service.api.openapi.document import document_bytes

    document = document_bytes()
    if file is None:
        sys.stdout.write(document.decode())
    else:
        file.write_bytes(document)
