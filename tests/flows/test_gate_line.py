"""Waiting at a gate: sync callers first, then workspaces in turn; nobody leaves a gap."""

import asyncio

import pytest

from providers.contract import Limits
from service.domain.fair_queue import Queue
from service.flows.gate_line import GateShut
from service.flows.request_budget import RequestBudget
from service.flows.request_pace import Fleet

SYNC, BIG, SMALL = (0, 3), (1, 1), (1, 2)
SCALE = 0.01
# One place, and a rate that is no limit; then places enough, and one request at a time.
BY_PLACE = Limits(requests_per_minute=60_000, concurrency=1)
BY_RATE = Limits(requests_per_minute=30, concurrency=100)


def is_open() -> None:
    """Let everybody wait on."""


class Crowd:
    """Requests that note in which order they passed."""

    def __init__(self, limits: Limits) -> None:
        self.budget = RequestBudget("test", limits, None, Fleet(), time_scale=SCALE)
        self.passed: list[Queue] = []
        self.tasks: list[asyncio.Task[None]] = []
        self._all_here = asyncio.Event()

    async def arrive(self, queue: Queue, count: int = 1) -> None:
        """Let so many requests of a queue come to the gate."""
        self.tasks += [asyncio.create_task(self._pass(queue)) for _ in range(count)]
        await asyncio.sleep(0)

    async def leave(self) -> list[Queue]:
        """Wait until all have passed; return whose turn it was each time."""
        self._all_here.set()
        async with asyncio.timeout(5):
            await asyncio.gather(*self.tasks, return_exceptions=True)
        return self.passed

    async def _pass(self, queue: Queue) -> None:
        await self.budget.enter(is_open, queue)
        try:
            self.passed.append(queue)
            await self._all_here.wait()
        finally:
            self.budget.leave()


@pytest.mark.parametrize(
    ("limits", "order"),
    [
        (BY_PLACE, [BIG, SYNC, BIG, SMALL, BIG, SMALL, BIG, BIG, BIG]),
        (BY_RATE, [BIG, BIG, SYNC, BIG, SMALL, BIG, SMALL, BIG, BIG]),
    ],
    ids=["place", "rate"],
)
async def test_a_few_pass_between_the_many(limits: Limits, order: list[Queue]) -> None:
    """Behind those who have begun comes the caller who waits, and then it goes turn by turn."""
    crowd = Crowd(limits)
    await crowd.arrive(BIG, 6)
    await crowd.arrive(SMALL, 2)
    await crowd.arrive(SYNC)

    assert await crowd.leave() == order


@pytest.mark.parametrize(
    ("limits", "order"),
    [(BY_PLACE, [BIG, BIG, SMALL, BIG]), (BY_RATE, [BIG, BIG, BIG, SMALL])],
    ids=["place", "rate"],
)
async def test_whoever_gives_up_is_not_waited_for(limits: Limits, order: list[Queue]) -> None:
    """One that is cancelled, at the head of the line or in it, leaves its place to the next."""
    crowd = Crowd(limits)
    await crowd.arrive(BIG, 4)
    await crowd.arrive(SMALL, 2)

    crowd.tasks[1].cancel()
    crowd.tasks[4].cancel()

    assert await crowd.leave() == order
    assert crowd.budget.is_idle


async def test_a_turn_that_is_not_wanted_any_more_goes_on() -> None:
    """Cancelled in the very moment of being called, it hands on what it was called for."""
    crowd = Crowd(BY_PLACE)
    await crowd.budget.enter(is_open, SYNC)
    await crowd.arrive(BIG)
    await crowd.arrive(SMALL)

    crowd.budget.leave()
    crowd.tasks[0].cancel()

    assert await crowd.leave() == [SMALL]
    assert crowd.budget.is_idle


async def test_a_gate_that_shuts_sends_the_whole_line_away() -> None:
    """Nobody stands before a shut gate, whatever the priority."""
    budget = RequestBudget("test", BY_PLACE, None, Fleet(), time_scale=SCALE)
    shut = False

    def check() -> None:
        if shut:
            raise GateShut("throttled", 1.0)

    await budget.enter(check, BIG)
    waiting = [asyncio.create_task(budget.enter(check, queue)) for queue in (BIG, SMALL, SYNC)]
    await asyncio.sleep(0)
    shut = True
    budget.in_flight.recheck()

    ended = await asyncio.gather(*waiting, return_exceptions=True)
    budget.leave()

    assert [type(each) for each in ended] == [GateShut] * 3
    assert budget.is_idle
