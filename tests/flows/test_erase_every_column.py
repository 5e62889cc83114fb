"""Erasing a person whose marks stand in every column that callers, vendors and receivers fill."""

import json
from typing import Final

import asyncpg
import pytest

from service.store.deliveries import claim
from tests.flows.test_erase_people import FOUND, GIVEN, PERSON, Scene, scene, traces_of
from tests.flows.workshop import new_worker

__all__ = ["scene"]

ACCENTED: Final = "zd\u00e9nka-\u017a"
# In lower case, as a database without a locale lowers them, and as JSON or bytes escape them.
MARKS: Final = (
    *PERSON,
    FOUND,
    GIVEN.lower(),
    ACCENTED,
    "zd\u00c9nka-\u0179",
    json.dumps(ACCENTED)[1:-1],
    json.dumps(ACCENTED.upper()).lower()[1:-1],
    "zd\\303\\251nka",
    "zd\\303\\211nka",
    "151 1234",
)
# What says who a lead is, and not what it is like.
NOT_FREE: Final = (
    *("public_id", "email", "email_source", "email_verdict", "linkedin_url"),
    *("first_name", "last_name", "company_domain", "phone", "phone_e164"),
)


async def mark_everything(pool: asyncpg.Pool, lead_id: int) -> list[str]:
    """Write the person into each free text of the lead, its tags and fields; return its columns."""
    rows = await pool.fetch(
        "select column_name from information_schema.columns"
        " where table_schema = 'public' and table_name = 'leads' and data_type = 'text'"
        " and is_generated = 'NEVER'"
        " and column_name <> all($1::text[])",
        NOT_FREE,
    )
    names = [row["column_name"] for row in rows]
    texts = ", ".join(f"{name} = $2 || ' {name}'" for name in names)
    await pool.execute(
        f"update leads set {texts}, tags = array[$2, upper($2)], custom_fields = $3 where id = $1",
        lead_id,
        ACCENTED,
        {ACCENTED: [ACCENTED.upper(), {"Quillfeather": "+49 151 12345678"}]},
    )
    return names


@pytest.mark.parametrize("deletes_first", [False, True])
async def test_nothing_is_left_in_any_column(scene: Scene, *, deletes_first: bool) -> None:
    """Whether the lead is there, or was deleted after its jobs had run."""
    names = await mark_everything(scene.pool, scene.person)
    await scene.pool.execute(
        "insert into lists (workspace_id, name, search_type) values ($1, 'people', 'PEOPLE')",
        scene.shop.workspace_id,
    )
    await scene.pool.execute("insert into list_leads select id, $1 from lists", scene.person)
    await scene.pool.execute(
        "update jobs set metadata = $1", {"for Quillfeather": FOUND.replace("@", "%40")}
    )
    await scene.pool.execute(
        "insert into idempotency_keys (workspace_id, face, key, body_hash, request_id, facts,"
        " created_at) select $1, 'sendkit', 'k', '', request_id, $2, created_at from jobs limit 1",
        scene.shop.workspace_id,
        {"lead_count": 2, "skipped_lead_ids": [scene.person_public_id]},
    )
    before = await traces_of(scene.pool, [*MARKS, scene.person_public_id])
    await scene.pool.execute("delete from leads where id = $1 and $2", scene.person, deletes_first)

    await scene.erase(public_ids=[scene.person_public_id])

    marked = {column for table, column, _ in before if table == "leads"}
    assert {*names, "tags", "custom_fields", "search_text", "country_lower"} <= marked
    assert {"lead_tags", "idempotency_keys", "jobs"} < {table for table, _, _ in before}
    assert await traces_of(scene.pool, [*MARKS, scene.person_public_id]) == set()
    assert await scene.is_clean()


async def test_what_is_just_being_sent_is_withdrawn(scene: Scene) -> None:
    """Its dispatcher finds the claim lost, so that nothing is written of how it ended."""
    endpoint = await scene.pool.fetchval("select id from endpoints")
    async with scene.pool.acquire() as connection:
        claimed = await claim(connection, await new_worker(scene.pool), {endpoint: 10})

    erased = await scene.erase(public_ids=[scene.person_public_id])

    states = await scene.pool.fetch(
        "select state, reason, owner from deliveries where event_id = any($1::uuid[])"
        " and reason = 'erased'",
        [each.event_id for each in claimed],
    )
    assert [tuple(row) for row in states] == [("withdrawn", "erased", None)] * erased.deliveries
    assert erased.deliveries == 2
    assert await traces_of(scene.pool, MARKS) == set()
