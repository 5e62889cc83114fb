"""`leadfall workspaces`: makes tenants."""

import sys
from typing import Annotated, Any

import typer

from service.commands.options import AsJson

workspaces_app = typer.Typer(help="Make workspaces.", no_args_is_help=True)


@workspaces_app.callback()
def _workspaces() -> None:
    """Make workspaces."""


@workspaces_app.command()
def create(
    name: Annotated[str, typer.Argument(help="What people call it; need not be unique.")],
    *,
    low_balance: Annotated[
        int | None,
        typer.Option(min=0, help="Credits below which a charge sends the event credits.low."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a workspace; its webhook secret is shown this once."""
    from service.commands.output import print_facts, print_json
    from service.commands.setup import run_to_end

    made = run_to_end(_create(name, low_balance))
    if as_json:
        print_json(made)
    else:
        print_facts(made)


async def _create(name: str, low_balance: int | None) -> dict[str, Any]:
    from service.commands.secrets import open_box
    from service.commands.setup import open_database
    from service.flows.check_secret_keys import opens_oldest_secret
    from service.flows.create_workspace import create_workspace
    from service.settings import Settings

    settings = Settings()
    box = open_box(settings)
    async with open_database(settings) as pool:
        if not await opens_oldest_secret(pool, box):
            sys.stderr.write(
                "leadfall: Warning: LEADFALL_SECRET_KEYS does not open the secrets that are stored "
                "already. Where the other processes have another key, they cannot sign this "
                "workspace's webhooks.\n"
            )
        made = await create_workspace(pool, box, name, low_balance=low_balance)
    return {
        "workspace_id": made.public_id,
        "name": name,
        "webhook_secret": made.webhook_secret,
    }
