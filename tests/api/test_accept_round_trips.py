"""Accepting stays cheap: one statement does all of the work, and few others come before it."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from tests.api.stage import Stage, people


@asynccontextmanager
async def noted(pool: asyncpg.Pool) -> AsyncIterator[list[str]]:
    """Note, without its comments, every statement that any connection of the pool sends."""
    statements: list[str] = []

    def note(record: asyncpg.connection.LoggedQuery) -> None:
        said = re.sub(r"--.*", "", record.query).strip().lower()
        # Each connection's driver asks once for the types that it meets.
        if "current_setting('jit')" not in said and "pg_catalog" not in said:
            statements.append(said)

    connections = [await pool.acquire() for _ in range(pool.get_max_size())]
    for each in connections:
        each.add_query_logger(note)
        await pool.release(each)
    statements.clear()
    yield statements
    for each in [await pool.acquire() for _ in range(pool.get_max_size())]:
        each.remove_query_logger(note)
        await pool.release(each)


def writing(statements: list[str]) -> list[str]:
    """Return the statements that write."""
    return [each for each in statements if "insert into" in each or "update " in each]


async def test_seleqt_accepts_in_one_round_trip(stage: Stage) -> None:
    """After the key, the list and the selection under its bound comes one statement alone."""
    await stage.add_leads(people(3))

    async with noted(stage.pool) as statements:
        status, body = await stage.seleqt({})
        told = list(statements)

    assert (status, body["enriched_count"]) == (200, 3)
    assert len(writing(told)) == 1
    # Nothing follows it, a commit included: it is a transaction of its own.
    assert writing(told) == told[-1:]
    # The list; a bound, the leads and its end; and perhaps the key.
    assert len(told) <= 7, told


async def test_sendkit_accepts_in_one_round_trip(stage: Stage) -> None:
    """Several jobs of one request are one statement, too."""
    ids = await stage.add_leads([{**lead, "email": "a@b.example"} for lead in people(1)])
    asked = {"leadIds": ids, "enrichmentTypes": ["email", "phoneEnrichment", "segGateway"]}

    async with noted(stage.pool) as statements:
        status, body = await stage.sendkit(asked)
        told = list(statements)

    assert (status, len(body["data"]["jobs"])) == (200, 3)
    assert len(writing(told)) == 1
    assert writing(told) == told[-1:]
    # The leads, and perhaps the key.
    assert len(told) <= 3, told
