"""Gathers what arrives while a flush is under way, so that the database sees batches."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from service.tasks import end_tasks

T = TypeVar("T")
R = TypeVar("R")


class Waiting(Protocol[T]):
    """Where items wait, and what decides which of them make up a batch."""

    def __len__(self) -> int: ...

    def append(self, item: T, /) -> None:
        """Let an item wait."""

    def take(self, count_max: int, /) -> list[T]:
        """Take the items of the next batch: at least one, unless nobody waits."""
        ...


class _Row(deque[T]):
    """Items in the order of their coming."""

    def take(self, count_max: int) -> list[T]:
        return [self.popleft() for _ in range(min(count_max, len(self)))]


class Batcher(Generic[T, R]):
    """Hand items to `flush` in batches: one flush at a time, the next takes what came meanwhile.

    An idle batcher flushes at once. A busy one flushes as often as `pause_s` lets it, counted from
    the beginning of the last flush, so that its batches are worth their round trips.
    Where batches cannot grow, `flights_max` flushes may be under way at once instead of one.
    Before a batch is taken `before` is waited for, so that it holds whoever came meanwhile.
    Items wait in a row, or in `waiting` where other rules make up the batches.
    `flush` returns one result per item, in order; what it raises reaches every item of the batch.
    """

    __slots__ = (
        "_batch_max", "_before", "_flights", "_flights_max", "_flush", "_flush_from_s", "_linger_s",
        "_pause_s", "_waiting",
    )  # fmt: skip

    def __init__(
        self,
        flush: Callable[[list[T]], Awaitable[Sequence[R]]],
        *,
        batch_max: int,
        linger_s: float = 0.0,
        pause_s: float = 0.0,
        flights_max: int = 1,
        before: Callable[[], Awaitable[None]] | None = None,
        waiting: "Waiting[tuple[T, asyncio.Future[R]]] | None" = None,
    ) -> None:
        self._flush = flush
        self._batch_max = batch_max
        self._before = before
        self._linger_s = linger_s
        self._pause_s = pause_s
        self._flush_from_s = 0.0
        self._waiting: Waiting[tuple[T, asyncio.Future[R]]]
        self._waiting = _Row() if waiting is None else waiting
        self._flights_max = flights_max
        self._flights: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits and no flush is under way."""
        return not self._waiting and not self._flights

    def add(self, item: T) -> "asyncio.Future[R]":
        """Add an item; the future gives its result once its batch was flushed."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if len(self._flights) < self._flights_max:
            self._flights.add(asyncio.create_task(self._run()))
        return future

    async def drain(self) -> None:
        """Wait until everything added so far was flushed."""
        while self._flights:
            await asyncio.wait(self._flights)

    async def stop(self) -> None:
        """End the flushes under way; what waits is left."""
        await end_tasks(list(self._flights))

    async def _run(self) -> None:
        try:
            while self._waiting:
                if self._before is not None:
                    await self._before()
                if len(self._waiting) < self._batch_max:
                    await self._let_others_come()
                await self._flush_batch(self._waiting.take(self._batch_max))
        finally:
            # In the same step as the last look, so that no item falls in between.
            self._flights -= {asyncio.current_task()}

    async def _let_others_come(self) -> None:
        now_s = asyncio.get_running_loop().time()
        wait_s = max(self._linger_s, self._flush_from_s - now_s)
        self._flush_from_s = now_s + max(wait_s, 0.0) + self._pause_s
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    async def _flush_batch(self, batch: list[tuple[T, "asyncio.Future[R]"]]) -> None:
        if not batch:
            return
        try:
            results = await self._flush([item for item, _ in batch])
        except BaseException as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
                    # Marks it as seen: an item whose adder was cancelled must not warn.
                    future.exception()
            if not isinstance(error, Exception):
                raise
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)
