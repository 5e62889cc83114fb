"""Requests that arrive together share a commit, and get of it what they would get alone."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg
import pytest

from service.errors import InsufficientCredits
from service.flows.accept_jobs import Accepted
from service.flows.settle_lookups import settle_lookups
from service.flows.share_commits import LOOKUPS_MAX, SharedCommits
from service.store.acceptance import Idempotency
from service.store.events import ensure_hidden_endpoint
from tests.flows.workshop import PUBLICATION, TYPES, Workshop, missing, new_worker, open_workshop

PRICE = 3
SOON_S = 2.0
ROUNDS = 30
RECEIVER = "https://receiver.test/hook"
EMAIL_AND_PHONE = (TYPES["FIND_EMAIL"], TYPES["FIND_PHONE"])


async def accept_at_once(
    commits: SharedCommits, asked: Sequence[tuple[Workshop, Sequence[int]]]
) -> list[Accepted | BaseException]:
    """Make all these requests at the same moment, each without a key."""
    return await asyncio.gather(
        *(shop.accept(lead_ids, price=PRICE, commits=commits) for shop, lead_ids in asked),
        return_exceptions=True,
    )


async def transactions(pool: asyncpg.Pool) -> int:
    """Return how many transactions wrote the jobs there are."""
    count: int = await pool.fetchval("select count(distinct xmin::text) from jobs")
    return count


@asynccontextmanager
async def locked(pool: asyncpg.Pool, shop: Workshop) -> AsyncIterator[None]:
    """Hold the row of a workspace, as a settlement does for a moment."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "select from workspaces where id = $1 for update", shop.workspace_id
        )
        yield


async def test_requests_together_share_transactions(pool: asyncpg.Pool) -> None:
    """Twenty requests of five workspaces take fewer commits than there are requests."""
    shops = [await open_workshop(pool) for _ in range(5)]
    asked = [(shop, [lead]) for shop in shops for lead in await shop.add_leads(4)]

    accepted = await accept_at_once(SharedCommits(pool), asked)

    assert [each.charged for each in accepted if isinstance(each, Accepted)] == [PRICE] * 20
    assert [await shop.balance() for shop in shops] == [1_000 - 4 * PRICE] * 5
    assert await pool.fetchval("select count(*) from lookups") == 20
    assert await transactions(pool) < 20


async def test_jobs_of_a_request_keep_their_leads(pool: asyncpg.Pool) -> None:
    """Each request has its own leads, in a job of its own, whoever came with it."""
    shop = await open_workshop(pool)
    groups = [await shop.add_leads(count) for count in (1, 3, 2)]

    accepted = await accept_at_once(SharedCommits(pool), [(shop, group) for group in groups])

    assert [each.lookup_count for each in accepted if isinstance(each, Accepted)] == [1, 3, 2]
    rows = await pool.fetch(
        "select array_agg(lead_id order by lead_id) as leads from lookups group by job_id"
    )
    assert sorted(row["leads"] for row in rows) == sorted(groups)


async def test_a_refused_request_refuses_nobody_else(pool: asyncpg.Pool) -> None:
    """Who cannot pay is told so; those who came with them are accepted."""
    rich, poor = await open_workshop(pool), await open_workshop(pool, credits_granted=PRICE)
    asked = [(rich, [lead]) for lead in await rich.add_leads(6)]
    asked += [(poor, await poor.add_leads(2))]

    *accepted, refused = await accept_at_once(SharedCommits(pool), asked)

    assert [type(each) for each in accepted] == [Accepted] * 6
    assert str(refused) == str(InsufficientCredits(required=2 * PRICE, available=PRICE))
    assert (await rich.balance(), await poor.balance()) == (1_000 - 6 * PRICE, PRICE)


async def test_requests_that_cannot_all_be_paid(pool: asyncpg.Pool) -> None:
    """Of requests of one workspace as many are accepted as it can pay, and no more."""
    shop = await open_workshop(pool, credits_granted=5 * PRICE + 1)
    asked = [(shop, [lead]) for lead in await shop.add_leads(12)]

    accepted = await accept_at_once(SharedCommits(pool), asked)

    assert sorted(type(each).__name__ for each in accepted) == (
        ["Accepted"] * 5 + ["InsufficientCredits"] * 7
    )
    assert await shop.balance() == 1
    assert await pool.fetchval("select count(*) from jobs") == 5


async def test_a_refused_workspace_goes_apart(pool: asyncpg.Pool) -> None:
    """After a refusal the requests of that workspace no longer stand in the way of others."""
    rich, poor = await open_workshop(pool), await open_workshop(pool, credits_granted=0)
    commits = SharedCommits(pool)
    unpaid = await poor.add_leads(1)
    leads = await rich.add_leads(20)
    await accept_at_once(commits, [(rich, leads[:2]), (poor, unpaid)])
    before = await transactions(pool)

    *accepted, refused = await accept_at_once(
        commits, [*((rich, [lead]) for lead in leads[2:]), (poor, unpaid)]
    )

    assert [type(each) for each in accepted] == [Accepted] * 18
    assert type(refused) is InsufficientCredits
    assert await transactions(pool) - before < 18


async def test_a_key_twice_at_once(pool: asyncpg.Pool) -> None:
    """Two requests with one key in one batch are one request, charged once."""
    shop = await open_workshop(pool)
    leads = await shop.add_leads(2)
    commits = SharedCommits(pool)
    key = Idempotency("key", b"hash")

    accepted = await asyncio.gather(
        *(shop.accept(leads, commits=commits, idempotency=key) for _ in range(6))
    )

    assert sorted(each.replayed for each in accepted) == [False, True, True, True, True, True]
    assert len({each.jobs[0].public_id for each in accepted}) == 1
    assert await shop.balance() == 1_000 - 2 * PRICE


async def test_the_same_leads_at_once(pool: asyncpg.Pool) -> None:
    """Leads that several requests of one batch want are opened and charged once."""
    shop = await open_workshop(pool)
    leads = await shop.add_leads(3)

    accepted = await accept_at_once(SharedCommits(pool), [(shop, leads)] * 6)

    assert sum(each.lookup_count for each in accepted if isinstance(each, Accepted)) == 3
    assert await pool.fetchval("select count(*) from lookups") == 3
    assert await shop.balance() == 1_000 - 3 * PRICE


async def test_a_held_lock_delays_only_who_needs_it(pool: asyncpg.Pool) -> None:
    """While somebody holds a workspace, requests of others that came with its own are accepted."""
    held, free = await open_workshop(pool), await open_workshop(pool)
    commits = SharedCommits(pool)
    waiting = await held.add_leads(1)

    async with locked(pool, held):
        task = asyncio.create_task(held.accept(waiting, commits=commits))
        asked = [(free, [lead]) for lead in await free.add_leads(10)]
        async with asyncio.timeout(SOON_S):
            accepted = await accept_at_once(commits, asked)
        was_waiting = not task.done()

    assert [type(each) for each in accepted] == [Accepted] * 10
    assert was_waiting
    assert (await task).lookup_count == 1


@pytest.mark.parametrize("lead_count", [LOOKUPS_MAX, LOOKUPS_MAX + 1])
async def test_small_and_large(pool: asyncpg.Pool, lead_count: int) -> None:
    """A request is taken whole, whether it shares its commit or not."""
    shop = await open_workshop(pool)

    leads = await shop.add_leads(lead_count)
    accepted = await shop.accept(leads, price=1, commits=SharedCommits(pool))

    assert accepted.lookup_count == lead_count


async def test_a_shared_transaction_has_a_bound(pool: asyncpg.Pool) -> None:
    """Large requests share too, but not more of them than a transaction may have lookups."""
    shops = [await open_workshop(pool) for _ in range(8)]
    asked = [(shop, await shop.add_leads(LOOKUPS_MAX // 2 - 1)) for shop in shops]
    commits = SharedCommits(pool)

    accepted = await asyncio.gather(
        *(shop.accept(leads, price=1, commits=commits) for shop, leads in asked)
    )

    assert {each.lookup_count for each in accepted} == {LOOKUPS_MAX // 2 - 1}
    sizes = await pool.fetch("select count(*) from lookups group by xmin::text")
    assert len(sizes) < len(shops)
    assert max(row["count"] for row in sizes) <= LOOKUPS_MAX


async def accept_again_and_again(commits: SharedCommits, shop: Workshop, lead_id: int) -> int:
    """Accept a lead over and over, as soon as its lookup is free; return how often it was."""
    taken = 0
    for _ in range(ROUNDS):
        taken += (await shop.accept([lead_id], price=PRICE, commits=commits)).lookup_count
    return taken


async def settle_until(accepting: "asyncio.Future[list[int]]", shops: Sequence[Workshop]) -> None:
    """Settle whatever is accepted, of all workspaces in one batch, each refunded."""
    owner = await new_worker(shops[0].pool)
    while claims := await shops[0].claim(owner) or not accepting.done():
        if isinstance(claims, list):
            await settle_lookups(
                shops[0].pool, [missing(claim) for claim in reversed(claims)], PUBLICATION
            )


async def test_nobody_is_told_of_deadlocks(pool: asyncpg.Pool) -> None:
    """Batches and settlements meet over the same leads and balances: all are done and add up."""
    shops = [await open_workshop(pool) for _ in range(3)]
    commits = SharedCommits(pool)
    leads = [(shop, lead_id) for shop in shops for lead_id in await shop.add_leads(5)]

    accepting = asyncio.gather(*(accept_again_and_again(commits, *each) for each in leads))
    await settle_until(accepting, shops)
    taken = await accepting
    # What was accepted after the last look.
    await settle_until(accepting, shops)

    assert sum(taken) == await pool.fetchval("select count(*) from lookups")
    assert [await shop.balance() for shop in shops] == [1_000, 1_000, 1_000]


async def test_an_empty_job_and_a_settlement_need_not_wait_in_a_circle(pool: asyncpg.Pool) -> None:
    """Both tell one URL and change one balance: they take the two in the same order."""
    shop = await open_workshop(pool)
    (lead_id,) = await shop.add_leads(1)
    await pool.execute(
        "update leads set email = 'a@b.test', email_source = 'given', email_parses = true"
    )
    async with pool.acquire() as connection, connection.transaction():
        await ensure_hidden_endpoint(connection, shop.workspace_id, RECEIVER)
        accepting = asyncio.create_task(
            shop.accept([lead_id], job_types=EMAIL_AND_PHONE, webhook_url=RECEIVER)
        )
        await somebody_waits(pool)

        await connection.execute("set local lock_timeout = '300ms'")
        await connection.execute("update workspaces set balance = balance + 1")

    assert [job.lookup_count for job in (await accepting).jobs] == [0, 1]


async def somebody_waits(pool: asyncpg.Pool) -> None:
    """Wait until a transaction waits for another."""
    waiting = "select exists(select from pg_locks where not granted)"
    async with asyncio.timeout(5):
        while not await pool.fetchval(waiting):
            await asyncio.sleep(0.01)
