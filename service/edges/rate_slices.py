"""Leases slices of vendors' rates from Redis, so that all workers together keep within them.

A slice is a few moments at which one request each may go. Redis keeps one number per window; what
happens when it loses them, or is gone, is decided so that no vendor sees more than its limit.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import structlog
from prometheus_client import Counter, Gauge
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from service.domain.pacing import Rate

_log = structlog.get_logger()

NOTICE_S: Final = 2.0
"""Within this many seconds every worker knows that Redis is gone or back, or a worker more."""
NOTICE_S_MIN: Final = 0.1
_TIMEOUT_S: Final = 0.5
_CONNECTIONS_MAX: Final = 8
_KEPT_MS: Final = 3_600_000
_SINCE_KEY: Final = "leadfall:{rate}:since"
_MICROSECONDS: Final = 1_000_000

_leases = Counter("leadfall_rate_leases_total", "Slices asked of Redis.", ["result"])
_available = Gauge("leadfall_rate_store_up", "Whether rates are shared through Redis: 1 or 0.")

# KEYS: when Redis last lost its memory, as far as it knows; the budget.
# ARGV: slots wanted, earliest, furthest, pause after a loss, hold, all as microseconds from now
# but the first; milliseconds to keep the budget beyond its hold; then interval and burst of each
# window.
# Returns: microseconds the budget is held for, microseconds until it is worth asking again, slots.
# The algorithm is that of `service.domain.pacing.Schedule`.
_RESERVE: Final = """
local function whole(number) return string.format('%.0f', number) end
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local wanted, earliest, furthest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local pause, hold = tonumber(ARGV[4]), tonumber(ARGV[5])
local since = tonumber(redis.call('GET', KEYS[1]) or '')
if not since or since > now then
  since = now
  redis.call('SET', KEYS[1], whole(now))
end
local held = tonumber(redis.call('HGET', KEYS[2], 'held') or '') or 0
if hold > 0 then
  held = math.max(held, now + hold)
  redis.call('HSET', KEYS[2], 'held', whole(held))
end
local answer = {math.max(0, held - now), 0}
if held > now then wanted = 0 end
local first = math.max(now + earliest, since + pause)
local over, interval, credit = {}, {}, {}
for place = 7, #ARGV, 2 do
  local window = (place - 5) / 2
  interval[window] = tonumber(ARGV[place])
  credit[window] = interval[window] * (tonumber(ARGV[place + 1]) - 1)
  local kept = tonumber(redis.call('HGET', KEYS[2], tostring(window)) or '')
  -- Nobody books so far ahead: the clock was set back.
  if kept and kept - credit[window] > now + 10 * furthest + pause then kept = now + pause end
  over[window] = kept or first + credit[window]
end
for _ = 1, wanted do
  local at = first
  for window = 1, #over do at = math.max(at, over[window] - credit[window]) end
  if at > math.max(now + furthest, first) then
    answer[2] = at - now - furthest
    break
  end
  for window = 1, #over do over[window] = math.max(over[window], at) + interval[window] end
  answer[#answer + 1] = at - now
end
for window = 1, #over do redis.call('HSET', KEYS[2], tostring(window), whole(over[window])) end
redis.call('PEXPIRE', KEYS[2], tonumber(ARGV[6]) + math.ceil(answer[1] / 1000))
return answer
"""


@dataclass(frozen=True, slots=True)
class Order:
    """What a slice is asked for; all times are real seconds.

    Attributes:
        budget: name of what the rates are kept for; no secret.
        count: slots wanted at most.
        earliest_s, furthest_s: between which the slots are to lie, from now.
        pauses: whether nothing is given for a while after Redis lost its memory; only who keeps to
            the rate by other means as well can do without.
    """

    budget: str
    rates: Sequence[Rate]
    count: int
    earliest_s: float
    furthest_s: float
    pauses: bool = True


@dataclass(frozen=True, slots=True)
class Slice:
    """What Redis gave.

    Attributes:
        slots_at_s: when one request each may go, by the event loop's clock, in order.
        wait_s: when there are no slots, seconds until asking again is of use.
        held_s: for how long the vendor asked some worker to send nothing.
        took_s: how long Redis took to answer.
    """

    slots_at_s: tuple[float, ...]
    wait_s: float
    held_s: float
    took_s: float


class RateSlices:
    """The rates of all budgets, as this process reaches them.

    While Redis does not answer, one caller at a time asks again: a quarter of `notice_s` after the
    last attempt, and for half of it at most.

    Args:
        redis: answers within `_TIMEOUT_S` or raises; never repeats a command by itself.
    """

    def __init__(self, redis: Redis, *, time_scale: float = 1.0) -> None:
        self.notice_s = max(NOTICE_S * time_scale, NOTICE_S_MIN)
        self._redis = redis
        self._reserve = redis.register_script(_RESERVE)
        # Without it, who finds all connections in use would take Redis for gone.
        self._seats = asyncio.Semaphore(_CONNECTIONS_MAX)
        self._ask_again_at_s = 0.0
        self._is_probing = False
        self._is_up = True

    @classmethod
    def connect(cls, redis_url: str, *, time_scale: float = 1.0) -> Self:
        """Return slices over a client of their own, which connects when it is first used."""
        redis = Redis.from_url(
            redis_url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            socket_keepalive=True,
            retry=Retry(NoBackoff(), 0),
            max_connections=_CONNECTIONS_MAX,
        )
        return cls(redis, time_scale=time_scale)

    @property
    def is_up(self) -> bool:
        """Whether Redis answered when it was last asked."""
        return self._is_up

    async def open(self) -> None:
        """Find out whether Redis answers, and let a new one begin its first pause now.

        Without this the first request of a vendor after a start of Redis would wait for it.
        """
        await self._ask(lambda: self._run("open", (), [0, 0, 0, 0, 0]))

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def reserve(self, order: Order) -> Slice | None:
        """Book slots; None when Redis does not answer, and then nothing is known of the rate."""
        sent_at_s = _now_s()
        pause_s = self.notice_s + order.furthest_s if order.pauses else 0.0
        times_s = (order.earliest_s, order.furthest_s, pause_s, 0.0)
        limits = [order.count, *(_microseconds(each) for each in times_s)]
        answer = await self._ask(lambda: self._run(order.budget, order.rates, limits))
        if answer is None:
            return None
        now_s = _now_s()
        held_s, wait_s, *slots_s = (each / _MICROSECONDS for each in answer)
        slots_at_s = tuple(now_s + each for each in slots_s)
        return Slice(slots_at_s, wait_s, held_s, now_s - sent_at_s)

    async def hold(self, budget: str, seconds: float) -> bool:
        """Give nobody a slot of the budget for so long; False when Redis does not answer."""
        limits = [0, 0, 0, 0, _microseconds(seconds)]
        return await self._ask(lambda: self._run(budget, (), limits)) is not None

    async def _run(self, budget: str, rates: Sequence[Rate], limits: list[int]) -> list[int]:
        windows: list[Any] = []
        for rate in rates:
            windows += [_microseconds(rate.interval_s), rate.burst]
        keys = [_SINCE_KEY, f"leadfall:{{rate}}:{budget}"]
        answer: list[int] = await self._reserve(keys=keys, args=[*limits, _KEPT_MS, *windows])
        return answer

    async def _ask(self, ask: Callable[[], Awaitable[list[int]]]) -> list[int] | None:
        async with self._seats:
            return await self._ask_seated(ask)

    async def _ask_seated(self, ask: Callable[[], Awaitable[list[int]]]) -> list[int] | None:
        is_probe = not self._is_up
        if is_probe and (self._is_probing or _now_s() < self._ask_again_at_s):
            return None
        if is_probe:
            self._is_probing = True
        try:
            # A probe that hangs must not outlast the time in which every worker is to notice.
            async with asyncio.timeout(self.notice_s / 2 if is_probe else None):
                answer = await ask()
        except (RedisError, OSError, TimeoutError) as error:
            _leases.labels("failed").inc()
            self._mark(is_up=False, error=type(error).__name__)
            return None
        finally:
            # Also where the caller was cancelled: the next one may ask at once.
            if is_probe:
                self._is_probing = False
        _leases.labels("answered").inc()
        self._mark(is_up=True)
        return answer

    def _mark(self, *, is_up: bool, error: str | None = None) -> None:
        if not is_up:
            self._ask_again_at_s = _now_s() + self.notice_s / 4
        _available.set(is_up)
        if is_up is not self._is_up:
            self._is_up = is_up
            if is_up:
                _log.info("rate_store.returned")
            else:
                _log.warning("rate_store.lost", error=error)


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _microseconds(seconds: float) -> int:
    return round(seconds * _MICROSECONDS)
