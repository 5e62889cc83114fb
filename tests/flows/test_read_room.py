"""Room for a submission: no more are made than the vendor lets be read; the wait is bounded."""

import asyncio
from collections.abc import Collection
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
from service.flows.read_room import ROOM_PATIENCE_S, ReadRoom, SubmissionAim, open_max
from service.store.connection import open_pool
from service.store.submissions import NewSubmission, close_submission, intend_submission
from tests.flows.workshop import new_worker, open_workshop

ICYPEAS_MAX = 5
"""Thirty reads a minute, each submission every ten seconds."""
SCALE = 0.01


async def plan(pool: asyncpg.Pool, slug: str = "icypeas", key: str = OPERATOR) -> PlannedCall:
    """Return a call that is to be submitted."""
    shop, provider = await open_workshop(pool), all_providers()[slug]
    offer = provider.offer(Capability.FIND_EMAIL)
    assert offer is not None
    await shop.accept(await shop.add_leads(1))
    [claim] = await shop.claim(await new_worker(pool))
    return PlannedCall(claim, 0, provider, offer, Credential(key, ""), offer.deadline_s)


async def submit(pool: asyncpg.Pool, count: int, call: PlannedCall) -> list[UUID]:
    """Let so many submissions of the operator's wait for answers that this lookup asked for."""
    owner = await new_worker(pool)
    ids = [new_id() for _ in range(count)]
    async with pool.acquire() as connection:
        for each in ids:
            new = NewSubmission(each, "icypeas", Capability.FIND_EMAIL, OPERATOR, str(each), 300.0)
            await intend_submission(connection, new, owner)
            await connection.execute(
                "insert into calls (lookup_id, step, provider, epoch, submission_id, intended_at)"
                " select $1, count(*), 'icypeas', 1, $2, leadfall_now() from calls"
                " where lookup_id = $1",
                call.claim.lookup_id,
                each,
            )
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


def aim_of(call: PlannedCall) -> SubmissionAim:
    """Return what a call is submitted to."""
    return SubmissionAim(call.provider, call.offer, call.credential.id, call.claim.priority)


async def entering(pool: asyncpg.Pool, *calls: PlannedCall) -> Collection[int]:
    """Wait for room for these calls; return the workspaces that have none of their own."""
    workspaces = {call.claim.workspace_id for call in calls}
    return await room_of(pool, scale=1.0).wait(aim_of(calls[0]), lambda: workspaces)


async def test_one_more_waits_until_one_was_read(pool: asyncpg.Pool) -> None:
    """An answer makes room for the next submission."""
    call = await plan(pool)
    submitted = await submit(pool, ICYPEAS_MAX, call)
    waiting = asyncio.create_task(entering(pool, call))
    done, _ = await asyncio.wait([waiting], timeout=0.2)

    async with pool.acquire() as connection:
        await close_submission(connection, submitted[0], "answered")

    async with asyncio.timeout(3):
        await waiting
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
    planned = await plan(pool, slug, key)
    await submit(pool, ICYPEAS_MAX, planned)
    call = replace(planned, claim=replace(planned.claim, priority=priority))

    async with asyncio.timeout(0.5):
        await room_of(pool, scale=1.0, stopping=stopping).wait(
            aim_of(call), lambda: {planned.claim.workspace_id}
        )


async def test_what_others_have_open_takes_nobody_s_room(pool: asyncpg.Pool) -> None:
    """A workspace may submit as much beside a big job as without it."""
    big, call = await plan(pool), await plan(pool)
    await submit(pool, ICYPEAS_MAX, big)
    await submit(pool, ICYPEAS_MAX - 1, call)

    async with asyncio.timeout(0.5):
        await entering(pool, call)


async def test_who_has_no_room_is_told(pool: asyncpg.Pool) -> None:
    """Beside one that has room, a big job makes no submission in its place."""
    big, call = await plan(pool), await plan(pool)
    await submit(pool, ICYPEAS_MAX, big)

    async with asyncio.timeout(0.5):
        full = await entering(pool, call, big)

    assert list(full) == [big.claim.workspace_id]


async def test_all_together_have_twice_the_room_of_one(pool: asyncpg.Pool) -> None:
    """More than that could not be read for minutes; but a sync caller waits for none of it."""
    planned = [await plan(pool) for _ in range(3)]
    for each in planned[:2]:
        await submit(pool, ICYPEAS_MAX, each)
    call = planned[2]
    sync = replace(call, claim=replace(call.claim, priority=SYNC_PRIORITY))
    waiting = asyncio.create_task(entering(pool, call))

    async with asyncio.timeout(0.5):
        await entering(pool, sync)
    done, _ = await asyncio.wait([waiting], timeout=0.2)
    waiting.cancel()

    assert done == set()


async def test_what_was_lost_needs_no_room_after_its_deadline(pool: asyncpg.Pool) -> None:
    """A submission whose handle never came stays intended, and nobody waits for it any more."""
    call = await plan(pool)
    await submit(pool, ICYPEAS_MAX, call)
    await pool.execute("update submissions set deadline_at = leadfall_now()")

    async with asyncio.timeout(0.5):
        await entering(pool, call)


async def test_room_that_never_comes_is_not_waited_for_for_ever(pool: asyncpg.Pool) -> None:
    """After a minute of the vendor's it goes on."""
    call, loop = await plan(pool), asyncio.get_running_loop()
    await submit(pool, ICYPEAS_MAX, call)
    began_at_s = loop.time()

    await room_of(pool).wait(aim_of(call), lambda: {call.claim.workspace_id})

    assert loop.time() - began_at_s == pytest.approx(ROOM_PATIENCE_S * SCALE, abs=0.4)


async def test_a_database_that_is_away_is_no_bar(pool: asyncpg.Pool) -> None:
    """Submitting meets the same, and knows what to do about it."""
    call = await plan(pool)
    away = await open_pool("postgresql://127.0.0.1:1/none", size_max=1, role="test")

    async with asyncio.timeout(5):
        await room_of(away).wait(aim_of(call), lambda: {call.claim.workspace_id})
    await away.close()
