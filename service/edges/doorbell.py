"""Rings the workers through arq: a job without content that says only "look for work"."""

import asyncio
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import structlog
from arq.connections import ArqRedis
from prometheus_client import Counter
from redis.asyncio.connection import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

_log = structlog.get_logger()

DRAIN: Final = "drain"
QUEUE: Final = "leadfall:doorbell"
# A ring that nobody heard in this time is not worth hearing: workers poll as well.
RING_EXPIRES_S: Final = 30.0
# Rings of one process within this time are one ring.
DEBOUNCE_S: Final = 0.02
_SOCKET_TIMEOUT_S: Final = 5.0
# arq hears a ring once the hearer's clock has passed this; that of another host may be behind ours.
_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)

_lost = Counter("leadfall_rings_lost_total", "Rings that Redis did not take.")


def encode(value: dict[str, Any]) -> bytes:
    """Serialise an arq payload; pickle, its default, would run whatever Redis holds."""
    return orjson.dumps(value, default=str)


def decode(payload: bytes) -> dict[str, Any]:
    """Read what `encode` wrote."""
    value: dict[str, Any] = orjson.loads(payload)
    return value


def connect(redis_url: str) -> ArqRedis:
    """Return a client that survives a Redis that goes away and comes back.

    Reconnecting raises OSError inside redis-py's own retry, so it is named beside its errors.
    """
    pool = ConnectionPool.from_url(
        redis_url,
        socket_timeout=_SOCKET_TIMEOUT_S,
        socket_connect_timeout=_SOCKET_TIMEOUT_S,
        socket_keepalive=True,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=3),
        retry_on_error=[RedisConnectionError, RedisTimeoutError, OSError],
        max_connections=20,
    )
    return ArqRedis(pool, job_serializer=encode, job_deserializer=decode, default_queue_name=QUEUE)


class Doorbell:
    """Rings workers after a commit: never waits, never fails, and folds rings close together."""

    def __init__(self, redis: ArqRedis) -> None:
        self._redis = redis
        self._task: asyncio.Task[None] | None = None
        self._again = False

    def ring(self) -> None:
        """Ask a worker to look for work, now or within a few hundredths of a second."""
        if self._task is None:
            self._task = asyncio.create_task(self._ring())
        else:
            self._again = True

    async def close(self) -> None:
        """Let the last ring out and close the connections."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        await self._redis.aclose(close_connection_pool=True)

    async def _ring(self) -> None:
        try:
            while True:
                self._again = False
                try:
                    # A fresh id each time: a fixed one would be swallowed while a drain that has
                    # already looked for the last time still runs.
                    await self._redis.enqueue_job(
                        DRAIN,
                        _job_id=secrets.token_hex(8),
                        _expires=RING_EXPIRES_S,
                        _defer_until=_LONG_AGO,
                    )
                except (RedisError, OSError, TimeoutError) as error:
                    _lost.inc()
                    _log.debug("ring.lost", error=type(error).__name__)
                await asyncio.sleep(DEBOUNCE_S)
                if not self._again:
                    return
        finally:
            self._task = None


Ring = Callable[[], None]
