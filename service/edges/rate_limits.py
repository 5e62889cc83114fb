"""Counts callers' requests in Redis, for all API processes together; without Redis, per process.

It only counts: nothing that goes wrong here ever refuses a request.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import structlog
from prometheus_client import Gauge
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from service.domain.sliding_window import WINDOW_S, SlidingCounts, Tally

_log = structlog.get_logger()

_TIMEOUT_S: Final = 0.5
# While Redis does not answer it is asked again so often, by one batch.
_ASK_AGAIN_S: Final = 1.0
_BATCH_MAX: Final = 500
_NAMES_MAX: Final = 10_000
_KEY: Final = "leadfall:{limit}:"
_FACTS: Final = 3

_up = Gauge("leadfall_rate_limit_store_up", "Whether request limits are shared: 1 or 0.")

# KEYS: one for each request, the same key for each of a caller. ARGV: seconds of the window, then
# the limit of each. A key holds how many requests each second had. Returns for each request:
# whether it is within the limit, what remains, seconds until the oldest leaves the window.
_COUNT: Final = """
local now = tonumber(redis.call('TIME')[1])
local window = tonumber(ARGV[1])
local answer = {}
for place, key in ipairs(KEYS) do
  local limit = tonumber(ARGV[place + 1])
  local used, oldest = 0, now
  local counts = redis.call('HGETALL', key)
  for at = 1, #counts, 2 do
    local second = tonumber(counts[at])
    -- A second to come was written before the clock went back; it must not count for ever.
    if second <= now - window or second > now then
      redis.call('HDEL', key, counts[at])
    else
      used = used + tonumber(counts[at + 1])
      oldest = math.min(oldest, second)
    end
  end
  local within = 0
  if used < limit then
    within = 1
    used = used + 1
    redis.call('HINCRBY', key, now, 1)
    redis.call('EXPIRE', key, window + 1)
  end
  answer[#answer + 1] = within
  answer[#answer + 1] = math.max(limit - used, 0)
  answer[#answer + 1] = oldest + window - now
end
return answer
"""


@dataclass(frozen=True, slots=True)
class _Request:
    name: str
    limit: int
    tally: "asyncio.Future[Tally]"


class RateLimits:
    """Tells for each request whether its caller is within the limit.

    Requests that come while Redis is being asked share the next question.

    Args:
        redis: answers soon or raises, and never repeats a command by itself; None counts in this
            process alone.
    """

    def __init__(self, redis: Redis | None = None) -> None:
        self._redis = redis
        self._script = None if redis is None else redis.register_script(_COUNT)
        self._own = SlidingCounts(_NAMES_MAX)
        self._pending: list[_Request] = []
        self._asking: asyncio.Task[None] | None = None
        self._is_up = True
        self._ask_again_at_s = 0.0

    @classmethod
    def connect(cls, redis_url: str) -> Self:
        """Return limits over a client of their own, which connects when it is first used."""
        redis = Redis.from_url(
            redis_url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            socket_keepalive=True,
            retry=Retry(NoBackoff(), 0),
            max_connections=2,
        )
        return cls(redis)

    async def count(self, name: str, limit: int) -> Tally:
        """Count a request of `name`, at most `limit` of which are allowed in 60 seconds."""
        loop = asyncio.get_running_loop()
        if self._script is None or (not self._is_up and loop.time() < self._ask_again_at_s):
            return self._own.count(name, limit)
        request = _Request(name, limit, loop.create_future())
        self._pending.append(request)
        if self._asking is None:
            self._asking = loop.create_task(self._ask())
        return await request.tally

    async def close(self) -> None:
        """Answer who waits and close the connections."""
        if self._asking is not None:
            await asyncio.gather(self._asking, return_exceptions=True)
        if self._redis is not None:
            await self._redis.aclose()

    async def _ask(self) -> None:
        batch: list[_Request] = []
        try:
            while self._pending:
                batch, self._pending = self._pending[:_BATCH_MAX], self._pending[_BATCH_MAX:]
                _tell(batch, await self._count(batch))
        finally:
            # Whatever ended this, nobody waits for ever.
            for request in (*batch, *self._pending):
                if not request.tally.done():
                    request.tally.set_result(self._own.count(request.name, request.limit))
            self._pending = []
            self._asking = None

    async def _count(self, batch: Sequence[_Request]) -> list[Tally]:
        if self._script is None:
            raise TypeError("there is no Redis to ask")
        if not self._is_up:
            # Until this question is answered the others count by themselves.
            self._ask_again_at_s = _now_s() + _TIMEOUT_S + _ASK_AGAIN_S
        try:
            facts: list[int] = await self._script(
                keys=[_KEY + request.name for request in batch],
                args=[WINDOW_S, *(request.limit for request in batch)],
            )
        except (RedisError, OSError, TimeoutError) as error:
            self._mark(is_up=False, error=type(error).__name__)
            return [self._own.count(request.name, request.limit) for request in batch]
        self._mark(is_up=True)
        rows = zip(*(facts[place::_FACTS] for place in range(_FACTS)), strict=True)
        return [
            Tally(request.limit, remaining, frees_in_s, is_within=bool(within))
            for request, (within, remaining, frees_in_s) in zip(batch, rows, strict=True)
        ]

    def _mark(self, *, is_up: bool, error: str | None = None) -> None:
        if not is_up:
            self._ask_again_at_s = _now_s() + _ASK_AGAIN_S
        _up.set(is_up)
        if is_up is not self._is_up:
            self._is_up = is_up
            if is_up:
                _log.info("rate_limit_store.returned")
            else:
                _log.warning("rate_limit_store.lost", error=error)


def _tell(batch: Sequence[_Request], tallies: Sequence[Tally]) -> None:
    for request, tally in zip(batch, tallies, strict=True):
        if not request.tally.done():
            request.tally.set_result(tally)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
