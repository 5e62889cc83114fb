"""Waits for jobs to finish on behalf of callers: one watcher per API process wakes all of them."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Protocol, Self
from uuid import UUID

import asyncpg
import structlog

from service.errors import TooBusy
from service.store.connection import ACQUIRE_TIMEOUT_S, Pool
from service.store.jobs import read_finished
from service.tasks import end_tasks

_log = structlog.get_logger()

CHANNEL: Final = "leadfall_finished"
POLL_INTERVAL_S: Final = 0.25
# Workers announce every batch that ends a job; between two looks this much is gathered.
_LOOK_PAUSE_S: Final = 0.02
_LISTEN_RETRY_S: Final = 2.0
# How soon the place of a caller who hung up is free again.
_LEFT_INTERVAL_S: Final = 0.25


class Draining(Protocol):
    """Tells when the process began to stop; an `asyncio.Event` is one."""

    def is_set(self) -> bool:
        """Tell whether the process is stopping."""

    async def wait(self) -> object:
        """Return when the process begins to stop."""


def _stays() -> bool:
    return False


class FinishedWatcher:
    """Looks for finished jobs with one query for all waiters, and holds no connection meanwhile.

    It looks when a worker announces a finished job, and every `poll_interval_s` in any case, so
    that it also works where LISTEN does not.
    """

    __slots__ = (
        "_draining",
        "_listen_url",
        "_news",
        "_poll_interval_s",
        "_pool",
        "_reserved",
        "_tasks",
        "_waiters",
        "_waiters_max",
        "_wanted",
    )

    def __init__(
        self,
        pool: Pool,
        *,
        listen_url: str | None,
        draining: Draining,
        waiters_max: int,
        poll_interval_s: float = POLL_INTERVAL_S,
    ) -> None:
        self._pool = pool
        self._listen_url = listen_url
        self._draining = draining
        self._waiters_max = waiters_max
        self._poll_interval_s = poll_interval_s
        self._reserved = 0
        self._waiters: dict[UUID, dict[asyncio.Future[bool], Callable[[], bool]]] = {}
        self._wanted = asyncio.Event()
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to watch."""
        loops = [self._watch(), self._release_who_left(), self._release_when_draining()]
        if self._listen_url is not None:
            loops.append(self._listen(self._listen_url))
        self._tasks = [asyncio.create_task(loop) for loop in loops]

    async def stop(self) -> None:
        """Stop watching; everybody who still waits is told that nothing has finished."""
        await end_tasks(self._tasks)
        self._tasks = []
        self._release_all()

    async def __aenter__(self) -> Self:
        """Begin to watch."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop watching."""
        await self.stop()

    @contextmanager
    def reserve(self) -> Iterator[None]:
        """Hold a place for a caller who is going to wait; take it before anything is charged.

        Raises:
            TooBusy: as many callers as allowed are waiting.
        """
        if self._reserved >= self._waiters_max:
            raise TooBusy
        self._reserved += 1
        try:
            yield
        finally:
            self._reserved -= 1

    async def wait(
        self, job_id: UUID, timeout_s: float, *, has_left: Callable[[], bool] = _stays
    ) -> bool:
        """Return True when the job has finished, False at the timeout or when the process stops.

        Args:
            has_left: tells whether the caller hung up, which ends the wait soon after.
        """
        if self._draining.is_set():
            return False
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(job_id, {})[waiter] = has_left
        self._wanted.set()
        try:
            async with asyncio.timeout(timeout_s):
                return await waiter
        except TimeoutError:
            return False
        finally:
            self._forget(job_id, waiter)

    def _forget(self, job_id: UUID, waiter: "asyncio.Future[bool]") -> None:
        others = self._waiters.get(job_id, {})
        others.pop(waiter, None)
        if not others:
            self._waiters.pop(job_id, None)
        if not self._waiters:
            self._wanted.clear()

    async def _watch(self) -> None:
        while True:
            await self._wanted.wait()
            try:
                async with asyncio.timeout(self._poll_interval_s):
                    await self._news.wait()
                await asyncio.sleep(_LOOK_PAUSE_S)
            except TimeoutError:
                pass
            self._news.clear()
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001 - the watcher outlives a lost database
                _log.warning("jobs.unwatched", error=type(error).__name__)

    async def _look(self) -> None:
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            finished = await read_finished(connection, list(self._waiters))
        for job_id in finished:
            self._answer(job_id, finished=True)

    def _answer(self, job_id: UUID, *, finished: bool) -> None:
        for waiter in self._waiters.get(job_id, ()):
            if not waiter.done():
                waiter.set_result(finished)

    def _release_all(self) -> None:
        for job_id in self._waiters:
            self._answer(job_id, finished=False)

    async def _release_who_left(self) -> None:
        while True:
            await self._wanted.wait()
            await asyncio.sleep(_LEFT_INTERVAL_S)
            for waiters in self._waiters.values():
                for waiter, has_left in waiters.items():
                    if not waiter.done() and has_left():
                        waiter.set_result(False)

    async def _release_when_draining(self) -> None:
        await self._draining.wait()
        self._release_all()

    async def _listen(self, url: str) -> None:
        while True:
            try:
                await self._listen_until_lost(url)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                _log.warning("announcements.unheard", error=type(error).__name__)
            await asyncio.sleep(_LISTEN_RETRY_S)

    async def _listen_until_lost(self, url: str) -> None:
        lost = asyncio.Event()
        connection = await asyncpg.connect(
            url,
            timeout=ACQUIRE_TIMEOUT_S,
            server_settings={"application_name": "leadfall-api-listen"},
        )
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(CHANNEL, lambda *_: self._news.set())
            await lost.wait()
        finally:
            connection.terminate()
