"""Keeps the loop and the database free for everybody else while thousands come at once."""

import asyncio
import time
from collections import deque
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from service.store.connection import Pool

SYNC_LANE: Final = web.AppKey("sync_lane", asyncio.Semaphore)
"""What sync requests hold while they are accepted and while they are answered, never between."""


def sync_lane(pool: Pool) -> asyncio.Semaphore:
    """Return a lane as wide as half the pool.

    Thousands of sync callers may come at once. Without it all others, also the look-up of a key,
    would queue behind them for a connection, and even a refusal would come late.
    """
    return asyncio.Semaphore(max(pool.get_max_size() // 2, 1))


_BEGUN_PER_TURN: Final = 8
# How much the last turn counts in what a turn is expected to take.
_NEWEST: Final = 0.2
_BUSY_TURN_S: Final = 0.004


class Pace:
    """Lets a few requests begin in each turn of the event loop, first come, first served.

    Between two turns the loop looks after everything else: connections that are to be turned
    away, answers of the database, probes.
    """

    __slots__ = ("_begun", "_queue", "_turn_s", "_turned_at_s", "_turning")

    def __init__(self) -> None:
        self._begun = 0
        self._turn_s = 0.0
        self._turned_at_s = 0.0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._turning = False

    def expected_wait_s(self, coming: int) -> float:
        """Return how long whoever comes after `coming` others would wait, as the last turns were.

        A first turn is quick; those of the crowd that it lets in are not.
        """
        turns = (len(self._queue) + coming) / _BEGUN_PER_TURN
        return turns * max(self._turn_s, _BUSY_TURN_S)

    async def my_turn(self) -> None:
        """Return when the request may begin; at once unless many have just done so."""
        loop = asyncio.get_running_loop()
        if not self._turning:
            self._turning = True
            self._turned_at_s = time.monotonic()
            loop.call_soon(self._turn)
        if self._begun < _BEGUN_PER_TURN and not self._queue:
            self._begun += 1
            return
        waiter: asyncio.Future[None] = loop.create_future()
        self._queue.append(waiter)
        await waiter

    def _turn(self) -> None:
        now_s = time.monotonic()
        self._turn_s += _NEWEST * (now_s - self._turned_at_s - self._turn_s)
        self._turned_at_s = now_s
        self._begun = 0
        while self._queue and self._begun < _BEGUN_PER_TURN:
            waiter = self._queue.popleft()
            if not waiter.done():
                waiter.set_result(None)
                self._begun += 1
        self._turning = self._begun > 0
        if self._turning:
            asyncio.get_running_loop().call_soon(self._turn)


PACE: Final = web.AppKey("pace", Pace)


@web.middleware
async def keep_pace(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let the request wait for its turn."""
    await request.app[PACE].my_turn()
    return await handler(request)
