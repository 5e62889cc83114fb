"""Turns: slots are shared over queues, and whoever comes next finds one."""

from uuid import UUID

import pytest

from service.domain.claim import Claim
from service.domain.fair_queue import Queue
from service.domain.kinds import Kind
from service.domain.lead_input import LeadInput
from service.worker.turns import BRIEF_MAX, Turn, Turns

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


def taken(turns: Turns, slots: int) -> list[Turn]:
    """Return the turns that get a slot one after another, as long as any does."""
    return [turn for turn in (turns.take() for _ in range(slots)) if turn is not None]


def queues(turns: list[Turn]) -> list[Queue]:
    """Return whose turns they are, in order."""
    return [turn.queue for turn in turns]


def filled(slots: int, *waiting: Queue, count: int = 100, brief: bool = False) -> Turns:
    """Return turns in which so many lookups of each queue wait."""
    turns = Turns(slots)
    for queue in waiting:
        for lookup_id in range(count):
            turns.put(Turn(queue, claim(lookup_id), brief))
    return turns


@pytest.mark.parametrize(("slots", "one_s"), [(1, 1), (2, 1), (4, 2), (16, 14), (64, 59)])
def test_one_queue_leaves_slots_for_others(slots: int, one_s: int) -> None:
    """However much waits in it, about one in sixteen stays free."""
    assert queues(taken(filled(slots, BIG), slots)) == [BIG] * one_s


def test_whoever_comes_next_finds_a_slot() -> None:
    """A full queue does not stand before another."""
    turns = filled(4, BIG)
    taken(turns, 4)

    turns.put(Turn(SMALL, claim(1)))

    assert queues(taken(turns, 1)) == [SMALL]


@pytest.mark.parametrize(("slots", "kept"), [(2, 1), (16, 1), (128, 2)])
def test_a_sync_caller_finds_a_slot_beside_as_many_queues_as_slots(slots: int, kept: int) -> None:
    """Jobs of many workspaces whose vendors hang take all slots but those for sync callers."""
    turns = filled(slots, *((1, workspace) for workspace in range(2 * slots)), count=1)
    beside = taken(turns, slots)

    turns.put(Turn(SYNC, claim(1)))

    assert len(beside) == slots - kept
    assert queues(taken(turns, kept)) == [SYNC]


def test_queues_take_turns() -> None:
    """Two queues get their lookups run alternately."""
    assert queues(taken(filled(16, BIG, SMALL), 6)) == [BIG, SMALL] * 3


def test_those_who_wait_at_the_line_come_first() -> None:
    """A lower priority is a better place, also within a workspace."""
    assert queues(taken(filled(16, BIG, SYNC, count=2), 3)) == [SYNC, SYNC, BIG]


def test_a_slot_given_back_is_used_again() -> None:
    """What a queue may not run yet goes on when one of its lookups has ended."""
    turns = filled(4, BIG)
    first, _ = taken(turns, 4)

    turns.done(first)

    assert queues(taken(turns, 4)) == [BIG]


def test_few_run_of_those_that_wait_for_no_vendor() -> None:
    """More at once would take memory and end no sooner; what is done makes room for the next."""
    turns = filled(200, BIG, brief=True)
    running = taken(turns, 200)

    turns.done(running[0])

    assert len(running) == BRIEF_MAX
    assert len(taken(turns, 200)) == 1


def test_those_that_wait_for_a_vendor_need_not_wait_for_brief_ones() -> None:
    """A brief turn that stands first holds up its own queue alone."""
    turns = filled(200, BIG, brief=True)
    taken(turns, 200)

    turns.put(Turn(SMALL, claim(1)))

    assert queues(taken(turns, 200)) == [SMALL]


def test_a_turn_that_waits_for_a_vendor_after_all_makes_room() -> None:
    """Whom memory answered for goes on with the next step, and that may take its time."""
    turns = filled(200, BIG, brief=True)
    running = taken(turns, 200)

    turns.lengthen(running[0])
    following = taken(turns, 200)
    turns.done(running[0])

    assert len(following) == 1
    assert taken(turns, 200) == []


def test_what_has_no_slot_can_be_given_back() -> None:
    """Clearing returns what waits and not what runs."""
    turns = filled(4, BIG, count=5)
    taken(turns, 2)

    assert [each.lookup_id for each in turns.clear()] == [2, 3, 4]
