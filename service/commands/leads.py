"""`leadfall leads`: brings leads in from a CSV file, and takes people out of everything."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.commands.erase import erase
from service.commands.options import AsJson, Workspace

if TYPE_CHECKING:
    from service.flows.import_leads import ImportReport, MakeList
    from service.store.connection import Connection, Pool

leads_app = typer.Typer(help="Bring leads in, erase people.", no_args_is_help=True)
leads_app.command()(erase)


@leads_app.callback()
def _leads() -> None:
    """Bring leads in, erase people."""


@leads_app.command("import")
def import_file(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.csv", exists=True, dir_okay=False, help="CSV with a header line."
        ),
    ],
    *,
    workspace: Workspace,
    list_id: Annotated[
        int | None, typer.Option("--list", help="Id of the list to put them in.")
    ] = None,
    new_list: Annotated[
        str | None, typer.Option("--new-list", help="Name of a list to make for them.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Import leads; a bad row is reported with its line and the others go in.

    Exits with 1 if nothing was imported; then no list was made either.
    """
    from service.commands.output import print_json
    from service.commands.setup import run_to_end

    if (list_id is None) == (new_list is None):
        raise typer.BadParameter("give either --list ID or --new-list NAME")
    report = run_to_end(_import(file, workspace, list_id, new_list))
    if as_json:
        print_json(_as_json(report))
    else:
        _print(report)
    if not report.imported:
        sys.exit(1)


async def _import(
    file: Path, workspace: str, list_id: int | None, new_list: str | None
) -> "ImportReport":
    from service.commands.secrets import optional_box
    from service.commands.setup import open_database, require_workspace
    from service.flows.import_leads import import_leads
    from service.flows.suppress_people import SuppressionList
    from service.settings import Settings

    line_count = _count_lines(file)
    settings = Settings()
    async with open_database(settings) as pool:
        workspace_id = await require_workspace(pool, workspace)
        into = await _choose_list(pool, workspace_id, list_id, new_list)
        # The flow reports bytes that are no UTF-8 by their line; reading must not end there.
        with (
            file.open(encoding="utf-8", errors="surrogateescape", newline="") as lines,
            _progress() as progress,
        ):
            bar = progress.add_task("importing", total=line_count)
            report = await import_leads(
                pool,
                workspace_id,
                into,
                lines,
                suppressions=SuppressionList(optional_box(settings)),
                on_progress=lambda line: progress.update(bar, completed=line),
            )
            progress.update(bar, completed=line_count)
    return report


async def _choose_list(
    pool: "Pool", workspace_id: int, list_id: int | None, new_list: str | None
) -> "int | MakeList":
    from service.commands.failures import CommandFailure
    from service.flows.create_list import make_list, read_list_name
    from service.store.lists import find_list

    if list_id is None:
        # Read before the file is, so that a name that cannot be is not found out at its end.
        name = read_list_name(new_list or "")

        async def make(connection: "Connection") -> int:
            return (await make_list(connection, workspace_id, name)).id

        return make
    async with pool.acquire() as connection:
        if await find_list(connection, workspace_id, list_id) is None:
            raise CommandFailure(f"There is no list {list_id} in this workspace.")
    return list_id


def _count_lines(file: Path) -> int:
    with file.open("rb") as lines:
        return sum(1 for _ in lines)


def _progress() -> Any:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from service.commands.output import error_console

    console = error_console()
    return Progress(
        "{task.description}",
        BarColumn(),
        MofNCompleteColumn(),
        "lines",
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def _as_json(report: "ImportReport") -> dict[str, Any]:
    return {
        "list_id": report.list_id,
        "imported": report.imported,
        "bad": report.bad,
        "errors": [{"line": row.line, "reason": row.reason} for row in report.errors],
    }


def _print(report: "ImportReport") -> None:
    from service.commands.output import print_lines

    lines = [f"line {row.line}: {row.reason}" for row in report.errors]
    unnamed = report.bad - len(report.errors)
    if unnamed:
        lines.append(f"and {unnamed} bad rows more")
    where = f" into list {report.list_id}" if report.imported else ""
    print_lines(*lines, f"imported {report.imported} leads{where}, {report.bad} bad")
