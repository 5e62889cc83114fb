"""Requests that arrive together find their leads in one query, each those of its own workspace."""

import asyncio

import asyncpg

from service.flows.share_reads import LEADS_MAX, SharedReads
from tests.flows.workshop import Workshop, open_workshop


async def named(pool: asyncpg.Pool, shop: Workshop, count: int) -> dict[str, int]:
    """Add leads to a workspace; return their ids by public id."""
    lead_ids = await shop.add_leads(count)
    rows = await pool.fetch("select id, public_id from leads where id = any($1)", lead_ids)
    return {row["public_id"]: row["id"] for row in sorted(rows, key=lambda row: row["id"])}


async def test_together_in_few_queries(pool: asyncpg.Pool) -> None:
    """Thirty requests get what each of them named, and take fewer queries than they are."""
    shops = [await open_workshop(pool) for _ in range(3)]
    leads = [await named(pool, shop, LEADS_MAX) for shop in shops]
    asked = [
        (shop, dict(list(of_shop.items())[: place + 1]))
        for place in range(10)
        for shop, of_shop in zip(shops, leads, strict=True)
    ]
    reads, queries = SharedReads(pool), 0

    def count(record: asyncpg.connection.LoggedQuery) -> None:
        nonlocal queries
        queries += "unnest" in record.query

    connections = [await pool.acquire() for _ in range(pool.get_max_size())]
    for each in connections:
        each.add_query_logger(count)
        await pool.release(each)
    found = await asyncio.gather(
        *(reads.find_leads(shop.workspace_id, list(wanted)) for shop, wanted in asked)
    )

    assert found == [wanted for _, wanted in asked]
    assert [list(each.values()) for each in found] == [sorted(each.values()) for each in found]
    assert 0 < queries < 10


async def test_each_its_own(pool: asyncpg.Pool) -> None:
    """A lead of another workspace is not found, also where that one asks at the same moment."""
    ours, theirs = await open_workshop(pool), await open_workshop(pool)
    our_leads, their_leads = await named(pool, ours, 2), await named(pool, theirs, 2)
    reads = SharedReads(pool)
    both = [*our_leads, *their_leads, "nobody"]

    found = await asyncio.gather(
        reads.find_leads(ours.workspace_id, both),
        reads.find_leads(theirs.workspace_id, both),
        reads.find_leads(ours.workspace_id, ["nobody"]),
    )

    assert found == [our_leads, their_leads, {}]
