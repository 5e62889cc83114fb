"""Starts what a local run stands on: PostgreSQL, Valkey and the vendor sandbox, or what is given.

A server that the operator names is used as it is, and the sandbox stays away as soon as the
operator gives a provider a key: made-up answers and real ones must not mix.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg

from providers.sandbox.server import Sandbox, start_sandbox
from service.commands.failures import CommandFailure
from service.commands.http_url import http_url
from service.commands.local.kept_secrets import KeptSecrets, keep_secrets
from service.commands.local.settings import LOOPBACK_ALLOWED, merge_settings, sandbox_settings
from service.embedded import start_postgres, start_valkey
from service.settings import Settings
from service.store.connection import Connection
from service.store.inspection import read_strangers
from service.store.migrations import migrate

LOCAL_WORKSPACES: Final = ("dev", "demo")
_CLOSE_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Servers:
    """What runs.

    Attributes:
        settings: lead to all of it, and are complete but for what the roles choose themselves.
        sandbox: None where the operator brought providers.
    """

    settings: Settings
    secrets: KeptSecrets
    sandbox: Sandbox | None


@asynccontextmanager
async def start_servers(folder: Path, *, port: int, durable: bool) -> AsyncIterator[Servers]:
    """Start what is needed on a data folder, migrate the database, and stop all of it at the end.

    Args:
        port: of the API that is to run on these servers; part of its public URL.
        durable: False gives up safety against a crash of the machine.
    """
    operator = Settings()
    given = operator.model_fields_set
    secrets = keep_secrets(folder)
    chosen: dict[str, Any] = {
        "port": port,
        "public_url": http_url(operator.host, port),
        "secret_keys": (secrets.secret_key,),
        "egress": {"allow": LOOPBACK_ALLOWED},
    }
    async with AsyncExitStack() as running:
        if "database_url" not in given:
            postgres = await start_postgres(folder / "postgres", durable=durable)
            running.push_async_callback(postgres.stop)
            chosen["database_url"] = postgres.url
        if "redis_url" not in given:
            valkey = await start_valkey(folder / "valkey")
            running.push_async_callback(valkey.stop)
            chosen["redis_url"] = valkey.url
        sandbox = None
        if not any(provider.api_key for provider in operator.providers.values()):
            sandbox = await start_sandbox()
            running.push_async_callback(sandbox.stop)
            chosen |= sandbox_settings(sandbox.addresses)
        settings = merge_settings(chosen)
        # An embedded database is ours alone: its folder is locked.
        is_shared = sandbox is not None and "database_url" in given
        await _prepare_database(settings, is_shared=is_shared)
        yield Servers(settings, secrets, sandbox)


async def _prepare_database(settings: Settings, *, is_shared: bool) -> None:
    connection = await asyncpg.connect(settings.listen_url)
    try:
        await migrate(connection)
        if is_shared:
            await _require_to_ourselves(connection, settings)
    finally:
        # A database that goes away meanwhile must not keep the command from ending.
        async with asyncio.timeout(_CLOSE_TIMEOUT_S):
            await connection.close()


async def _require_to_ourselves(connection: Connection, settings: Settings) -> None:
    """Refuse a database in which real leads could get made-up answers, or ours real ones.

    Raises:
        CommandFailure: says what is there.
    """
    strangers = await read_strangers(connection, settings.lease, LOCAL_WORKSPACES)
    if strangers.process_count:
        raise CommandFailure(
            "Other Leadfall processes are at work on this database, and made-up answers must not "
            "mix with theirs. Use another database, or wait some seconds if they have just ended."
        )
    if strangers.open_count:
        raise CommandFailure(
            "This database has open lookups of real workspaces, which must not get made-up "
            "answers. Use another database."
        )
