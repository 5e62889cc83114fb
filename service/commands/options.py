"""Options that several commands share."""

from typing import Annotated

import typer

AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print one line of JSON and nothing else on standard output."),
]
Workspace = Annotated[
    str, typer.Option("--workspace", help="Id of the workspace, as `workspaces create` printed it.")
]
WorkspaceArgument = Annotated[
    str, typer.Argument(metavar="WORKSPACE", help="Id, as `workspaces create` printed it.")
]
