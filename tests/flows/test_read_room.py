"""Room for a submission: no more are made than the vendor lets be read; the wait is bounded."""

import asyncio
from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest

from providers.registry import all_providers
from service.domain.identifiers import new_id
from service.domain.kinds import Capability
from service.flows.accept_jobs import ASYNC_PRIORITY, SYNC_PRIORITY
from service.flows.credentials import OPERATOR, Credential
from service.flows.planned_call import PlannedCall
from service.flows.read_room import ROOM_PATIENCE_S, ReadRoom, open_max
from service.store.connection import open_pool
from service.store.submissions import NewSubmission, close_submission, intend_submission
from tests.flows.workshop import new_worker, open_workshop

ICYPEAS_MAX = 5
"""Thirty reads a minute, each submission every ten seconds."""
SCALE = 0.01


def nobody() -> set[int]:
    """Return those who wait for a submission and have none open: nobody."""
    return set()


async def plan(pool: asyncpg.Pool, slug: str = "icypeas", key: str = OPERATOR) -> PlannedCall:
    """Return a call that is to be submitted."""
    shop, provider = await open_workshop(pool), all_providers()[slug]
    offer = provider.offer(Capability.FIND_EMAIL)
    assert offer is not None
    await shop.accept(await shop.add_leads(1))
    [claim] = await shop.claim(await new_worker(pool))
    return PlannedCall(claim, 0, provider, offer, Credential(key, ""), offer.deadline_s)


async def submit(pool: asyncpg.Pool, count: int) -> list[UUID]:
    """Let so many submissions of the operator's wait for their answers."""
    owner = await new_worker(pool)
    ids = [new_id() for _ in range(count)]
    async with pool.acquire() as connection:
        for each in ids:
            new = NewSubmission(each, "icypeas", Capability.FIND_EMAIL, OPERATOR, str(each), 300.0)
            await intend_submission(connection, new, owner)
    return ids


def room_of(pool: asyncpg.Pool, *, scale: float = SCALE, stopping: bool = False) -> ReadRoom:
    """Return a worker's room."""
    return ReadRoom(pool, stopping=lambda: stopping, time_scale=scale)


@pytest.mark.parametrize(
    ("slug", "most"),
    [("icypeas", ICYPEAS_MAX), ("bettercontact", 10), ("fullenrich", 28), ("hunter", None)],
)
def test_how_many_can_be_read(slug: str, most: int | None) -> None:
    """As many as reads fit into the pace of one, or into half of a rate that submits share."""
    provider = all_providers()[slug]
    offer = provider.offer(Capability.FIND_EMAIL)
    assert offer is not None

    assert open_max(provider, offer) == most


async def test_one_more_waits_until_one_was_read(pool: asyncpg.Pool) -> None:
    """An answer makes room for the next submission."""
    waiting = await submit(pool, ICYPEAS_MAX)
    entering = asyncio.create_task(room_of(pool, scale=1.0).wait(await plan(pool), nobody))
    done, _ = await asyncio.wait([entering], timeout=0.2)

    async with pool.acquire() as connection:
        await close_submission(connection, waiting[0], "answered")

    async with asyncio.timeout(3):
        await entering
    assert done == set()


@pytest.mark.parametrize(
    ("slug", "key", "priority", "stopping"),
    [
        ("icypeas", "key:7", ASYNC_PRIORITY, False),
        ("bettercontact", OPERATOR, ASYNC_PRIORITY, False),
        ("icypeas", OPERATOR, SYNC_PRIORITY, False),
        ("icypeas", OPERATOR, ASYNC_PRIORITY, True),
    ],
    ids=["another key", "another vendor", "a sync caller", "a worker that ends"],
)
async def test_who_need_not_wait(
    pool: asyncpg.Pool, slug: str, key: str, priority: int, *, stopping: bool
) -> None:
    """What one key has submitted is no other key's concern, and a sync caller has room kept."""
    await submit(pool, ICYPEAS_MAX)
    planned = await plan(pool, slug, key)
    call = replace(planned, claim=replace(planned.claim, priority=priority))

    async with asyncio.timeout(0.5):
        await room_of(pool, scale=1.0, stopping=stopping).wait(call, nobody)


async def test_who_has_nothing_open_waits_for_nobody_s_answer(pool: asyncpg.Pool) -> None:
    """A workspace that comes anew has room beyond what a big job fills; not so its next one."""
    await submit(pool, ICYPEAS_MAX)
    call = await plan(pool)
    newcomer = call.claim.workspace_id

    async with asyncio.timeout(0.5):
        await room_of(pool, scale=1.0).wait(call, lambda: {newcomer})
    [submitted] = await submit(pool, 1)
    await pool.execute(
        "insert into calls (lookup_id, step, provider, epoch, submission_id, intended_at)"
        " values ($1, 0, 'icypeas', 1, $2, leadfall_now())",
        call.claim.lookup_id,
        submitted,
    )
    again = asyncio.create_task(room_of(pool, scale=1.0).wait(call, lambda: {newcomer}))
    done, _ = await asyncio.wait([again], timeout=0.2)
    again.cancel()

    assert done == set()


async def test_many_who_come_anew_share_little(pool: asyncpg.Pool) -> None:
    """However many they are, no more than a fourth is open beyond what can be read."""
    await submit(pool, ICYPEAS_MAX + 1)
    call = await plan(pool)

    waiting = asyncio.create_task(room_of(pool, scale=1.0).wait(call, lambda: {7, 8, 9}))
    done, _ = await asyncio.wait([waiting], timeout=0.2)
    waiting.cancel()

    assert done == set()


async def test_what_was_lost_needs_no_room_after_its_deadline(pool: asyncpg.Pool) -> None:
    """A submission whose handle never came stays intended, and nobody waits for it any more."""
    await submit(pool, ICYPEAS_MAX)
    await pool.execute("update submissions set deadline_at = leadfall_now()")

    async with asyncio.timeout(0.5):
        await room_of(pool, scale=1.0).wait(await plan(pool), nobody)


async def test_room_that_never_comes_is_not_waited_for_for_ever(pool: asyncpg.Pool) -> None:
    """After a minute of the vendor's it goes on."""
    await submit(pool, ICYPEAS_MAX)
    call, loop = await plan(pool), asyncio.get_running_loop()
    began_at_s = loop.time()

    await room_of(pool).wait(call, nobody)

    assert loop.time() - began_at_s == pytest.approx(ROOM_PATIENCE_S * SCALE, abs=0.4)


async def test_a_database_that_is_away_is_no_bar(pool: asyncpg.Pool) -> None:
    """Submitting meets the same, and knows what to do about it."""
    call = await plan(pool)
    away = await open_pool("postgresql://127.0.0.1:1/none", size_max=1, role="test")

    async with asyncio.timeout(5):
        await room_of(away).wait(call, nobody)
    await away.close()
