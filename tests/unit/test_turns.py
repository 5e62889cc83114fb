"""Turns: slots are shared over queues, and whoever comes next finds one."""

import asyncio
from uuid import UUID

import pytest

from service.domain.claim import Claim
from service.domain.fair_queue import Queue
from service.domain.kinds import Kind
from service.domain.lead_input import LeadInput
from service.worker.turns import Turns

SYNC, BIG, SMALL = (0, 1), (1, 1), (1, 2)


def claim(lookup_id: int) -> Claim:
    """Return a lookup of which only the id matters."""
    return Claim(
        lookup_id=lookup_id,
        job_id=UUID(int=1),
        workspace_id=1,
        lead_id=1,
        kind=Kind.FIND_EMAIL,
        epoch=1,
        reclaim_count=0,
        price=0,
        priority=1,
        own_provider=None,
        waterfall_version="",
        cancelled=False,
        first_of_job=False,
        lead=LeadInput(),
    )


async def taken(turns: Turns, slots: int) -> list[Queue]:
    """Return the queues whose lookups so many runners get at once, in order."""
    takers = [asyncio.create_task(turns.take()) for _ in range(slots)]
    await asyncio.sleep(0)
    got = [taker.result()[0] for taker in takers if taker.done()]
    for taker in takers:
        taker.cancel()
    return got


def filled(slots: int, *queues: Queue, count: int = 100) -> Turns:
    """Return turns in which so many lookups of each queue wait."""
    turns = Turns(slots)
    for queue in queues:
        for lookup_id in range(count):
            turns.put(queue, claim(lookup_id))
    return turns


@pytest.mark.parametrize(("slots", "one_s"), [(1, 1), (2, 1), (4, 2), (16, 14), (64, 59)])
async def test_one_queue_leaves_slots_for_others(slots: int, one_s: int) -> None:
    """However much waits in it, about one in sixteen stays free."""
    assert await taken(filled(slots, BIG), slots) == [BIG] * one_s


async def test_whoever_comes_next_finds_a_slot() -> None:
    """A full queue does not stand before another."""
    turns = filled(4, BIG)
    await taken(turns, 4)

    turns.put(SMALL, claim(1))

    assert await taken(turns, 1) == [SMALL]


@pytest.mark.parametrize(("slots", "kept"), [(2, 1), (16, 1), (128, 2)])
async def test_a_sync_caller_finds_a_slot_beside_as_many_queues_as_slots(
    slots: int, kept: int
) -> None:
    """Jobs of many workspaces whose vendors hang take all slots but those for sync callers."""
    turns = filled(slots, *((1, workspace) for workspace in range(2 * slots)), count=1)
    beside = await taken(turns, slots)

    turns.put(SYNC, claim(1))

    assert len(beside) == slots - kept
    assert await taken(turns, kept) == [SYNC]


async def test_queues_take_turns() -> None:
    """Two queues get their lookups run alternately."""
    assert await taken(filled(16, BIG, SMALL), 6) == [BIG, SMALL] * 3


async def test_those_who_wait_at_the_line_come_first() -> None:
    """A lower priority is a better place, also within a workspace."""
    assert await taken(filled(16, BIG, SYNC, count=2), 3) == [SYNC, SYNC, BIG]


async def test_a_slot_given_back_is_used_again() -> None:
    """What a queue may not run yet goes on when one of its lookups has ended."""
    turns = filled(4, BIG)
    await taken(turns, 4)
    waiting = asyncio.create_task(turns.take())

    turns.done(BIG)

    assert (await waiting)[0] == BIG


async def test_what_nobody_took_can_be_given_back() -> None:
    """Clearing returns what waits and not what runs."""
    turns = filled(4, BIG, count=5)
    await taken(turns, 2)

    assert [each.lookup_id for each in turns.clear()] == [2, 3, 4]
