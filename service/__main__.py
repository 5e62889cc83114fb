"""The `leadfall` command: names every command; what a command needs is imported when it runs."""

import typer

from service.commands.accounts import accounts_app
from service.commands.api import api
from service.commands.audit import audit
from service.commands.credit import credits_app
from service.commands.demo import demo
from service.commands.dev import dev
from service.commands.dispatcher import dispatcher
from service.commands.doctor import doctor
from service.commands.keys import keys_app
from service.commands.leads import leads_app
from service.commands.migrate import migrate
from service.commands.openapi import openapi
from service.commands.providers import providers
from service.commands.suppressions import suppressions_app
from service.commands.webhooks import webhooks_app
from service.commands.worker import worker
from service.commands.workspaces import workspaces_app


def build() -> typer.Typer:
    """Return the command line."""
    leadfall = typer.Typer(
        name="leadfall",
        help="Self-hosted lead enrichment: waterfalls, exact credits, signed webhooks.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        add_completion=False,
    )
    for command in (demo, dev, api, worker, dispatcher, migrate, audit, doctor, providers, openapi):
        leadfall.command()(command)
    leadfall.add_typer(workspaces_app, name="workspaces")
    leadfall.add_typer(accounts_app, name="accounts")
    leadfall.add_typer(keys_app, name="keys")
    leadfall.add_typer(credits_app, name="credits")
    leadfall.add_typer(leads_app, name="leads")
    leadfall.add_typer(webhooks_app, name="webhooks")
    leadfall.add_typer(suppressions_app, name="suppressions")
    return leadfall


def main() -> None:
    """Run the command line."""
    build()(prog_name="leadfall")


if __name__ == "__main__":
    main()
