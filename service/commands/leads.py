"""`leadfall leads import`: brings leads in from a CSV file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.commands.options import AsJson, Workspace

if TYPE_CHECKING:
    from service.flows.import_leads import ImportReport
    from service.store.connection import Pool

leads_app = typer.Typer(help="Bring leads in.", no_args_is_help=True)


@leads_app.callback()
def _leads() -> None:
    """Bring leads in."""


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
    """Import leads; a bad row is reported with its line and the others go in."""
    from service.commands.output import print_json
    from service.commands.setup import run_to_end

    if (list_id is None) == (new_list is None):
        raise typer.BadParameter("give either --list ID or --new-list NAME")
    used_list, report = run_to_end(_import(file, workspace, list_id, new_list))
    if as_json:
        print_json(_as_json(used_list, report))
    else:
        _print(used_list, report)


async def _import(
    file: Path, workspace: str, list_id: int | None, new_list: str | None
) -> tuple[int, "ImportReport"]:
    from service.commands.setup import open_database, require_workspace
    from service.flows.import_leads import import_leads

    line_count = _count_lines(file)
    async with open_database() as pool:
        workspace_id = await require_workspace(pool, workspace)
        used_list = await _choose_list(pool, workspace_id, list_id, new_list)
        # The flow reports bytes that are no UTF-8 by their line; reading must not end there.
        with (
            file.open(encoding="utf-8", errors="surrogateescape", newline="") as lines,
            _progress() as progress,
        ):
            bar = progress.add_task("importing", total=line_count)
            report = await import_leads(
                pool,
                workspace_id,
                used_list,
                lines,
                on_progress=lambda line: progress.update(bar, completed=line),
            )
            progress.update(bar, completed=line_count)
    return used_list, report


async def _choose_list(
    pool: "Pool", workspace_id: int, list_id: int | None, new_list: str | None
) -> int:
    from service.commands.failures import CommandFailure
    from service.flows.create_list import create_list
    from service.store.lists import find_list

    if list_id is None:
        return (await create_list(pool, workspace_id, new_list or "")).id
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


def _as_json(list_id: int, report: "ImportReport") -> dict[str, Any]:
    return {
        "list_id": list_id,
        "imported": report.imported,
        "bad": report.bad,
        "errors": [{"line": row.line, "reason": row.reason} for row in report.errors],
    }


def _print(list_id: int, report: "ImportReport") -> None:
    from service.commands.output import print_lines

    lines = [f"line {row.line}: {row.reason}" for row in report.errors]
    unnamed = report.bad - len(report.errors)
    if unnamed:
        lines.append(f"and {unnamed} bad rows more")
    print_lines(*lines, f"imported {report.imported} leads into list {list_id}, {report.bad} bad")
