"""A line for something of which there are few, served by how long everybody has been about."""

import asyncio
from heapq import heappop, heappush
from itertools import count


class Line:
    """Places for a few at a time; whoever began first goes first, however often it comes back.

    Safe for one event loop.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()

    async def acquire(self, since_s: float) -> None:
        """Wait for a place; the caller bounds the wait.

        Args:
            since_s: when the work began that this is for, on any clock that all callers share.
        """
        if self._free:
            self._free -= 1
            return
        place = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (since_s, next(self._numbers), place))
        try:
            await place
        except asyncio.CancelledError:
            # It may have been given in the very moment in which the wait was over.
            if not place.cancelled():
                self.release()
            raise

    def release(self) -> None:
        """Give the place back, and to whoever is next."""
        while self._waiting:
            _, _, place = heappop(self._waiting)
            if not place.done():
                place.set_result(None)
                return
        self._free += 1
