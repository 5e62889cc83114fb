"""How many rows a claim passes by, early and late in a large job."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from service.store.statements import load_statements
from tests.store.test_lead_plans import nodes

BATCH = 100
JOB = UUID(int=1)
LOOKUPS = """
insert into lookups (job_id, workspace_id, lead_id, target, priority, input, created_at)
select $1, 1, n, 'email', 1, '{}', now() from generate_series(1, 10000) n
"""
BEGUN = """
update lookups set state = 'running', owner = $1, epoch = 1
where id in (select id from lookups order by id limit $2::integer)
"""
ASKED = (UUID(int=2), 1, BATCH, 0, 16, [], [])


@pytest.mark.parametrize("begun", [0, 5_000])
async def test_a_claim_passes_by_what_was_claimed(
    connection: asyncpg.Connection, begun: int
) -> None:
    """Lookups that others run are not gone through, however many there are before the ready ones.

    The statistics are of the moment at which all of them were ready.
    """
    await connection.execute(LOOKUPS, JOB)
    await connection.execute("vacuum analyze lookups")
    await connection.execute(BEGUN, UUID(int=3), begun)

    (plan,) = await connection.fetchval(
        f"explain (analyze, format json) {load_statements('claims')['claim']}", *ASKED
    )
    claimed = await connection.fetchval("select count(*) from lookups where owner = $1", ASKED[0])

    assert max(_passed(each) for each in nodes(plan["Plan"])) <= BATCH
    assert claimed == BATCH


async def test_what_was_answered_is_found_by_its_ids(connection: asyncpg.Connection) -> None:
    """The rest of what is ready is not gone through, whatever old statistics say of it."""
    await connection.execute(LOOKUPS, JOB)
    await connection.execute("update lookups set state = 'waiting'")
    await connection.execute("vacuum analyze lookups")
    await connection.execute("update lookups set state = 'ready'")
    ids = await connection.fetchval("select array_agg(id) from lookups where id % 100 = 7")

    (plan,) = await connection.fetchval(
        f"explain (analyze, format json) {load_statements('claims')['claim']}",
        *ASKED[:-2],
        [1],
        ids,
    )

    # PostgreSQL 15 meets each of them twice; to go through all would be ten thousand.
    assert max(_passed(each) for each in nodes(plan["Plan"])) <= 2 * BATCH
    assert await connection.fetchval("select count(*) from lookups where owner = $1", ASKED[0]) == (
        len(ids)
    )


def _passed(node: dict[str, Any]) -> float:
    rows: float = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return node["Actual Loops"] * rows
