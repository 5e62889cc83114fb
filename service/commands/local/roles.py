"""Runs the three roles side by side in this process's event loop."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from service import app
from service.commands.failures import CommandFailure
from service.commands.http_url import http_url
from service.embedded.port import is_free
from service.settings import Settings


@dataclass(frozen=True, slots=True)
class Roles:
    """Where the running roles are reached."""

    base_url: str
    ops_url: str


def require_free(port: int) -> None:
    """Refuse a port that another program listens on, before anything is started.

    Raises:
        CommandFailure: says which port.
    """
    if not is_free(port):
        raise CommandFailure(f"Port {port} is in use by another program; choose one with --port.")


@asynccontextmanager
async def run_roles(settings: Settings) -> AsyncIterator[Roles]:
    """Run API, worker and dispatcher; at the end they drain in the order in which work flows."""
    async with AsyncExitStack() as running:
        await running.enter_async_context(app.dispatcher(settings))
        await running.enter_async_context(app.worker(settings))
        api = await running.enter_async_context(app.api(settings))
        yield Roles(
            base_url=http_url(settings.host, api.port or settings.port),
            ops_url=http_url(settings.ops_host, api.ops_port),
        )
