"""Batches grow while a flush is under way, every item is flushed once, and errors reach adders."""

import asyncio
from collections.abc import Sequence

import pytest

from service.flows.batching import Batcher


class Sink:
    """Takes batches and notes them; may be held up or made to fail."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.at_once = self.at_once_max = 0

    async def flush(self, items: list[int]) -> Sequence[int]:
        self.at_once += 1
        self.at_once_max = max(self.at_once_max, self.at_once)
        try:
            await self.open.wait()
            self.batches.append(items)
            if -1 in items:
                raise ValueError("refused")
            return [item * 10 for item in items]
        finally:
            self.at_once -= 1


async def test_what_comes_during_a_flush_goes_together() -> None:
    """The first item goes at once, the others in one batch after it, each with its own result."""
    sink = Sink()
    sink.open.clear()
    batcher = Batcher(sink.flush, batch_max=100)
    first = batcher.add(1)
    await asyncio.sleep(0)
    others = [batcher.add(number) for number in (2, 3, 4)]

    sink.open.set()

    assert await asyncio.gather(first, *others) == [10, 20, 30, 40]
    assert sink.batches == [[1], [2, 3, 4]]


async def test_batches_are_bounded_and_flushed_one_at_a_time() -> None:
    sink = Sink()
    batcher = Batcher(sink.flush, batch_max=2)

    await asyncio.gather(*(batcher.add(number) for number in range(5)))

    assert [len(batch) for batch in sink.batches] == [2, 2, 1]
    assert sink.at_once_max == 1


async def test_several_flights_at_once_where_asked_for() -> None:
    sink = Sink()
    sink.open.clear()
    batcher = Batcher(sink.flush, batch_max=1, flights_max=3)
    added = [batcher.add(number) for number in range(9)]
    while sink.at_once < 3:
        await asyncio.sleep(0)
    sink.open.set()

    assert await asyncio.gather(*added) == [number * 10 for number in range(9)]
    assert sink.at_once_max == 3


async def test_an_error_reaches_its_batch_and_no_other() -> None:
    sink = Sink()
    batcher = Batcher(sink.flush, batch_max=1)

    good, bad, after = batcher.add(1), batcher.add(-1), batcher.add(2)

    with pytest.raises(ValueError, match="refused"):
        await bad
    assert [await good, await after] == [10, 20]


@pytest.mark.parametrize("pause", [0, 1, 2, 3])
async def test_an_item_added_as_a_flight_ends_is_flushed(pause: int) -> None:
    """However an item meets the end of the flight before it, none is left waiting."""
    sink = Sink()
    batcher = Batcher(sink.flush, batch_max=10)
    await batcher.add(1)
    for _ in range(pause):
        await asyncio.sleep(0)

    assert await asyncio.wait_for(batcher.add(2), 1) == 20
    await batcher.drain()
    assert len(batcher) == 0


async def test_a_batch_holds_whoever_came_while_it_was_held_back() -> None:
    """What is waited for before a batch is waited for before it is put together."""
    sink, open_gate = Sink(), asyncio.Event()

    async def before() -> None:
        await open_gate.wait()

    batcher = Batcher(sink.flush, batch_max=2, before=before)
    first = batcher.add(1)
    await asyncio.sleep(0)
    others = [batcher.add(number) for number in (2, 3)]
    open_gate.set()

    assert await asyncio.gather(first, *others) == [10, 20, 30]
    assert sink.batches == [[1, 2], [3]]


async def test_a_flush_that_is_ended_reaches_its_items() -> None:
    """Nobody waits for a batch whose flush was stopped, and what waited stays unbegun."""
    sink = Sink()
    sink.open.clear()
    batcher = Batcher(sink.flush, batch_max=1)
    first, second = batcher.add(1), batcher.add(2)
    await asyncio.sleep(0)

    await batcher.stop()

    assert (first.done(), second.done(), sink.at_once, len(batcher)) == (True, False, 0, 1)
