"""`leadfall accounts`: makes accounts and lets them act in workspaces, with platform keys."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from service.commands.options import AsJson, WorkspaceArgument

AccountArgument = Annotated[
    str, typer.Argument(metavar="ACCOUNT", help="Id, as `accounts create` printed it.")
]

accounts_app = typer.Typer(
    help="Make accounts, whose platform keys act in several workspaces.", no_args_is_help=True
)


class RoleChoice(StrEnum):
    """What an account may do in a workspace; owners and admins can make the workspace's key."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


@accounts_app.command()
def create(
    name: Annotated[str, typer.Argument(help="What people call its holder.")],
    email: Annotated[str, typer.Argument(help="Address of its holder; nothing is sent there.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Make an account; `keys create --account` makes a key for it."""
    from service.commands.output import print_facts, print_json
    from service.commands.setup import run_to_end

    made = run_to_end(_create(name, email))
    if as_json:
        print_json(made)
    else:
        print_facts(made)


async def _create(name: str, email: str) -> dict[str, Any]:
    from service.commands.setup import open_database
    from service.flows.manage_accounts import create_account

    async with open_database() as pool:
        return {"account_id": await create_account(pool, name, email), "name": name}


@accounts_app.command()
def add(
    account: AccountArgument,
    workspace: WorkspaceArgument,
    *,
    role: Annotated[
        RoleChoice, typer.Option("--role", help="What the account may do there.")
    ] = RoleChoice.MEMBER,
    as_json: AsJson = False,
) -> None:
    """Let an account act in a workspace, or change what it may do there."""
    from service.commands.output import print_json, print_lines
    from service.commands.setup import run_to_end

    run_to_end(_add(account, workspace, role))
    if as_json:
        print_json({"account_id": account, "workspace_id": workspace, "role": role})
    else:
        print_lines(f"account {account} is {role} in workspace {workspace}")


async def _add(account: str, workspace: str, role: RoleChoice) -> None:
    from service.commands.setup import open_database
    from service.flows.manage_accounts import add_member

    async with open_database() as pool:
        await add_member(pool, account, workspace, role.value)


@accounts_app.command()
def remove(
    account: AccountArgument, workspace: WorkspaceArgument, *, as_json: AsJson = False
) -> None:
    """Let an account act in a workspace no more; what it made there stays."""
    from service.commands.output import print_json, print_lines
    from service.commands.setup import run_to_end

    run_to_end(_remove(account, workspace))
    if as_json:
        print_json({"account_id": account, "workspace_id": workspace, "removed": True})
    else:
        print_lines(f"account {account} is no member of workspace {workspace} any more")


async def _remove(account: str, workspace: str) -> None:
    from service.commands.setup import open_database
    from service.flows.manage_accounts import remove_member

    async with open_database() as pool:
        await remove_member(pool, account, workspace)
