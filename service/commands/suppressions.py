"""`leadfall suppressions`: who must not be looked up, kept as hashes only."""

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from service.commands.options import AsJson

if TYPE_CHECKING:
    from service.store.connection import Pool

LISTED_MAX: Final = 100

suppressions_app = typer.Typer(
    help="Say who must not be looked up; kept as keyed hashes only.", no_args_is_help=True
)

Email = Annotated[str, typer.Option("--email", help="Address of the person.")]
Where = Annotated[
    str | None,
    typer.Option("--workspace", help="Id of the workspace; without it, for all of them."),
]


@suppressions_app.command()
def add(*, email: Email, workspace: Where = None, as_json: AsJson = False) -> None:
    """Suppress a person who opted out; their lookups are refused, refunded, and imports too."""
    from service.commands.output import print_json, print_lines
    from service.commands.setup import run_to_end

    added = run_to_end(_change(email, workspace, adding=True))
    if as_json:
        print_json({"workspace_id": workspace, "added": added})
    else:
        print_lines("suppressed" if added else "was suppressed before")


@suppressions_app.command()
def remove(*, email: Email, workspace: Where = None, as_json: AsJson = False) -> None:
    """Lift what was suppressed under an address; what a lead was erased with besides stays."""
    from service.commands.output import print_json, print_lines
    from service.commands.setup import run_to_end

    removed = run_to_end(_change(email, workspace, adding=False))
    if as_json:
        print_json({"workspace_id": workspace, "removed": removed})
    else:
        print_lines("lifted" if removed else "was not suppressed under this address")


@suppressions_app.command("list")
def list_all(*, workspace: Where = None, as_json: AsJson = False) -> None:
    """List the newest suppressions; whom a hash stands for cannot be told."""
    from service.commands.output import print_json, print_lines, print_table
    from service.commands.setup import run_to_end

    listed = run_to_end(_list(workspace))
    if as_json:
        print_json(listed)
        return
    rows = listed["suppressions"]
    print_table(("hash", "reason", "since"), [tuple(row.values()) for row in rows])
    if listed["total"] > len(rows):
        print_lines(f"and {listed['total'] - len(rows)} older ones")


async def _change(email: str, workspace: str | None, *, adding: bool) -> bool:
    from service.commands.failures import CommandFailure
    from service.commands.secrets import open_box
    from service.commands.setup import open_database
    from service.domain.email_address import read_email_address
    from service.domain.lead_input import LeadInput
    from service.domain.suppression import SuppressionReason
    from service.flows.suppress_people import SuppressionList
    from service.settings import Settings

    if read_email_address(email) is None:
        raise CommandFailure("That is not an e-mail address.")
    settings, lead = Settings(), LeadInput(email=email)
    suppressions = SuppressionList(open_box(settings))
    async with open_database(settings) as pool:
        workspace_id = await _workspace_id(pool, workspace)
        async with pool.acquire() as connection:
            if adding:
                people = [(workspace_id, lead)]
                return bool(await suppressions.add(connection, people, SuppressionReason.OPT_OUT))
            return bool(await suppressions.remove(connection, workspace_id, lead))


async def _list(workspace: str | None) -> dict[str, Any]:
    from service.commands.setup import open_database
    from service.store.suppressions import list_suppressions

    async with open_database() as pool:
        workspace_id = await _workspace_id(pool, workspace)
        async with pool.acquire() as connection:
            kept, total = await list_suppressions(connection, workspace_id, LISTED_MAX)
    return {
        "workspace_id": workspace,
        "total": total,
        "suppressions": [
            {"hash": each.person[:16], "reason": each.reason, "since": each.created_at.isoformat()}
            for each in kept
        ],
    }


async def _workspace_id(pool: "Pool", workspace: str | None) -> int:
    from service.commands.setup import require_workspace
    from service.store.suppressions import EVERYWHERE

    return EVERYWHERE if workspace is None else await require_workspace(pool, workspace)
