"""Fixtures for tests that run the command line."""

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import asyncpg
import pytest
from cryptography.fernet import Fernet

from tests.commands.processes import Dev, run, start_dev, stop_dev
from tests.conftest import drop_database, with_database


@pytest.fixture
def settings(database_url: str, redis_url: str) -> dict[str, str]:
    """The settings of an installation on this test's own database."""
    return {
        "LEADFALL_DATABASE_URL": database_url,
        "LEADFALL_REDIS_URL": redis_url,
        "LEADFALL_SECRET_KEYS": Fernet.generate_key().decode(),
        "LEADFALL_PORT": "0",
    }


@pytest.fixture
async def workspace_id(settings: dict[str, str]) -> str:
    """Id of a workspace that the command line made."""
    made = await run("workspaces", "create", "Acme", "--json", settings=settings)
    found: str = made.json["workspace_id"]
    return found


@pytest.fixture
async def empty_database_url(postgres_server: str) -> AsyncIterator[str]:
    """URL of a database without a schema."""
    name = f"leadfall_empty_{uuid4().hex}"
    connection = await asyncpg.connect(postgres_server)
    await connection.execute(f"create database {name}")
    await connection.close()
    yield with_database(postgres_server, name)
    await drop_database(postgres_server, name)


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """A `leadfall dev` that runs for as long as the tests do."""
    started = start_dev(tmp_path_factory.mktemp("dev"))
    yield started
    stop_dev(started)
