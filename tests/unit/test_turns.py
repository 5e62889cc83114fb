"""Turns: slots are shared over queues, and whoever comes next finds one."""

import asyncio
from uuid import UUID

import pytest

from service.domain.claim import Claim
from service.domain.fair_queue import Queue
from service.domain.kinds import Kind
from service.domain.lead_input import LeadInput
from service.worker.turns import AHEAD_SHARE, Turn, Turns

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


class Runner:
    """Begins whatever may be begun and brings it to its slot, as a worker does.

    Attributes:
        running: the turns that have a slot, in the order in which they had it.
    """

    def __init__(self, slots: int) -> None:
        self.turns = Turns(slots)
        self.running: list[Turn] = []
        self.given_back: list[Turn] = []
        self.tasks: set[asyncio.Task[None]] = set()

    async def put(self, *waiting: Queue, count: int = 100) -> None:
        """Let so many lookups of each queue wait, and begin what may be begun."""
        for queue in waiting:
            for lookup_id in range(count):
                self.turns.put(Turn(queue, claim(lookup_id)))
        await self.go_on()

    async def go_on(self) -> None:
        """Go on until nothing more happens by itself."""
        while True:
            while (turn := self.turns.take()) is not None:
                self.tasks.add(asyncio.create_task(self._enter(turn)))
            before = len(self.running)
            for _ in range(3):
                await asyncio.sleep(0)
            if len(self.running) == before:
                return

    async def end(self, turn: Turn) -> None:
        """End a turn."""
        self.running.remove(turn)
        self.turns.done(turn)
        await self.go_on()

    async def _enter(self, turn: Turn) -> None:
        kept = await self.turns.enter(turn)
        (self.running if kept else self.given_back).append(turn)

    @property
    def queues(self) -> list[Queue]:
        """Whose the slots are, in the order in which they had them."""
        return [turn.queue for turn in self.running]


async def filled(slots: int, *waiting: Queue, count: int = 100) -> Runner:
    """Return a worker in which so many lookups of each queue wait."""
    runner = Runner(slots)
    await runner.put(*waiting, count=count)
    return runner


@pytest.mark.parametrize(("slots", "one_s"), [(1, 1), (2, 1), (4, 2), (16, 14), (64, 59)])
async def test_one_queue_leaves_slots_for_others(slots: int, one_s: int) -> None:
    """However much waits in it, about one in sixteen stays free."""
    assert (await filled(slots, BIG)).queues == [BIG] * one_s


async def test_whoever_comes_next_finds_a_slot() -> None:
    """A full queue does not stand before another."""
    runner = await filled(4, BIG)

    await runner.put(SMALL, count=1)

    assert runner.queues[-1:] == [SMALL]


@pytest.mark.parametrize(("slots", "kept"), [(2, 1), (16, 1), (128, 2)])
async def test_a_sync_caller_finds_a_slot_beside_as_many_queues_as_slots(
    slots: int, kept: int
) -> None:
    """Jobs of many workspaces whose vendors hang take all slots but those for sync callers."""
    runner = await filled(slots, *((1, workspace) for workspace in range(2 * slots)), count=1)
    beside = len(runner.running)

    await runner.put(SYNC, count=1)

    assert beside == slots - kept
    assert runner.queues[beside:] == [SYNC]


async def test_queues_take_turns() -> None:
    """Of two that are ready for the slots that come back, each has every second one."""
    runner = await filled(64, BIG, SMALL)
    first = list(runner.running)
    had = len(first)

    for turn in first[:6]:
        await runner.end(turn)

    assert runner.queues[had - 6 :] in ([BIG, SMALL] * 3, [SMALL, BIG] * 3)


async def test_those_who_wait_at_the_line_come_first() -> None:
    """A lower priority is a better place, also within a workspace."""
    runner = await filled(1, BIG)
    await runner.put(SYNC, count=2)

    had = []
    for _ in range(4):
        had += runner.queues
        await runner.end(runner.running[0])

    assert had == [BIG, SYNC, SYNC, BIG]


async def test_a_slot_given_back_is_used_again() -> None:
    """What a queue may not run yet goes on when one of its lookups has ended."""
    runner = await filled(4, BIG)

    await runner.end(runner.running[0])

    assert runner.queues == [BIG, BIG]


async def test_few_are_made_ready_ahead() -> None:
    """More at once would take memory and have their slots no sooner."""
    runner = await filled(64, BIG, count=200)

    assert len(runner.tasks) - len(runner.running) == 64 // AHEAD_SHARE


async def test_what_asks_nobody_takes_no_slot() -> None:
    """It ends as it is, and the next may be begun."""
    turns = Turns(8)
    for lookup_id in range(3):
        turns.put(Turn(BIG, claim(lookup_id)))
    begun = turns.take()

    assert begun is not None
    assert turns.take() is None
    turns.done(begun)
    assert turns.take() is not None


async def test_a_slot_is_kept_from_one_vendor_to_the_next() -> None:
    """Whoever has one enters again at once."""
    runner = await filled(1, BIG)

    assert await runner.turns.enter(runner.running[0])


async def test_who_gives_up_in_line_takes_no_slot() -> None:
    """The slot that comes back is for the one behind."""
    runner = await filled(1, BIG, count=1)
    turns, left = runner.turns, Turn(BIG, claim(1))
    leaving = asyncio.create_task(turns.enter(left))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    turns.done(left)
    behind = asyncio.create_task(turns.enter(Turn(BIG, claim(2))))
    await asyncio.sleep(0)

    turns.done(runner.running[0])

    assert await behind


async def test_what_has_no_slot_can_be_given_back() -> None:
    """Clearing returns what waits, and what stands ready, but not what runs."""
    runner = await filled(4, BIG, count=5)

    cleared = runner.turns.clear()
    await runner.go_on()

    assert sorted(each.lookup_id for each in cleared) == [2, 3, 4]
    assert [turn.claim.lookup_id for turn in runner.given_back] == [2]
    assert [turn.claim.lookup_id for turn in runner.running] == [0, 1]
