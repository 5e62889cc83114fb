"""Answers the doorbell: an arq worker whose only job is to start a drain."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

import structlog
from arq.worker import Worker, func
from redis.exceptions import RedisError

from service.edges.doorbell import DRAIN, QUEUE, connect, decode, encode
from service.tasks import end_tasks

_log = structlog.get_logger()

# Every call's deadline and every drain's span end before this, so arq cancels no paid call.
JOB_TIMEOUT_S: Final = 60
_JOBS_MAX: Final = 4
_POLL_DELAY_S: Final = 0.1
_HEALTH_INTERVAL_S: Final = 10
_RESTART_S: Final = 2.0


class _Worker(Worker):
    """arq's worker, which knows what it shields from cancellation: the last words on its jobs.

    Attributes:
        last_words: tasks that go on when the task of their job has ended, and would connect anew.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.last_words: set[asyncio.Task[Any]] = set()

    async def finish_job(self, *args: Any) -> None:
        with self._last_word():
            await super().finish_job(*args)

    async def finish_failed_job(self, *args: Any) -> None:
        with self._last_word():
            await super().finish_failed_job(*args)

    @contextmanager
    def _last_word(self) -> Iterator[None]:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("arq calls this in a task")
        self.last_words.add(task)
        try:
            yield
        finally:
            self.last_words.discard(task)


class DoorbellWorker:
    """Runs arq's worker and starts it anew whenever it ends; without Redis it just keeps trying."""

    def __init__(
        self, redis_url: str, process_id: UUID, answer: Callable[[], Awaitable[object]]
    ) -> None:
        self._redis_url = redis_url
        self._process_id = process_id
        self._answer = answer
        self._worker: _Worker | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen; a second call does nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep_running(), name="doorbell")

    async def stop(self) -> None:
        """Stop listening; harmless when it never began."""
        if self._task is not None:
            await end_tasks([self._task])
            self._task = None
            # Here, and not in the task: one that hesitates is cancelled again, wherever it is.
            await self._close()

    async def _keep_running(self) -> None:
        while True:
            self._worker = self._build()
            try:
                await self._worker.async_run()
            except (RedisError, OSError, TimeoutError) as error:
                _log.debug("doorbell.lost", error=type(error).__name__)
            except Exception:  # noqa: BLE001 - the edge of a loop: whatever arq raises
                _log.exception("doorbell.failed")
            await self._close()
            await asyncio.sleep(_RESTART_S)

    def _build(self) -> _Worker:
        async def drain(_context: dict[Any, Any]) -> None:
            await self._answer()

        return _Worker(
            # arq's protocol for functions asks for attributes that a plain coroutine has not.
            functions=[
                func(
                    drain,  # type: ignore[arg-type]
                    name=DRAIN,
                    timeout=JOB_TIMEOUT_S,
                    keep_result=0,
                    max_tries=1,
                )
            ],
            queue_name=QUEUE,
            redis_pool=connect(self._redis_url),
            max_jobs=_JOBS_MAX,
            poll_delay=_POLL_DELAY_S,
            job_timeout=JOB_TIMEOUT_S,
            keep_result=0,
            max_tries=1,
            handle_signals=False,
            health_check_key=f"leadfall:health:{self._process_id.hex}",
            health_check_interval=_HEALTH_INTERVAL_S,
            job_serializer=encode,
            job_deserializer=decode,
        )

    async def _close(self) -> None:
        """End what arq had begun and close its connections; a second call does nothing.

        Not arq's own close: it first asks Redis to forget the health check, which ends by itself,
        and so waits for a Redis that does not answer.
        """
        if self._worker is None:
            return
        await end_tasks(self._worker.tasks.values())
        await end_tasks(self._worker.last_words)
        try:
            await self._worker.pool.aclose(close_connection_pool=True)
        except (RedisError, OSError, TimeoutError) as error:
            _log.debug("doorbell.closed_roughly", error=type(error).__name__)
