"""Strikes: what each kind of fault does to the installation, and how it is undone."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Final

import asyncpg
import redis.asyncio

from providers.sandbox.faults import Fault, Faults, Moment
from service.embedded.server import _launch, run_to_end
from tests.faults.chaos.plan import Blow, Strike
from tests.faults.chaos.site import AWAY, Site, TargetAway
from tests.faults.inbox import Mood

# More than Postgres allows.
_CONNECTIONS_MAX = 400
_CONNECT_S = 10.0
_FAILING_SHARE = 0.5
_MOODS = {
    Blow.RECEIVERS_DOWN: Mood.DOWN,
    Blow.RECEIVERS_HANG: Mood.HANGING,
    Blow.RECEIVERS_RESET: Mood.RESETTING,
}


async def strike(site: Site, blow: Strike, random: Random) -> None:
    """Do one strike to its end; afterwards whatever it took is back.

    Raises:
        TargetAway: it could not be made, as another one had taken what it strikes.
    """
    match blow.blow, blow.target:
        case Blow.KILL, str(name):
            await site.kill(name)
        case Blow.PAUSE, str(name):
            await site.pause(name, blow.span_s)
        case (Blow.VENDORS_DOWN | Blow.VENDORS_FAIL) as kind, _:
            await _fail_vendors(site, blow.span_s, random, all_down=kind is Blow.VENDORS_DOWN)
        case kind, _ if kind in _MOODS:
            await _change_mood(site, _MOODS[kind], blow.span_s)
        case kind, _:
            await _SERVERS[kind](site, blow.span_s)


async def _restart_postgres(site: Site, _: float) -> None:
    async with site.turn("postgres"):
        await site.fleet.postgres.restart("immediate")


async def _flush_redis(site: Site, _: float) -> None:
    async with site.turn("redis"), redis.asyncio.Redis.from_url(site.fleet.valkey.url) as client:
        await client.flushall()


async def _stop_redis(site: Site, span_s: float) -> None:
    valkey = site.fleet.valkey
    async with site.turn("redis"):
        await run_to_end(valkey._child.stop, "kill")
        await asyncio.sleep(span_s)
        valkey._child = await _launch(valkey._engine, valkey.port)


async def _hang_redis(site: Site, span_s: float) -> None:
    async with site.turn("redis"):
        os.kill(site.fleet.valkey.pid, signal.SIGSTOP)
        await asyncio.sleep(span_s)
        os.kill(site.fleet.valkey.pid, signal.SIGCONT)


async def _block_pools(site: Site, span_s: float) -> None:
    """Keep a table locked, so that each pool's connections end up waiting for it."""
    try:
        connection = await asyncpg.connect(site.fleet.postgres.url, timeout=_CONNECT_S)
    except AWAY as error:
        raise TargetAway(repr(error)) from error
    try:
        await connection.execute("begin")
        await connection.execute("lock table lookups, deliveries in access exclusive mode")
        await asyncio.sleep(span_s)
    except AWAY as error:
        raise TargetAway(repr(error)) from error
    finally:
        # Gives the tables back, whether or not Postgres was ended meanwhile.
        connection.terminate()


async def _take_connections(site: Site, span_s: float) -> None:
    """Take every connection that Postgres has left."""
    taken: list[asyncpg.Connection] = []
    try:
        for _ in range(_CONNECTIONS_MAX):
            connection = await asyncpg.connect(site.fleet.postgres.url, timeout=_CONNECT_S)
            taken.append(connection)
        raise RuntimeError("Postgres has more connections than can be taken")
    except asyncpg.TooManyConnectionsError:
        await asyncio.sleep(span_s)
    except AWAY as error:
        raise TargetAway(repr(error)) from error
    finally:
        for connection in taken:
            connection.terminate()


async def _fail_vendors(site: Site, span_s: float, random: Random, *, all_down: bool) -> None:
    async with site.turn("vendors"):
        seed = random.getrandbits(32)
        site.sandbox.world.faults = (
            Faults(1.0, seed, (Fault.DOWN,), (Moment.BEFORE_BOOKING,))
            if all_down
            else Faults(_FAILING_SHARE, seed)
        )
        await asyncio.sleep(span_s)
        site.sandbox.world.faults = None


async def _change_mood(site: Site, mood: Mood, span_s: float) -> None:
    async with site.turn("receivers"):
        site.inbox.mood = mood
        await asyncio.sleep(span_s)
        site.inbox.mood = Mood.WELL


_SERVERS: Final[Mapping[Blow, Callable[[Site, float], Awaitable[None]]]] = {
    Blow.RESTART_POSTGRES: _restart_postgres,
    Blow.FLUSH_REDIS: _flush_redis,
    Blow.STOP_REDIS: _stop_redis,
    Blow.HANG_REDIS: _hang_redis,
    Blow.BLOCK_POOLS: _block_pools,
    Blow.TAKE_CONNECTIONS: _take_connections,
}
