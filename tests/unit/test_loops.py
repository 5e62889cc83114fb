"""The loops of a worker: how late one is, which is what health asks."""

import asyncio

import pytest

from service.worker.loops import Loop

WAIT_S = 5.0


class Turns:
    """Counts the turns of a loop, which may fail or hang."""

    def __init__(self, *, fails: bool = False, hangs: bool = False) -> None:
        self.begun = asyncio.Event()
        self._fails = fails
        self._hangs = hangs

    async def take(self) -> None:
        """Take one turn."""
        self.begun.set()
        if self._fails:
            raise OSError
        if self._hangs:
            await asyncio.Event().wait()


async def late_after(loop: Loop, turns: Turns, *, late_s: float) -> float:
    """Start a loop, wait until it has begun a turn and is as late, and return by how much."""
    loop.start()
    try:
        async with asyncio.timeout(WAIT_S):
            await turns.begun.wait()
            while loop.late_s < late_s:
                await asyncio.sleep(0.01)
        return loop.late_s
    finally:
        await loop.stop()


async def test_a_loop_that_rests_is_not_late() -> None:
    """One that looks for strays once a lease is as healthy between two looks as at one."""
    turns = Turns()
    loop = Loop("seldom", turns.take, interval_s=60.0)

    assert await late_after(loop, turns, late_s=0.0) == 0.0


@pytest.mark.parametrize("turns", [{"fails": True}, {"hangs": True}], ids=str)
async def test_a_loop_that_does_not_turn_is_late(turns: dict[str, bool]) -> None:
    """Whether it hangs or fails each time, it is later and later."""
    taken = Turns(**turns)
    loop = Loop("broken", taken.take, interval_s=0.01)

    assert await late_after(loop, taken, late_s=0.1) >= 0.1
