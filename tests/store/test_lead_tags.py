"""The table of tags says what the leads say, whoever writes them."""

from typing import Any

import asyncpg
import pytest

WORKSPACE = "insert into workspaces (public_id, name) values (repeat('a', 24), 'own') returning id"
LEAD = "insert into leads (workspace_id, tags) values ($1, $2) returning id"
COMPANY = "insert into leads (workspace_id, tags, is_company) values ($1, $2, true) returning id"
CHANGES = {
    "other tags": ("update leads set tags = '{b,c}'", {"b", "c"}),
    "the same tags": ("update leads set tags = '{b,a,b}'", {"a", "b"}),
    "no tags": ("update leads set tags = '{}'", set()),
    "something else": ("update leads set first_name = 'Ada'", {"a", "b"}),
    "gone": ("delete from leads", set()),
}


async def kept(connection: asyncpg.Connection) -> list[Any]:
    """Return the table, in order."""
    rows = await connection.fetch("select tag, lead_id from lead_tags order by tag, lead_id")
    return [tuple(row) for row in rows]


@pytest.mark.parametrize(("statement", "tags"), CHANGES.values(), ids=CHANGES)
async def test_tags_follow_their_leads(
    connection: asyncpg.Connection, statement: str, tags: set[str]
) -> None:
    """Each tag of a lead is kept once, from its coming to its going."""
    workspace_id = await connection.fetchval(WORKSPACE)
    lead_id = await connection.fetchval(LEAD, workspace_id, ["a", "b", "a"])

    before = await kept(connection)
    await connection.execute(statement)

    assert before == [("a", lead_id), ("b", lead_id)]
    assert await kept(connection) == [(tag, lead_id) for tag in sorted(tags)]


async def test_companies_are_left_out(connection: asyncpg.Connection) -> None:
    """Only people are found by tag."""
    workspace_id = await connection.fetchval(WORKSPACE)
    await connection.fetchval(COMPANY, workspace_id, ["a"])

    await connection.execute("update leads set tags = '{b}'")
    await connection.execute("delete from leads")

    assert await kept(connection) == []
