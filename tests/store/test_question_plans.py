"""How many calls are gone through to tell who asks a question, with statistics of a quiet time."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from service.store.calls import Grant, Intent, write_intents
from service.store.statements import load_statements
from tests.flows.workshop import new_worker, open_workshop
from tests.store.test_lead_plans import nodes

BATCH, OPEN, IN_VAIN = 100, 3, 5
QUESTION, OTHER = b"q" * 32, b"o" * 32
# Others' calls: a tenth is open, a tenth was in vain.
CALLS = """
insert into calls (lookup_id, step, provider, epoch, outcome, question, intended_at, answered_at)
select n, 9, 'leadmagic', 1, outcome, sha256(n::text::bytea), now(),
       case when outcome is not null then now() end
from (
  select n, case n % 10 when 0 then null when 1 then 'no_answer' else 'found' end as outcome
  from generate_series(1, 20000) n
) each
"""
LOOKUPS = """
insert into lookups (job_id, workspace_id, lead_id, target, priority, input, created_at)
select gen_random_uuid(), 1, 2000000 + n, 'email', 1, '{}', now() from generate_series(1, 20000) n
"""
ASKED = """
update calls set question = $1
where lookup_id = any(array(select lookup_id from calls where outcome is null limit $2::integer))
   or lookup_id = any(array(
        select lookup_id from calls where outcome = 'no_answer' limit $3::integer))
"""
ROOM = "select room from leadfall_room_to_ask($1, now() - interval '1 hour', 1, 1::smallint, true)"
# What a worker may have done before anybody used the service: a plan is kept after the fifth time.
EARLY = 8
LOOKS_EACH = 3
LEASE = timedelta(seconds=30)
HELD = """
insert into lookups
  (job_id, workspace_id, lead_id, target, priority, input, created_at, state, owner, epoch)
select j.id, j.workspace_id, 1000000 + n, 'email', 1, '{}', now(), 'running', $1, 1
from jobs j, generate_series(1, $2::integer) n
returning id
"""
REMEMBERED = """
insert into remembered_answers
  (key, scope, provider, capability, person, outcome, answered_at, expires_at)
select sha256((n + 100000)::text::bytea), 0, 'leadmagic', 'find_email', 'p', 'missing', now(),
       now() + interval '1 day'
from generate_series(1, 20000) n
"""
READ = """
select coalesce(sum(seq_tup_read), 0), coalesce(sum(idx_tup_fetch), 0)
from pg_stat_xact_user_tables
where relname in ('calls', 'lookups', 'submissions', 'remembered_answers')
"""


@pytest.fixture
async def filled(connection: asyncpg.Connection) -> asyncpg.Connection:
    """A connection to a database that has filled since it was looked at."""
    await connection.execute("vacuum analyze calls, lookups, submissions, remembered_answers")
    await connection.execute(LOOKUPS)
    await connection.execute(CALLS)
    await connection.execute(ASKED, QUESTION, OPEN, IN_VAIN)
    return connection


async def test_what_nobody_asks_costs_a_look_at_two_indexes(filled: asyncpg.Connection) -> None:
    """As nearly all questions: nothing is gone through for them."""
    questions = [bytes([place]) * 32 for place in range(BATCH)]

    plan = await _plan(filled, load_statements("memory")["recall"], questions)

    assert max(map(_passed, nodes(plan))) <= 1


async def test_the_calls_of_one_question_are_counted(filled: asyncpg.Connection) -> None:
    """And of no other one."""
    assert await filled.fetchval(ROOM, QUESTION) == IN_VAIN - OPEN
    assert await filled.fetchval(ROOM, OTHER) == 1

    plan = await _plan(filled, ROOM, QUESTION)

    assert max(map(_passed, nodes(plan))) <= OPEN + IN_VAIN


async def test_a_plan_made_early_serves_later(
    pool: asyncpg.Pool, connection: asyncpg.Connection
) -> None:
    """A worker that was connected before there was anything goes through no table either."""
    shop, owner = await open_workshop(pool), await new_worker(pool)
    await shop.accept(await shop.add_leads(EARLY))
    for claim in await shop.claim(owner):
        await _intend(connection, [claim.lookup_id])
    held = [row["id"] for row in await connection.fetch(HELD, owner, BATCH)]
    await connection.execute(LOOKUPS)
    await connection.execute(CALLS)
    await connection.execute(REMEMBERED)

    async with connection.transaction():
        before = await connection.fetchrow(READ)
        grants = await _intend(connection, held)
        after = await connection.fetchrow(READ)

    assert grants == [Grant.GRANTED] * BATCH
    gone_through, looked_up = (now - was for now, was in zip(after, before, strict=True))
    assert gone_through == 0
    assert looked_up <= BATCH * LOOKS_EACH


async def _intend(connection: asyncpg.Connection, lookup_ids: Sequence[int]) -> list[Grant]:
    intents = [
        Intent(each, 0, "leadmagic", 1, question=each.to_bytes(32, "big")) for each in lookup_ids
    ]
    return await write_intents(connection, intents, LEASE)


async def _plan(connection: asyncpg.Connection, sql: str, *asked: Any) -> Any:
    (plan,) = await connection.fetchval(f"explain (analyze, format json) {sql}", *asked)
    return plan["Plan"]


def _passed(node: dict[str, Any]) -> float:
    rows: float = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return node["Actual Loops"] * rows
