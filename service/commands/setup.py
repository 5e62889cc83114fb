"""What every operator command begins with: settings, logs, a loop, a database that is ready."""

from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, closing
from typing import Any, Final, TypeVar

import uvloop

from service.commands.failures import CommandFailure, failing_plainly
from service.logs import configure_logging
from service.settings import Settings
from service.store.connection import Connection, Pool, open_pool
from service.store.directory import find_workspace
from service.store.migrations import missing_migrations

_CONNECTIONS_MAX: Final = 2

Result = TypeVar("Result")


def run_to_end(work: Coroutine[Any, Any, Result], *, log_level: str = "info") -> Result:
    """Run a command's coroutine, with its logs on standard error as the settings say.

    What an operator can mend ends the process with a sentence.
    """
    with closing(work), failing_plainly():
        configure_logging(Settings().log_format, level=log_level)
        return uvloop.run(work)


@asynccontextmanager
async def open_database(settings: Settings | None = None) -> AsyncIterator[Pool]:
    """Open the database for a command.

    The composition root could do so too, but loading all of the service for it takes longer than
    most commands do.

    Raises:
        CommandFailure: migrations are missing.
    """
    url = (settings or Settings()).database_url.get_secret_value()
    pool = await open_pool(url, size_max=_CONNECTIONS_MAX, role="command")
    try:
        async with pool.acquire() as connection:
            await require_migrated(connection)
        yield pool
    finally:
        await pool.close()


async def require_migrated(connection: Connection) -> None:
    """Refuse a database without the tables that this version needs.

    Raises:
        CommandFailure: says what to run.
    """
    missing = await missing_migrations(connection)
    if missing:
        raise CommandFailure(
            f"The database lacks {len(missing)} of this version's migrations: "
            "run `leadfall migrate` first."
        )


async def require_workspace(pool: Pool, public_id: str) -> int:
    """Return the number of the workspace with this id.

    Raises:
        CommandFailure: there is none.
    """
    async with pool.acquire() as connection:
        workspace_id = await find_workspace(connection, public_id.strip().lower())
    if workspace_id is None:
        raise CommandFailure("There is no workspace with this id.")
    return workspace_id
