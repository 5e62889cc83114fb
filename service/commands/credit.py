"""`leadfall credits`: grants credits and shows what moved."""

from typing import Annotated, Any, Final

import typer

from service.commands.options import AsJson, WorkspaceArgument

GRANT_MAX: Final = 1_000_000_000

credits_app = typer.Typer(help="Grant credits and show what moved.", no_args_is_help=True)


@credits_app.command()
def grant(
    workspace: WorkspaceArgument,
    amount: Annotated[int, typer.Argument(min=1, max=GRANT_MAX, help="Credits to add.")],
    *,
    note: Annotated[str | None, typer.Option("--note", help="Why; kept in the ledger.")] = None,
    as_json: AsJson = False,
) -> None:
    """Add credits to a workspace."""
    from service.commands.output import print_json, print_lines
    from service.commands.setup import run_to_end

    balance = run_to_end(_grant(workspace, amount, note))
    if as_json:
        print_json({"workspace_id": workspace, "granted": amount, "balance": balance})
    else:
        print_lines(f"granted {amount} credits; the balance is {balance}")


async def _grant(workspace: str, amount: int, note: str | None) -> int:
    from service.commands.setup import open_database, require_workspace
    from service.store.ledger import enter_grant

    async with open_database() as pool:
        workspace_id = await require_workspace(pool, workspace)
        async with pool.acquire() as connection:
            return await enter_grant(connection, workspace_id, amount, note)


@credits_app.command()
def show(workspace: WorkspaceArgument, *, as_json: AsJson = False) -> None:
    """Show the balance and the sums of the ledger."""
    from service.commands.output import print_facts, print_json
    from service.commands.setup import run_to_end

    totals = run_to_end(_show(workspace))
    if as_json:
        print_json({"workspace_id": workspace, **totals})
    else:
        print_facts(totals)


async def _show(workspace: str) -> dict[str, Any]:
    from dataclasses import asdict

    from service.commands.setup import open_database, require_workspace
    from service.store.directory import read_ledger_totals

    async with open_database() as pool:
        workspace_id = await require_workspace(pool, workspace)
        async with pool.acquire() as connection:
            return asdict(await read_ledger_totals(connection, workspace_id))
