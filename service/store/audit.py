"""Asks the database for breaches of the promises; reads only, and only inside one snapshot."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from service.store.connection import Connection, Pool
from service.store.statements import load_statements

_SQL: Final = load_statements("audit")

EXAMPLES_MAX: Final = 5
_STATEMENT_TIMEOUT_S: Final = 1_800
_WORK_MEMORY: Final = "256MB"


@dataclass(frozen=True, slots=True)
class Breaches:
    """How often one check was broken, and the ids of a few that broke it."""

    name: str
    count: int
    examples: tuple[str, ...]


@asynccontextmanager
async def open_snapshot(pool: Pool) -> AsyncIterator[Connection]:
    """Hold one read-only snapshot, in which a statement may take half an hour."""
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        for name, value in (
            ("statement_timeout", f"{_STATEMENT_TIMEOUT_S}s"),
            ("work_mem", _WORK_MEMORY),
        ):
            await connection.execute("select set_config($1, $2, true)", name, value)
        yield connection


async def find_breaches(connection: Connection, group: str, *arguments: Any) -> list[Breaches]:
    """Return what is broken of the checks of one statement; what is not broken is left out."""
    question = _SQL[group].rstrip(";")
    rows = await connection.fetch(
        f"with breach as materialized (\n{question}\n)"
        " select name, count(*) as count,"
        f" array(select b.id from breach b where b.name = breach.name limit {EXAMPLES_MAX})"
        " as examples"
        " from breach group by name",
        *arguments,
        timeout=_STATEMENT_TIMEOUT_S,
    )
    return [Breaches(row["name"], row["count"], tuple(sorted(row["examples"]))) for row in rows]


async def count_rows(connection: Connection) -> dict[str, int]:
    """Return how many rows the large tables have."""
    row = await connection.fetchrow(_SQL["count_rows"], timeout=_STATEMENT_TIMEOUT_S)
    return dict(row or {})


async def read_kept_since(connection: Connection, table: str) -> datetime:
    """Return from when on a partitioned table is complete."""
    since: datetime = await connection.fetchval(_SQL["read_kept_since"], table)
    return since


async def read_moment(connection: Connection) -> datetime:
    """Return the database's time."""
    moment: datetime = await connection.fetchval(_SQL["read_moment"])
    return moment
