"""A whole installation for tests that send anything the document allows, and much that it does not.

Everything is real: Postgres, Valkey, sockets. No worker runs, so that what is open stays so.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import pytest
import structlog
from cryptography.fernet import Fernet

from service.embedded import start_postgres
from service.flows.manage_accounts import add_member, create_account, create_platform_key
from service.store.connection import Pool, open_pool
from service.store.migrations import migrate
from tests.api.stage import add_tenant
from tests.conftest import drop_database, with_database
from tests.fuzz.background import Background
from tests.fuzz.life import live
from tests.fuzz.servers import (
    BODY_BYTES_MAX,
    CONNECTIONS_MAX,
    Servers,
    api,
    at,
    crowded,
    settings,
    vendors,
    with_vendors,
)
from tests.fuzz.stage import FuzzStage

CREDITS = 10**12


@asynccontextmanager
async def pool_of(database_url: str) -> AsyncIterator[Pool]:
    """Open a pool for what tests do to the database themselves."""
    async with await open_pool(database_url, size_max=3, role="test") as pool:
        yield pool


@pytest.fixture(scope="module")
def background() -> Iterator[Background]:
    """A loop in which the servers run; of what they log, only errors are worth reading."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with Background() as opened:
        yield opened
    structlog.configure(**before)


@pytest.fixture(scope="module")
def shared_database(postgres_server: str, template_database: str) -> Iterator[str]:
    """URL of a fresh database for all tests of a module."""
    name = f"leadfall_fuzz_{uuid4().hex}"
    asyncio.run(_execute(postgres_server, f"create database {name} template {template_database}"))
    yield with_database(postgres_server, name)
    asyncio.run(drop_database(postgres_server, name))


@pytest.fixture(scope="module")
def lost_database(
    background: Background, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, object]]:
    """URL of a Postgres of its own, and the server, which a fixture takes away."""
    server = background.run(start_postgres(tmp_path_factory.mktemp("lost"), durable=False))
    background.run(_migrate(server.url))
    yield server.url, server
    background.run(server.stop("immediate"))


@pytest.fixture(scope="module")
def servers(
    background: Background,
    shared_database: str,
    lost_database: tuple[str, object],
    valkey_server: str,
) -> Servers:
    """The API in every sort of need."""
    sandbox = background.open(vendors())
    secret_key = Fernet.generate_key().decode()
    equipped = with_vendors(sandbox, secret_key)

    def opened(url: str, **given: object) -> str:
        return at(background.open(api(settings(url, valkey_server, **given))))

    strict = {"requests_per_minute": 1, "sendkit_requests_per_minute": 1}
    hasty = {
        "body_bytes_max": BODY_BYTES_MAX,
        "body_timeout_s": 0.1,
        "upload_timeout_s": 0.1,
    }
    cut = opened(lost_database[0], **equipped)
    background.run(lost_database[1].stop("immediate"))  # type: ignore[attr-defined]
    full = opened(shared_database, **equipped, limits={"connections_max": CONNECTIONS_MAX})
    background.open(crowded(full))
    return Servers(
        whole=opened(shared_database, **equipped),
        strict=opened(shared_database, **equipped, limits=strict),
        hasty=opened(shared_database, **equipped, limits=hasty),
        bare=opened(shared_database),
        full=full,
        cut=cut,
    )


@pytest.fixture(scope="module")
def stage(background: Background, shared_database: str, servers: Servers) -> FuzzStage:
    """The installation with tenants, and a caller who holds the rich one's keys."""
    pool = background.open(pool_of(shared_database))

    async def settle_in() -> FuzzStage:
        rich = await add_tenant(pool, "Rich", CREDITS)
        poor = await add_tenant(pool, "Poor", 0)
        account = await create_account(pool, "Ada", "ada@example.com")
        await add_member(pool, account, rich.public_id, "owner")
        _, key = await create_platform_key(pool, account, "test")
        return FuzzStage(background, pool, servers, rich, poor, account, key.text)

    return background.run(settle_in())


@pytest.fixture(scope="module")
def lived(stage: FuzzStage) -> FuzzStage:
    """The installation after every operation was used once, as its users use it."""
    live(stage)
    return stage


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


async def _migrate(url: str) -> None:
    connection = await asyncpg.connect(url)
    await migrate(connection)
    await connection.close()
