"""How many rows a claim passes by, early and late in a large job, and what is done each second."""

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
SETTLED = "update lookups set state = 'settled', outcome = 'missing', settled_at = now()"
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


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize(
    ("file", "name", "values"),
    [
        ("claims", "claim", f"'{UUID(int=2)}', 1, {BATCH}, 0, 16, '{{}}', '{{}}'"),
        ("claims", "wake_due", f"{BATCH}"),
        ("claims", "reclaim", f"'5 s', {BATCH}"),
        ("processes", "owned_lookups", f"'{UUID(int=3)}'"),
    ],
)
async def test_what_is_open_is_not_gone_through(
    connection: asyncpg.Connection, file: str, name: str, values: str, mode: str
) -> None:
    """It is found by its state, also where nothing was open when the statistics were taken.

    So it is whenever a large job comes after a quiet time, until the next analyze.
    """
    await connection.execute(LOOKUPS, JOB)
    await connection.execute(SETTLED)
    await connection.execute("vacuum analyze lookups")
    await connection.execute(LOOKUPS, JOB)
    await connection.execute(f"set plan_cache_mode = {mode}")
    await connection.execute(f"prepare asked as {load_statements(file)[name]}")

    (plan,) = await connection.fetchval(f"explain (analyze, format json) execute asked ({values})")

    assert max(_passed(each) for each in nodes(plan["Plan"])) <= BATCH


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
