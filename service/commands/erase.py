"""`leadfall leads erase`: takes people out of everything that is kept."""

from typing import Annotated, Any

import typer

from service.commands.options import AsJson, Workspace


def erase(
    *,
    workspace: Workspace,
    emails: Annotated[
        list[str] | None, typer.Option("--email", help="Address of a person; can be repeated.")
    ] = None,
    lead_ids: Annotated[
        list[str] | None,
        typer.Option("--lead", help="24-hex id of a person's lead; can be repeated."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Erase people: leads, lookups, traces, remembered answers, events; amounts stay.

    They are suppressed from then on. Repeat it after an interruption: it goes on.
    """
    from service.commands.output import print_facts, print_json
    from service.commands.setup import run_to_end

    if not emails and not lead_ids:
        raise typer.BadParameter("give --email or --lead")
    erased = run_to_end(_erase(workspace, emails or [], lead_ids or []))
    if as_json:
        print_json({"workspace_id": workspace, **erased})
    else:
        print_facts(erased)


async def _erase(workspace: str, emails: list[str], lead_ids: list[str]) -> dict[str, Any]:
    from dataclasses import asdict

    from service.commands.failures import CommandFailure
    from service.commands.secrets import open_box
    from service.commands.setup import open_database, require_workspace
    from service.domain.email_address import read_email_address
    from service.flows.erase_people import erase_people
    from service.flows.publish_finished import Publication
    from service.flows.suppress_people import SuppressionList
    from service.settings import Settings

    if any(read_email_address(email) is None for email in emails):
        raise CommandFailure("One of the --email is not an e-mail address.")
    settings = Settings()
    box = open_box(settings)
    public_url = (settings.public_url or "").rstrip("/")
    async with open_database(settings) as pool:
        erased = await erase_people(
            pool,
            await require_workspace(pool, workspace),
            SuppressionList(box),
            Publication(settings.limits.inline_results_max, public_url),
            public_ids=[lead_id.strip().lower() for lead_id in lead_ids],
            emails=emails,
        )
    return asdict(erased)
