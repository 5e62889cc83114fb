"""How much a process has run: on a machine that others use too, time alone tells little of it."""

import asyncio
import time
from bisect import bisect_left, bisect_right
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_LOOK_EVERY_S: Final = 0.02
_NANOSECONDS: Final = 1_000_000_000


class ProcessorClock:
    """Samples the processor time of a process's main thread for as long as the context lasts."""

    def __init__(self, pid: int) -> None:
        self._path = Path(f"/proc/{pid}/schedstat")
        self._times_s: list[float] = []
        self._ran_s: list[float] = []

    async def __aenter__(self) -> Self:
        self._look()
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._look()

    def ran_s(self, start_s: float, end_s: float) -> float:
        """Return how long the process ran between two moments of the monotonic clock, at most."""
        before = max(bisect_right(self._times_s, start_s) - 1, 0)
        after = min(bisect_left(self._times_s, end_s), len(self._times_s) - 1)
        return self._ran_s[after] - self._ran_s[before]

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            self._look()

    def _look(self) -> None:
        self._ran_s.append(int(self._path.read_text(encoding="ascii").split()[0]) / _NANOSECONDS)
        self._times_s.append(time.monotonic())
