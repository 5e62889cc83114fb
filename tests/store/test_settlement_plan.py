"""How many rows closing a batch of lookups passes by, with statistics of a quiet time."""

from typing import Any
from uuid import UUID

import asyncpg

from service.store.statements import load_statements
from tests.store.test_lead_plans import nodes

BATCH = 500
SEED = """
insert into lookups (
  job_id, workspace_id, lead_id, target, priority, input, created_at, state, outcome, settled_at
)
select gen_random_uuid(), 1, n, 'email', 1, '{}', now(), 'settled', 'missing', now()
from generate_series(1, 20000) n
"""
RUNNING = """
insert into lookups (
  job_id, workspace_id, lead_id, target, priority, input, created_at, state, owner, epoch
)
select gen_random_uuid(), 1, n, 'phone', 1, '{}', now(), 'running', $1, 1
from generate_series(1, $2::integer) n
returning id
"""


async def test_a_batch_is_found_by_its_ids(connection: asyncpg.Connection) -> None:
    """What is running is not gone through once for each of the batch."""
    columns: list[Any] = [["missing"] * BATCH, [None] * BATCH, [None] * BATCH, [0] * BATCH]
    await connection.execute(SEED)
    await connection.execute("vacuum analyze lookups")
    running = await connection.fetch(RUNNING, UUID(int=1), BATCH)

    (plan,) = await connection.fetchval(
        f"explain (analyze, format json) {load_statements('settlement')['close_lookups']}",
        [row["id"] for row in running],
        [1] * BATCH,
        *columns,
    )
    closed = await connection.fetchval("select count(*) from lookups where owner is null")

    passed = [each["Actual Loops"] * each["Actual Rows"] for each in nodes(plan["Plan"])]
    assert max(passed) <= BATCH
    assert closed == 20_000 + BATCH
