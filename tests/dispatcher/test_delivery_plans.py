"""What the database plans for a dispatcher, it plans once, however its tables grow."""

from typing import Any
from uuid import uuid4

import asyncpg
from pydantic import SecretStr

from service import app
from service.settings import Settings
from service.store.deliveries import claim

ROUNDS = 12
OLD = """
insert into deliveries (
  event_id, endpoint_id, workspace_id, event_type, event_created_at, state, due_at, created_at,
  finished_at
)
select gen_random_uuid(), d.endpoint_id, d.workspace_id, d.event_type, d.event_created_at,
       'delivered', d.due_at, d.created_at, d.due_at
from (select * from deliveries limit 1) d, generate_series(1, 20000)
"""
PLANNED_ANEW = """
select sum(custom_plans) from pg_prepared_statements
where statement like '%for no key update of p%'
"""


async def test_a_claim_is_planned_once(world: Any, pool: asyncpg.Pool, database_url: str) -> None:
    """Claims of one delivery each get no plan of their own, not even the first of them."""
    endpoint_id = await world.add_endpoint("https://hooks.example/in")
    await world.publish(2 * ROUNDS)
    settings = Settings(database_url=SecretStr(database_url), redis_url=SecretStr("redis://none"))

    async with app.database(settings, "dispatcher") as own, own.acquire() as connection:
        claimed = [await claim(connection, uuid4(), {endpoint_id: 1}) for _ in range(ROUNDS)]
        await pool.execute(OLD)
        await pool.execute("analyze")
        claimed += [await claim(connection, uuid4(), {endpoint_id: 1}) for _ in range(ROUNDS)]
        planned_anew = await connection.fetchval(PLANNED_ANEW)

    assert [len(each) for each in claimed] == [1] * (2 * ROUNDS)
    assert planned_anew == 0
