"""Settling: once per lookup, fenced by the epoch, with one terminal event per job."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import asyncpg
import orjson
import pytest

from service.domain.claim import Answer, Claim, ToRemember
from service.domain.outcome import OutcomeName
from service.domain.question import SHARED
from service.flows.settle_lookups import settle_lookups
from service.store.claims import reclaim_lookups
from service.store.transient import TRANSIENT
from tests.flows.workshop import PUBLICATION, TYPES, found, missing, new_worker, open_workshop

PAST_LEASE = timedelta(seconds=5)
QUESTION = b"question"
TERMINAL = "select * from events where type in ('enrichment.completed', 'enrichment.failed')"


async def test_found_is_kept_and_missing_refunded(pool: asyncpg.Pool) -> None:
    """A find keeps its charge and fills the lead; a miss gives its credits back."""
    shop = await open_workshop(pool)
    await shop.accept(await shop.add_leads(2))
    one, other = await shop.claim(await new_worker(pool))

    assert await settle_lookups(pool, [found(one), missing(other)], PUBLICATION) == 2

    assert await shop.balance() == 1_000 - 3
    job = await pool.fetchrow("select * from jobs")
    assert (
        job["open_count"],
        job["found_count"],
        job["missing_count"],
        job["refunded"],
    ) == (0, 1, 1, 3)
    lead = await pool.fetchrow("select * from leads where id = $1", one.lead_id)
    assert (
        lead["email"],
        lead["email_source"],
        lead["email_verdict"],
    ) == ("nadia@brightwater.leadfall", "found", "deliverable")


async def test_terminal_event_holds_every_row(pool: asyncpg.Pool) -> None:
    """The one event of a finished job tells each lead's result and what came back."""
    shop = await open_workshop(pool)
    accepted = await shop.accept(await shop.add_leads(3), webhook_url="https://hooks.example.net/s")
    claims = await shop.claim(await new_worker(pool))

    await settle_lookups(pool, [found(claims[0]), *map(missing, claims[1:])], PUBLICATION)

    (event,) = await pool.fetch(TERMINAL)
    body = orjson.loads(event["payload"])
    assert body["type"] == "enrichment.completed"
    data = body["data"]
    assert [claim.lead_id for claim in claims] == [row["id"] for row in data["results"]]
    assert (accepted.jobs[0].public_id, 9, 6, 997) == (
        data["job_id"],
        data["credits_deducted"],
        data["credits_refunded"],
        data["remaining_credits"],
    )
    assert (
        await pool.fetchval("select count(*) from deliveries where event_id = $1", event["id"]) == 1
    )


async def test_second_settle_changes_nothing(pool: asyncpg.Pool) -> None:
    """Repeating a settle is harmless: no refund, no count and no event comes twice."""
    shop = await open_workshop(pool)
    await shop.accept(await shop.add_leads(2))
    settlements = [missing(claim) for claim in await shop.claim(await new_worker(pool))]
    await settle_lookups(pool, settlements, PUBLICATION)

    assert await settle_lookups(pool, settlements, PUBLICATION) == 0

    assert await shop.balance() == 1_000
    assert len(await pool.fetch(TERMINAL)) == 1


async def test_worker_that_lost_its_claim_settles_nothing(pool: asyncpg.Pool) -> None:
    """Once another worker has claimed a lookup, only that worker's settle counts."""
    shop = await open_workshop(pool)
    await shop.accept(await shop.add_leads(1))
    (old,) = await shop.claim(await new_worker(pool))
    await pool.execute("delete from processes")
    async with pool.acquire() as connection:
        assert await reclaim_lookups(connection, PAST_LEASE, 10) == 1
    (new,) = await shop.claim(await new_worker(pool))

    assert await settle_lookups(pool, [found(old)], PUBLICATION) == 0
    assert await settle_lookups(pool, [missing(new)], PUBLICATION) == 1

    assert (new.reclaim_count, new.epoch) == (1, 2)
    assert await shop.balance() == 1_000


@pytest.mark.parametrize("attempt", range(10))
async def test_two_last_settles_at_once(pool: asyncpg.Pool, attempt: int) -> None:
    """Two settles that end a job side by side make exactly one terminal event, with every row."""
    shop = await open_workshop(pool)
    await shop.accept(await shop.add_leads(8))
    claims = await shop.claim(await new_worker(pool))
    halves = [
        [found(claim, f"{claim.lead_id}@a.leadfall") for claim in claims[n::2]] for n in (0, 1)
    ]

    await asyncio.gather(*(settle_lookups(pool, half, PUBLICATION) for half in halves))

    (event,) = await pool.fetch(TERMINAL)
    results = orjson.loads(event["payload"])["data"]["results"]
    assert [claim.lead_id for claim in claims] == [row["id"] for row in results]
    assert all(row["success"] for row in results)


async def test_settles_of_shared_workspaces_do_not_deadlock(pool: asyncpg.Pool) -> None:
    """Batches that touch the same jobs and workspaces in any order all succeed."""
    shops = [await open_workshop(pool) for _ in range(4)]
    for shop in shops:
        await shop.accept(await shop.add_leads(16))
    claims = await shops[0].claim(await new_worker(pool))
    batches = [[missing(claim) for claim in claims[n::8]] for n in range(8)]

    counts = await asyncio.gather(
        *(settle_lookups(pool, batch[:: (-1) ** n], PUBLICATION) for n, batch in enumerate(batches))
    )

    assert sum(counts) == 64
    assert [await shop.balance() for shop in shops] == [1_000] * 4
    assert len(await pool.fetch(TERMINAL)) == 4


async def test_accept_and_settle_of_the_same_leads_do_not_deadlock(pool: asyncpg.Pool) -> None:
    """Accepting leads while their open lookups settle waits, and never in a circle."""
    shop = await open_workshop(pool, credits_granted=100_000)
    lead_ids = await shop.add_leads(30)
    await shop.accept(lead_ids)
    worker = await new_worker(pool)

    for _ in range(10):
        claims = await shop.claim(worker)
        settling = [
            settle_lookups(pool, list(map(missing, claims[n::3])), PUBLICATION) for n in range(3)
        ]
        accepting = [shop.accept(lead_ids) for _ in range(3)]
        results = await asyncio.gather(*settling, *accepting, return_exceptions=True)
        assert [result for result in results if isinstance(result, BaseException)] == []

    entries = await pool.fetchval("select sum(amount) from ledger")
    assert entries == await shop.balance()


async def test_row_that_cannot_be_stored_ends_alone(pool: asyncpg.Pool) -> None:
    """A value that the database refuses costs its own lookup only, which is refunded."""
    shop = await open_workshop(pool)
    await shop.accept(await shop.add_leads(3))
    claims = await shop.claim(await new_worker(pool))
    settlements = [found(claim) for claim in claims]
    settlements[1].value["email"] = "nul\x00byte@brightwater.leadfall"

    assert await settle_lookups(pool, settlements, PUBLICATION) == 3

    outcomes = [r["outcome"] for r in await pool.fetch("select outcome from lookups order by id")]
    assert outcomes == [OutcomeName.FOUND, OutcomeName.NO_ANSWER, OutcomeName.FOUND]
    assert await shop.balance() == 1_000 - 6


async def test_verdict_counts_only_for_its_own_address(pool: asyncpg.Pool) -> None:
    """A verdict on an address that the lead no longer has is not written to the lead."""
    shop = await open_workshop(pool)
    (lead_id,) = await shop.add_leads(1)
    await shop.accept([lead_id], job_types=(TYPES["email"],), skip_filled=False)
    (claim,) = await shop.claim(await new_worker(pool))
    await pool.execute("update leads set email = 'new@a.leadfall', email_source = 'given'")

    await settle_lookups(pool, [found(claim, "old@a.leadfall")], PUBLICATION)

    assert None is await pool.fetchval("select email_verdict from leads")


async def test_job_without_an_answer_has_failed(pool: asyncpg.Pool) -> None:
    """A job of which nothing was found or missing ends as failed, refunded in full."""
    shop = await open_workshop(pool)
    await shop.accept(await shop.add_leads(1))
    (claim,) = await shop.claim(await new_worker(pool))
    settlement = missing(claim)
    object.__setattr__(settlement, "outcome", OutcomeName.NO_ANSWER)

    await settle_lookups(pool, [settlement], PUBLICATION)

    (event,) = await pool.fetch(TERMINAL)
    assert event["type"] == "enrichment.failed"


def test_lost_connections_count_as_transient() -> None:
    """Refused and reset connections are OSErrors, which asyncpg does not wrap."""
    assert issubclass(ConnectionRefusedError, TRANSIENT)
    assert issubclass(asyncpg.DeadlockDetectedError, TRANSIENT)


async def test_an_answer_is_in_memory_from_the_moment_at_which_its_call_has_ended(
    pool: asyncpg.Pool,
) -> None:
    """Whoever asks the same meets an open call before that, and the answer after it."""
    shop = await open_workshop(pool)
    await shop.accept(await shop.add_leads(1))
    (claim,) = await shop.claim(await new_worker(pool))
    await pool.execute(
        "insert into calls (lookup_id, step, provider, epoch, question, intended_at)"
        " values ($1, 0, 'leadmagic', $2, $3, now())",
        claim.lookup_id,
        claim.epoch,
        QUESTION,
    )
    before = await known(pool)

    await settle_lookups(pool, [replace(missing(claim), answer=remembered(claim))], PUBLICATION)

    assert (before, await known(pool)) == ([(None, None)], [("missing", "missing")])


async def test_what_cannot_be_settled_is_not_remembered(pool: asyncpg.Pool) -> None:
    """A value that the database refuses is nobody's answer."""
    shop = await open_workshop(pool)
    await shop.accept(await shop.add_leads(1))
    (claim,) = await shop.claim(await new_worker(pool))
    answer = remembered(claim)
    assert answer.keep is not None
    strange = replace(answer.keep, outcome=OutcomeName.FOUND, value={"email": "\0"})
    settlement = replace(found(claim, "\0"), answer=replace(answer, keep=strange))

    assert await settle_lookups(pool, [settlement], PUBLICATION) == 1

    assert await pool.fetchval("select outcome from lookups") == "no_answer"
    assert await pool.fetchval("select count(*) from remembered_answers") == 0


def remembered(claim: Claim) -> Answer:
    """Return an answer that others may use."""
    keep = ToRemember(
        QUESTION, SHARED, "leadmagic", "find_email", b"person", OutcomeName.MISSING, None, 1.0
    )
    return Answer(claim.lookup_id, 0, claim.epoch, OutcomeName.MISSING, keep=keep)


async def known(pool: asyncpg.Pool) -> list[tuple[str | None, str | None]]:
    """Return what is on record of each call, and what memory has for its question."""
    rows = await pool.fetch(
        "select c.outcome, r.outcome as remembered"
        " from calls c left join remembered_answers r on r.key = c.question"
    )
    return [tuple(row) for row in rows]
