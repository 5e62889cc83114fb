"""What `leadfall demo` does and shows: set up in a folder of its own, play, judge, clean up."""

import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import aiohttp
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from service.app import database
from service.commands.demonstration.caller import Caller
from service.commands.demonstration.checks import check_all
from service.commands.demonstration.receiver import receive_webhooks
from service.commands.demonstration.report import Report
from service.commands.demonstration.run import OnProgress, Stage, play
from service.commands.demonstration.tenant import make_tenant
from service.commands.failures import CommandFailure
from service.commands.local.roles import run_roles
from service.commands.local.servers import start_servers
from service.commands.output import error_console, human_console, print_json
from service.commands.secrets import open_box
from service.commands.stopping import cancel_on_sigterm
from service.domain.carried_clock import CarriedClock
from service.embedded.port import pick_port
from service.settings import Settings
from service.store.inspection import Progress, read_clock

_REQUESTS_PER_MINUTE: Final = 10_000


async def run_demo(lead_count: int, report_file: Path | None, *, as_json: bool) -> bool:
    """Run the demo, show what came of it and return whether everything was right."""
    cancel_on_sigterm()
    _require_sandbox(Settings())
    notes = error_console() if as_json else human_console()
    began_s = time.monotonic()
    with _folder() as folder:
        notes.print("Starting PostgreSQL, Valkey, the vendor sandbox, API, worker and dispatcher")
        async with _set_the_stage(folder, lead_count) as stage:
            notes.print(
                f"Finding, verifying and delivering {stage.tenant.lead_count} leads "
                f"over {stage.caller.base_url}"
            )
            with _bars(notes) as on_progress:
                evidence = await play(stage, on_progress)
    report = Report(evidence, check_all(evidence), began_s, time.monotonic() - began_s)
    _write(report, report_file)
    if as_json:
        print_json(report.as_json())
    else:
        report.show(human_console())
    return report.passed


def _require_sandbox(settings: Settings) -> None:
    if any(provider.api_key for provider in settings.providers.values()):
        raise CommandFailure(
            "The demo checks made-up answers and must not ask real vendors: "
            "run it without LEADFALL_PROVIDERS__* set."
        )


@contextmanager
def _folder() -> Iterator[Path]:
    """Make a folder that is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="leadfall-demo-") as name:
        folder = Path(name)
        # The servers may run as another user, who must get through to folders of their own.
        folder.chmod(0o711)
        yield folder


@asynccontextmanager
async def _set_the_stage(folder: Path, lead_count: int) -> AsyncIterator[Stage]:
    async with start_servers(folder, port=pick_port(), durable=False) as servers:
        assert servers.sandbox is not None  # noqa: S101 - there are no keys of real vendors
        clock = CarriedClock()
        async with database(servers.settings, "demo") as pool:
            tenant = await make_tenant(pool, open_box(servers.settings), lead_count)
            async with pool.acquire() as connection:
                clock.observe(await read_clock(connection))
            async with (
                receive_webhooks(tenant.webhook_secret, clock.now_s) as receiver,
                run_roles(_in_one_go(servers.settings)) as roles,
                aiohttp.ClientSession() as session,
            ):
                caller = Caller(session, roles.base_url, tenant.seleqt_key, tenant.sendkit_key)
                yield Stage(servers.settings, pool, servers.sandbox, tenant, receiver, caller)


def _in_one_go(settings: Settings) -> Settings:
    """Let the demo's one caller read its results page after page, without waiting for a minute."""
    limits = settings.limits.model_copy(update={"requests_per_minute": _REQUESTS_PER_MINUTE})
    return settings.model_copy(update={"limits": limits})


@contextmanager
def _bars(console: Console) -> Iterator[OnProgress]:
    """Show how far the run is; silent where nobody looks."""
    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    lookups = bars.add_task("lookups settled", total=None)
    webhooks = bars.add_task("webhooks received", total=None)

    def show(progress: Progress, received: int) -> None:
        settled = progress.lookup_count - progress.open_count
        bars.update(lookups, total=progress.lookup_count, completed=settled)
        bars.update(webhooks, total=max(progress.delivery_count, received), completed=received)

    with bars:
        yield show


def _write(report: Report, file: Path | None) -> None:
    if file is not None:
        file.write_bytes(orjson.dumps(report.as_json(), option=orjson.OPT_INDENT_2) + b"\n")
