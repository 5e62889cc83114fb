"""Which process converses with a mail host: leases in Redis; without it, each goes on by itself.

A lease is a courtesy to the host and guards nothing of ours. A process that was stopped for longer
than `LEASE_S`, or a Redis that forgot, may let two converse for a moment.
"""

import asyncio
import secrets
from collections.abc import Sequence
from typing import Final, Protocol, Self

import structlog
from prometheus_client import Gauge
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

_log = structlog.get_logger()

LEASE_S: Final = 5.0
"""A process that died leaves its hosts to others after so long."""
TURN_S: Final = 1.0
"""How long a process may keep a host that others wait for, to the end of the question."""
_RENEW_S: Final = 0.5
_LOOK_S: Final = 0.1
# Who waits says so with each look, and is forgotten when it has stopped looking.
_WANTED_S: Final = 1.0
_TIMEOUT_S: Final = 0.5
_ASK_AGAIN_S: Final = 1.0
_CONNECTIONS_MAX: Final = 8
_TOKEN_BYTES: Final = 16
_KEY: Final = "leadfall:{mail-host}:"

_up = Gauge("leadfall_host_lease_store_up", "Whether mail hosts are shared: 1 or 0.")

# KEYS: for each host its lease and the mark that others wait. ARGV: our token, milliseconds of a
# lease, milliseconds of a mark if one is to be set. Returns for each host: whether it is ours now,
# whether others wait.
_HOLD: Final = """
local answer = {}
for place = 1, #KEYS, 2 do
  local owner = redis.call('GET', KEYS[place])
  if owner == ARGV[1] or not owner then
    if not owner then redis.call('DEL', KEYS[place + 1]) end
    redis.call('SET', KEYS[place], ARGV[1], 'PX', ARGV[2])
    answer[#answer + 1] = 1
  else
    if tonumber(ARGV[3]) > 0 then redis.call('SET', KEYS[place + 1], '1', 'PX', ARGV[3]) end
    answer[#answer + 1] = 0
  end
  answer[#answer + 1] = redis.call('EXISTS', KEYS[place + 1])
end
return answer
"""
# KEYS: the lease. ARGV: our token, milliseconds for which nobody may have it.
_GIVE_UP: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  if tonumber(ARGV[2]) > 0 then
    redis.call('SET', KEYS[1], 'pause', 'PX', ARGV[2])
  else
    redis.call('DEL', KEYS[1])
  end
end
return 0
"""


class Holder(Protocol):
    """Who converses with a host."""

    def look_around(self) -> None:
        """See whether the host is still wanted here; called often while it is held."""


class HostLease:
    """One host, as this process holds it or not.

    Attributes:
        is_wanted: whether another process waits for it.
    """

    def __init__(self, leases: "HostLeases", host: str, holder: Holder) -> None:
        self.host = host
        self.holder = holder
        self.is_wanted = False
        self._leases = leases
        self._moving = asyncio.Lock()
        self._since_s = 0.0
        self._until_s = 0.0
        self._take_from_s = 0.0

    @property
    def is_held(self) -> bool:
        """Whether this process may converse with the host."""
        return _now_s() < self._until_s and not self._moving.locked()

    @property
    def is_due(self) -> bool:
        """Whether it is to be given up as soon as the question under way has ended."""
        turn_over = self.is_wanted and _now_s() - self._since_s > self._leases.turn_s
        return turn_over or not self.is_held

    async def take(self) -> None:
        """Wait until the host is this process's; the caller bounds the wait."""
        while not self.is_held:
            async with self._moving:
                wait_s = self._take_from_s - _now_s()
                if wait_s <= 0 and (_now_s() < self._until_s or await self._leases.take(self)):
                    return
            await asyncio.sleep(max(wait_s, _LOOK_S))

    async def give_up(self, *, pause_s: float) -> None:
        """Leave the host to others, who wait so long before they begin."""
        async with self._moving:
            was_wanted, self._until_s = self.is_wanted, 0.0
            await self._leases.give_up(self, pause_s)
            if was_wanted:
                # Others look only so often; without this they would never find it free.
                self._take_from_s = _now_s() + pause_s + 2 * _LOOK_S

    def note(self, *, until_s: float, is_wanted: bool) -> None:
        """Note what is known of it now."""
        if self._until_s == 0.0:
            self._since_s = _now_s()
        self._until_s, self.is_wanted = until_s, is_wanted


class HostLeases:
    """The hosts that this process converses with; all of them are renewed with one command.

    Args:
        redis: answers soon or raises, and never repeats a command by itself.
        lease_s: the same in all processes.
    """

    def __init__(self, redis: Redis, *, lease_s: float = LEASE_S, turn_s: float = TURN_S) -> None:
        self.turn_s = turn_s
        self._lease_s = lease_s
        self._redis = redis
        self._hold = redis.register_script(_HOLD)
        self._give_up = redis.register_script(_GIVE_UP)
        # Without it, who finds all connections in use would take Redis for gone.
        self._seats = asyncio.Semaphore(_CONNECTIONS_MAX)
        self._token = secrets.token_hex(_TOKEN_BYTES)
        self._held: dict[str, HostLease] = {}
        self._renewing: asyncio.Task[None] | None = None
        self._is_up = True
        self._ask_again_at_s = 0.0

    @classmethod
    def connect(cls, redis_url: str, *, lease_s: float = LEASE_S, turn_s: float = TURN_S) -> Self:
        """Return leases over a client of their own, which connects when it is first used."""
        redis = Redis.from_url(
            redis_url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            socket_keepalive=True,
            retry=Retry(NoBackoff(), 0),
            max_connections=_CONNECTIONS_MAX,
        )
        return cls(redis, lease_s=lease_s, turn_s=turn_s)

    async def close(self) -> None:
        """Close the connections; what was not given up ends by itself."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
        await self._redis.aclose()

    async def take(self, lease: HostLease) -> bool:
        """Try once to get a host; without Redis everybody gets it."""
        is_ours = await self._try([lease], wanted_s=_WANTED_S)
        if is_ours:
            self._held[lease.host] = lease
            if self._renewing is None:
                self._renewing = asyncio.create_task(self._renew())
        return is_ours

    async def give_up(self, lease: HostLease, pause_s: float) -> None:
        """Give a host up, if it is ours."""
        if self._held.pop(lease.host, None) is None:
            return
        async with self._seats:
            if not self._may_ask():
                return
            try:
                await self._give_up(
                    keys=[_KEY + lease.host], args=[self._token, max(0, round(pause_s * 1_000))]
                )
            except (RedisError, OSError, TimeoutError) as error:
                # It ends by itself.
                self._mark(is_up=False, error=type(error).__name__)

    async def _renew(self) -> None:
        try:
            while self._held:
                await asyncio.sleep(min(_RENEW_S, self._lease_s / 3))
                leases = list(self._held.values())
                await self._try(leases, wanted_s=0.0)
                for lease in leases:
                    lease.holder.look_around()
        finally:
            self._renewing = None

    async def _try(self, leases: Sequence[HostLease], *, wanted_s: float) -> bool:
        """Hold what is free or ours, and note it; return whether all of them are."""
        asked_at_s = _now_s()
        facts = await self._ask(leases, wanted_s)
        for place, lease in enumerate(leases):
            is_ours, is_wanted = facts[2 * place : 2 * place + 2] if facts else (1, 0)
            until_s = asked_at_s + self._lease_s if is_ours else 0.0
            lease.note(until_s=until_s, is_wanted=bool(is_wanted))
            if not is_ours:
                self._held.pop(lease.host, None)
        return facts is None or all(facts[::2])

    async def _ask(self, leases: Sequence[HostLease], wanted_s: float) -> list[int] | None:
        async with self._seats:
            return await self._ask_seated(leases, wanted_s)

    async def _ask_seated(self, leases: Sequence[HostLease], wanted_s: float) -> list[int] | None:
        if not leases or not self._may_ask():
            return None
        keys = [
            key for lease in leases for key in (_KEY + lease.host, f"{_KEY}{lease.host}:wanted")
        ]
        if not self._is_up:
            # Until this question is answered the others go on by themselves.
            self._ask_again_at_s = _now_s() + _TIMEOUT_S + _ASK_AGAIN_S
        try:
            milliseconds = [round(seconds * 1_000) for seconds in (self._lease_s, wanted_s)]
            facts: list[int] = await self._hold(keys=keys, args=[self._token, *milliseconds])
        except (RedisError, OSError, TimeoutError) as error:
            self._mark(is_up=False, error=type(error).__name__)
            return None
        self._mark(is_up=True)
        return facts

    def _may_ask(self) -> bool:
        return self._is_up or _now_s() >= self._ask_again_at_s

    def _mark(self, *, is_up: bool, error: str | None = None) -> None:
        if not is_up:
            self._ask_again_at_s = _now_s() + _ASK_AGAIN_S
        _up.set(is_up)
        if is_up is not self._is_up:
            self._is_up = is_up
            if is_up:
                _log.info("host_lease_store.returned")
            else:
                _log.warning("host_lease_store.lost", error=error)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
