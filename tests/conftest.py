"""Fixtures for tests that need Postgres or Redis.

One server per test process, one database per test.
`TEST_DATABASE_URL` (a role that may create databases) and `TEST_REDIS_URL` name real servers;
without them the embedded ones are used. Session fixtures hold no event loop: each test has its own.
"""

import asyncio
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import redis.asyncio

from service.embedded import start_postgres, start_valkey
from service.store.connection import open_pool, prepare_connection
from service.store.migrations import migrate
from tests.commands.programs import missing_programs

POOL_CONNECTIONS_MAX = 8
DROP_S = 20.0
# Each test has a database of its own, which is hundreds of new files. To create one took 220 to
# 560 ms on one disk, and 12 ms in memory on the same machine.
MEMORY = Path("/dev/shm")  # noqa: S108 - the system's own folder, used as /tmp is
MEMORY_BYTES_MIN = 6 * 1024**3


MISSING_PROGRAMS = missing_programs()
# What readers are shown needs curl, node and make; where one lacks, the header of a run says so.
OF_READERS = ("commands/test_examples.py", "commands/test_followed_guides.py")
collect_ignore = list(OF_READERS) if MISSING_PROGRAMS else []


def pytest_configure() -> None:
    """Keep temporary files in memory where there is enough of it, unless TMPDIR says otherwise."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES_MIN
    if "TMPDIR" not in os.environ and roomy and os.access(MEMORY, os.W_OK):
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None  # It is looked up anew.


def pytest_report_header() -> list[str]:
    """Say which tests cannot be run on this machine, so that they do not go missing silently."""
    return [
        f"NOT RUN: tests/{file}, because there is no {name}"
        for name in MISSING_PROGRAMS
        for file in OF_READERS
    ]


@pytest.fixture(autouse=True)
def scrubbed_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the settings of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("LEADFALL_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def test_process(request: pytest.FixtureRequest) -> str:
    """Name this test process: `gw0` and so on under xdist, else `main`."""
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a Postgres in which this role may create databases."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    data_dir = tmp_path_factory.mktemp("postgres")
    server = asyncio.run(start_postgres(data_dir, durable=False))
    yield server.url
    asyncio.run(server.stop("immediate"))


@pytest.fixture(scope="session")
def template_database(postgres_server: str, test_process: str) -> Iterator[str]:
    """Name of a database with every migration applied and no rows beyond theirs."""
    # The suffix keeps two runs against one given server apart.
    name = f"leadfall_template_{test_process}_{uuid.uuid4().hex[:8]}"
    asyncio.run(_run(postgres_server, f"create database {name}"))
    asyncio.run(_migrate(with_database(postgres_server, name)))
    yield name
    asyncio.run(drop_database(postgres_server, name))


@pytest.fixture
async def database_url(postgres_server: str, template_database: str) -> AsyncIterator[str]:
    """URL of a fresh, migrated database that is this test's alone."""
    name = f"leadfall_test_{uuid.uuid4().hex}"
    await _run(
        postgres_server, f"create database {name} template {template_database} strategy file_copy"
    )
    yield with_database(postgres_server, name)
    await drop_database(postgres_server, name)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """A pool of up to eight connections, as every process of ours opens it."""
    async with await open_pool(database_url, size_max=POOL_CONNECTIONS_MAX, role="test") as opened:
        yield opened


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """One prepared connection to this test's database, beside the pool's."""
    opened = await asyncpg.connect(database_url)
    await prepare_connection(opened)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a Redis or Valkey whose contents tests may throw away."""
    given = os.environ.get("TEST_REDIS_URL")
    if given:
        yield given
        return
    server = asyncio.run(start_valkey(tmp_path_factory.mktemp("valkey")))
    yield server.url
    asyncio.run(server.stop("kill"))


@pytest.fixture
async def redis_url(valkey_server: str) -> str:
    """URL of an empty Redis database."""
    async with redis.asyncio.Redis.from_url(valkey_server) as client:
        await client.flushdb()
    return valkey_server


def with_database(url: str, name: str) -> str:
    """Point a database URL at another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


async def drop_database(url: str, name: str) -> None:
    """Drop a database; an autovacuum at work in it, which only a superuser may end, is let end."""
    async with asyncio.timeout(DROP_S):
        while True:
            try:
                await _run(url, f"drop database {name} with (force)")
            except asyncpg.InsufficientPrivilegeError:
                await asyncio.sleep(0.05)
            else:
                return


async def _run(url: str, statement: str) -> None:
    opened = await asyncpg.connect(url)
    try:
        await opened.execute(statement)
    finally:
        await opened.close()


async def _migrate(url: str) -> None:
    opened = await asyncpg.connect(url)
    try:
        await migrate(opened)
    finally:
        await opened.close()
