"""Migrations apply once, in order, and say what is missing."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from service.store.migrations import (
    MigrationChangedError,
    migrate,
    missing_migrations,
    read_migrations,
)
from tests.conftest import drop_database

NAMES = [migration.name for migration in read_migrations()]


def test_numbers_run_without_gap() -> None:
    """The files are numbered 0001, 0002 and so on."""
    assert [f"{number:04d}" for number in range(1, len(NAMES) + 1)] == [n[:4] for n in NAMES]


async def test_second_run_applies_nothing(connection: asyncpg.Connection) -> None:
    """A migrated database needs nothing more."""
    assert await migrate(connection) == []
    assert await missing_migrations(connection) == []


async def test_missing_are_named(connection: asyncpg.Connection) -> None:
    """A database that lacks the newest migration names it."""
    await connection.execute("delete from schema_migrations where name = $1", NAMES[-1])

    assert [NAMES[-1]] == await missing_migrations(connection)


async def test_edited_migration_is_refused(connection: asyncpg.Connection) -> None:
    """An applied file whose text has changed since stops the run."""
    await connection.execute(
        "update schema_migrations set sha256 = 'other' where name = $1", NAMES[0]
    )

    with pytest.raises(MigrationChangedError, match=NAMES[0]):
        await migrate(connection)


async def test_two_at_once_take_turns(postgres_server: str) -> None:
    """Two processes that migrate the same empty database both end well; each file applies once."""
    admin = await asyncpg.connect(postgres_server)
    await admin.execute("drop database if exists two_at_once")
    await admin.execute("create database two_at_once")
    url = postgres_server.rpartition("/")[0] + "/two_at_once"
    one, other = await asyncpg.connect(url), await asyncpg.connect(url)

    applied = await asyncio.gather(migrate(one), migrate(other))

    assert sorted(NAMES) == sorted(applied[0] + applied[1])
    await asyncio.gather(one.close(), other.close())
    await admin.close()
    await drop_database(postgres_server, "two_at_once")


def test_files_are_plain_sql() -> None:
    """No migration begins or ends a transaction: the runner does."""
    folder = Path(__file__).resolve().parents[2] / "migrations"
    texts = [path.read_text().lower() for path in sorted(folder.glob("*.sql"))]

    assert not [text for text in texts if "\ncommit" in text or "\nbegin;" in text]
