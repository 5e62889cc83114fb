"""Accepting: everything or nothing, priced as inserted, once per Idempotency-Key."""

import asyncio

import asyncpg
import orjson
import pytest

from service.errors import InsufficientCredits, KeyReused
from service.store.acceptance import Idempotency
from tests.flows.workshop import TYPES, open_workshop


async def test_accept_writes_all_of_it(pool: asyncpg.Pool) -> None:
    """Job, lookups, charge and event are there once a request is accepted."""
    shop = await open_workshop(pool)
    lead_ids = await shop.add_leads(5)

    accepted = await shop.accept(lead_ids)

    job = await pool.fetchrow("select * from jobs")
    assert (
        job["lookup_count"],
        job["open_count"],
        job["charged"],
        accepted.balance,
    ) == (5, 5, 15, 985)
    assert await shop.balance() == 985
    assert [
        r["amount"] for r in await pool.fetch("select amount from ledger where kind = 'charge'")
    ] == [-15]
    assert sorted(lead_ids) == [
        r["lead_id"] for r in await pool.fetch("select lead_id from lookups order by 1")
    ]
    event = await pool.fetchrow("select * from events")
    assert event["type"] == "enrichment.accepted"
    assert {"type", "timestamp", "data"} == set(orjson.loads(event["payload"]))


async def test_several_types_are_one_charge_each(pool: asyncpg.Pool) -> None:
    """Each type is a job of its own; the request is charged as a whole."""
    shop = await open_workshop(pool)
    lead_ids = await shop.add_leads(2)

    accepted = await shop.accept(
        lead_ids, job_types=(TYPES["email"], TYPES["phoneEnrichment"]), price=7, skip_filled=False
    )

    assert [job.charged for job in accepted.jobs] == [14, 14]
    assert await pool.fetchval("select count(*) from ledger where kind = 'charge'") == 2
    assert await shop.balance() == 972


async def test_free_kind_leaves_no_entry(pool: asyncpg.Pool) -> None:
    """A job without a price runs on an empty balance and enters nothing."""
    shop = await open_workshop(pool, credits_granted=0)

    accepted = await shop.accept(
        await shop.add_leads(2), job_types=(TYPES["segGateway"],), price=0, skip_filled=False
    )

    assert accepted.charged == 0
    assert await pool.fetchval("select count(*) from ledger") == 0


async def test_short_of_credits_leaves_nothing(pool: asyncpg.Pool) -> None:
    """A request that costs more than there is says by how much, and changes nothing."""
    shop = await open_workshop(pool, credits_granted=14)
    lead_ids = await shop.add_leads(5)

    with pytest.raises(InsufficientCredits, match="Need 15, have 14"):
        await shop.accept(lead_ids, idempotency=Idempotency("key", b"hash"))

    tables = ("jobs", "lookups", "events", "idempotency_keys")
    assert [await pool.fetchval(f"select count(*) from {name}") for name in tables] == [0, 0, 0, 0]
    assert await shop.balance() == 14


async def test_lookup_open_elsewhere_is_left_out(pool: asyncpg.Pool) -> None:
    """Leads whose lookup is open already are neither taken nor charged again."""
    shop = await open_workshop(pool)
    lead_ids = await shop.add_leads(4)
    await shop.accept(lead_ids[:3])

    again = await shop.accept(lead_ids)

    assert again.lookup_count == 1
    assert await shop.balance() == 988


async def test_no_leads_is_a_finished_job(pool: asyncpg.Pool) -> None:
    """A request that comes to nothing costs nothing and has its terminal event at once."""
    shop = await open_workshop(pool)

    accepted = await shop.accept([])

    assert (accepted.lookup_count, accepted.charged, accepted.balance) == (0, 0, 1_000)
    types = [r["type"] for r in await pool.fetch("select type from events order by type")]
    assert types == ["enrichment.accepted", "enrichment.completed"]


@pytest.mark.parametrize("attempt", range(5))
async def test_two_at_once_over_the_same_leads(pool: asyncpg.Pool, attempt: int) -> None:
    """Two requests side by side never open a lead twice, and charge what they really took."""
    shop = await open_workshop(pool)
    lead_ids = await shop.add_leads(40)

    accepted = await asyncio.gather(*(shop.accept(lead_ids[n * 5 :]) for n in range(4)))

    assert sum(each.lookup_count for each in accepted) == 40
    assert await pool.fetchval("select count(distinct lead_id) from lookups") == 40
    assert await pool.fetchval("select count(*) from lookups") == 40
    assert await shop.balance() == 1_000 - 40 * 3
    assert [each.lookup_count * 3 for each in accepted] == [each.charged for each in accepted]
    jobs = await pool.fetch("select id, open_count, finished_at from jobs")
    assert [
        job["id"] for job in jobs if (job["open_count"] == 0) != (job["finished_at"] is not None)
    ] == []


async def test_balance_never_below_zero(pool: asyncpg.Pool) -> None:
    """Of many requests at once, as many succeed as the balance pays for."""
    shop = await open_workshop(pool, credits_granted=30)
    leads = [await shop.add_leads(2) for _ in range(8)]

    results = await asyncio.gather(*(shop.accept(each) for each in leads), return_exceptions=True)

    assert len([result for result in results if isinstance(result, InsufficientCredits)]) == 3
    assert await shop.balance() == 0


async def test_key_used_again_answers_the_same(pool: asyncpg.Pool) -> None:
    """The same key and body name the same jobs and charge once."""
    shop = await open_workshop(pool)
    lead_ids = await shop.add_leads(3)
    key = Idempotency("order-1", b"body")
    first = await shop.accept(lead_ids, idempotency=key)

    second = await shop.accept(lead_ids, idempotency=key)

    assert second.replayed
    assert [job.public_id for job in first.jobs] == [job.public_id for job in second.jobs]
    assert await shop.balance() == 991


async def test_key_used_twice_at_once_is_one_request(pool: asyncpg.Pool) -> None:
    """Two requests with one key, side by side, are one job and one charge."""
    shop = await open_workshop(pool)
    lead_ids = await shop.add_leads(3)
    key = Idempotency("order-1", b"body")

    answers = await asyncio.gather(*(shop.accept(lead_ids, idempotency=key) for _ in range(6)))

    assert len({answer.jobs[0].public_id for answer in answers}) == 1
    assert len([answer for answer in answers if answer.replayed]) == 5
    assert await pool.fetchval("select count(*) from jobs") == 1
    assert await shop.balance() == 991


async def test_key_with_another_body_is_refused(pool: asyncpg.Pool) -> None:
    """A key that came with another body before is an error and changes nothing."""
    shop = await open_workshop(pool)
    lead_ids = await shop.add_leads(3)
    await shop.accept(lead_ids[:1], idempotency=Idempotency("order-1", b"body"))

    with pytest.raises(KeyReused):
        await shop.accept(lead_ids, idempotency=Idempotency("order-1", b"other"))

    assert await pool.fetchval("select count(*) from jobs") == 1


async def test_low_balance_is_told_once(pool: asyncpg.Pool) -> None:
    """One event for each time the balance falls below the threshold, none while it stays there."""
    shop = await open_workshop(pool, credits_granted=106)
    leads = [await shop.add_leads(1) for _ in range(4)]

    for each in leads:
        await shop.accept(each)

    assert await pool.fetchval("select count(*) from events where type = 'credits.low'") == 1


async def test_ten_thousand_leads_in_one_request(pool: asyncpg.Pool) -> None:
    """The largest request allowed by default is accepted whole."""
    shop = await open_workshop(pool, credits_granted=30_000)

    accepted = await shop.accept(await shop.add_leads(10_000))

    assert (accepted.lookup_count, accepted.balance) == (10_000, 0)
