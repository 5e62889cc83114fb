"""A line that serves by how long everybody has been about."""

import asyncio

from service.edges.line import Line


async def stand(line: Line, since_s: float, served: list[float]) -> None:
    """Take a place, note it and give it back."""
    await line.acquire(since_s)
    served.append(since_s)
    line.release()


async def test_whoever_began_first_goes_first() -> None:
    """In which order they came does not matter, and equals keep theirs."""
    line = Line(1)
    served: list[float] = []
    await line.acquire(0.0)

    waiting = [asyncio.create_task(stand(line, since_s, served)) for since_s in (3.0, 1.0, 2.0)]
    await asyncio.sleep(0)
    line.release()
    await asyncio.gather(*waiting)

    assert served == [1.0, 2.0, 3.0]


async def test_whoever_leaves_the_line_costs_nobody_a_place() -> None:
    """Neither one that waits nor one that was given a place in the very moment it left."""
    line = Line(1)
    served: list[float] = []
    await line.acquire(0.0)
    waiting = [asyncio.create_task(stand(line, since_s, served)) for since_s in (1.0, 2.0, 3.0)]
    await asyncio.sleep(0)

    waiting[0].cancel()
    line.release()
    waiting[1].cancel()
    async with asyncio.timeout(5):
        await asyncio.gather(*waiting, return_exceptions=True)
        await line.acquire(4.0)

    assert served == [3.0]


async def test_so_many_have_a_place_at_once() -> None:
    """The places there are can be taken without a wait."""
    line = Line(2)

    async with asyncio.timeout(5):
        await line.acquire(1.0)
        await line.acquire(2.0)
    third = asyncio.create_task(line.acquire(0.0))
    await asyncio.sleep(0)

    assert not third.done()
    line.release()
    await third
