"""A loop that survives its own failures: run once, pause with jitter, say when it last turned."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import structlog

from service.store.transient import TRANSIENT
from service.tasks import end_tasks

_log = structlog.get_logger()

_PAUSE_AFTER_FAILURE_S_MAX = 5.0


class Loop:
    """Repeats `turn` about every `interval_s` seconds until stopped.

    Start twice and stop unstarted are harmless. A turn that fails is logged and the next one is
    later; nothing but `stop` ends the loop.
    """

    def __init__(
        self, name: str, turn: Callable[[], Awaitable[object]], *, interval_s: float
    ) -> None:
        self.name = name
        self._due_at = time.monotonic()
        self._turn = turn
        self._interval_s = interval_s
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def late_s(self) -> float:
        """Seconds since it should have turned, however long it rests; failed turns do not count."""
        return max(0.0, time.monotonic() - self._due_at)

    def start(self) -> None:
        """Begin turning."""
        if self._task is None:
            self._due_at = time.monotonic()
            self._task = asyncio.create_task(self._run(), name=self.name)

    def wake(self) -> None:
        """Make the next turn begin now."""
        self._wake.set()

    async def stop(self) -> None:
        """Cancel the turn under way, if any, and end."""
        if self._task is not None:
            await end_tasks([self._task])
            self._task = None

    async def _run(self) -> None:
        failures = 0
        while True:
            self._wake.clear()
            try:
                await self._turn()
            except TRANSIENT as error:
                failures += 1
                _log.warning("loop.turn_failed", loop=self.name, error=type(error).__name__)
            except Exception:  # noqa: BLE001 - the edge of a loop
                failures += 1
                _log.exception("loop.turn_failed", loop=self.name)
            else:
                failures = 0
            pause_s = min(self._interval_s * 2**failures, _PAUSE_AFTER_FAILURE_S_MAX)
            pause_s = max(pause_s, self._interval_s) * random.uniform(0.9, 1.1)  # noqa: S311
            if not failures:
                self._due_at = time.monotonic() + pause_s
            try:
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()
            except TimeoutError:
                pass
