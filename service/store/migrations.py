"""Applies the numbered SQL files of `migrations/`: forward only, a transaction each."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from service.store.connection import Connection

MIGRATIONS_DIR: Final = Path(__file__).resolve().parents[2] / "migrations"
# One number for the whole database: two processes that migrate at once take turns.
_ADVISORY_LOCK: Final = 0x1EADFA11
_LOCK_TIMEOUT: Final = "4s"

_CREATE_TABLE: Final = """
create table if not exists schema_migrations (
  name text primary key,
  sha256 text not null,
  applied_at timestamptz not null default now()
)
"""


class MigrationChangedError(Exception):
    """A migration that was already applied has another text now."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its name without the ending, and its text."""

    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Hash of the text, kept to notice a change after the fact."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(folder: Path = MIGRATIONS_DIR) -> Iterator[Migration]:
    """Yield the migrations in the order of their numbers."""
    for path in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql")):
        yield Migration(path.stem, path.read_text(encoding="utf-8"))


async def migrate(connection: Connection) -> list[str]:
    """Apply what is missing and return the names applied; safe to run from many processes at once.

    Raises:
        MigrationChangedError: an applied file was edited afterwards.
    """
    applied: list[str] = []
    await connection.execute("select pg_advisory_lock($1)", _ADVISORY_LOCK)
    try:
        await connection.execute(_CREATE_TABLE)
        rows = await connection.fetch("select name, sha256 from schema_migrations")
        known = {row["name"]: row["sha256"] for row in rows}
        for migration in read_migrations():
            if migration.name in known:
                if known[migration.name] != migration.sha256:
                    raise MigrationChangedError(migration.name)
                continue
            await _apply(connection, migration)
            applied.append(migration.name)
    finally:
        await connection.execute("select pg_advisory_unlock($1)", _ADVISORY_LOCK)
    return applied


async def _apply(connection: Connection, migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(f"set local lock_timeout = '{_LOCK_TIMEOUT}'")
        await connection.execute(migration.sql)
        await connection.execute(
            "insert into schema_migrations (name, sha256) values ($1, $2)",
            migration.name,
            migration.sha256,
        )


async def missing_migrations(connection: Connection) -> list[str]:
    """Return the names this build needs that the database lacks; empty means ready."""
    if await connection.fetchval("select to_regclass('schema_migrations')") is None:
        return [migration.name for migration in read_migrations()]
    rows = await connection.fetch("select name from schema_migrations")
    known = {row["name"] for row in rows}
    return [migration.name for migration in read_migrations() if migration.name not in known]
