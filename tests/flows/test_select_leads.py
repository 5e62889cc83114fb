"""Selecting the leads of a request is bounded in time, in whatever order and by whatever filter."""

import asyncio
import tracemalloc

import asyncpg
import pytest

from service.domain.kinds import Target
from service.domain.lead_filter import Condition, LeadFilter
from service.errors import FilterTooBroad
from service.flows.select_leads import count_in_list, select_from_list
from service.store.connection import Pool
from service.store.lead_selection import Sorting, Wanted
from tests.flows.workshop import open_workshop

MANY = 50_000
# An integer, its place in a list, and the answer on its way: no row of its own.
BYTES_PER_LEAD_MAX = 80


async def _count(pool: Pool, wanted: Wanted) -> None:
    async with pool.acquire() as connection:
        await count_in_list(connection, wanted)


async def _select(pool: Pool, wanted: Wanted) -> None:
    async with pool.acquire() as connection:
        await select_from_list(wanted, limit=100)(connection)


@pytest.mark.parametrize(
    ("lead_filter", "error"),
    [
        (LeadFilter(), asyncpg.QueryCanceledError),
        (LeadFilter({"seniority": Condition(("vp",))}), FilterTooBroad),
    ],
    ids=["whole list", "filter"],
)
async def test_a_list_in_its_own_order_is_bounded_too(
    pool: asyncpg.Pool, lead_filter: LeadFilter, error: type[Exception]
) -> None:
    """Who still lacks a value is looked for no longer than any filter may take.

    Only who gave a filter is told to narrow it; the others are to come again.
    """
    shop = await open_workshop(pool)
    list_id = await pool.fetchval(
        "insert into lists (workspace_id, name, search_type) values ($1, 'people', 'PEOPLE')"
        " returning id",
        shop.workspace_id,
    )
    wanted = Wanted(shop.workspace_id, list_id, lead_filter=lead_filter, lacking=Target.EMAIL)

    async with pool.acquire() as blocker, blocker.transaction():
        await blocker.execute("lock table leads in access exclusive mode")
        ended = await asyncio.gather(
            _count(pool, wanted), _select(pool, wanted), return_exceptions=True
        )

    assert [type(each) for each in ended] == [error, error]


@pytest.mark.parametrize("descending", [False, True])
async def test_gaps_of_either_side_are_passed_over(pool: asyncpg.Pool, *, descending: bool) -> None:
    """A list in which every third is filled, among leads of no list, gives all others in turn."""
    shop = await open_workshop(pool)
    leads = await shop.add_leads(30)
    await pool.execute("update leads set phone_e164 = '+4915112345678' where id % 3 = 0")
    list_id = await pool.fetchval(
        "insert into lists (workspace_id, name, search_type) values ($1, 'people', 'PEOPLE')"
        " returning id",
        shop.workspace_id,
    )
    await pool.execute(
        "insert into list_leads select $1, id from unnest($2::bigint[]) id where id % 2 = 0",
        list_id,
        leads,
    )
    expected = [lead for lead in leads if lead % 2 == 0 and lead % 3 > 0]
    sorting = Sorting("id", descending=descending)
    wanted = Wanted(shop.workspace_id, list_id, sorting=sorting, lacking=Target.PHONE)

    async with pool.acquire() as connection:
        chosen = await select_from_list(wanted, limit=100)(connection)
        total = await count_in_list(connection, wanted)

    assert chosen.lead_ids == sorted(expected, reverse=descending)
    assert total.count == len(expected)


async def test_many_leads_take_little_memory(pool: asyncpg.Pool) -> None:
    """Of each lead of a large request its id is kept, and nothing more."""
    shop = await open_workshop(pool)
    list_id = await pool.fetchval(
        "with made as (insert into lists (workspace_id, name, search_type)"
        "  values ($1, 'people', 'PEOPLE') returning id),"
        " people as (insert into leads (workspace_id, first_name)"
        "  select $1, 'Ada' from generate_series(1, $2::integer) returning id),"
        " put as (insert into list_leads select made.id, people.id from made, people)"
        " select id from made",
        shop.workspace_id,
        MANY,
    )
    select = select_from_list(Wanted(shop.workspace_id, list_id), limit=MANY)

    async with pool.acquire() as connection:
        tracemalloc.start()
        try:
            chosen = await select(connection)
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert chosen.lookup_count == MANY
    assert peak_bytes / MANY < BYTES_PER_LEAD_MAX
