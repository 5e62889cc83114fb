"""Learning how companies write their addresses, and telling it, over a real database."""

import asyncio
from datetime import timedelta

import asyncpg

from service.domain.email_patterns import PatternHit
from service.flows.known_patterns import KnownPatterns
from service.flows.recorder import Recorder
from service.flows.suppress_people import SuppressionList
from service.store.patterns import HITS_MAX, expire_patterns, learn_patterns, read_patterns


async def test_what_was_confirmed_most_often_comes_first(pool: asyncpg.Pool) -> None:
    """Each domain has its own order, by how many addresses followed a pattern; three at most."""
    recorder = Recorder(pool, timedelta(seconds=5), SuppressionList(None))
    hits = ["flast"] * 3 + ["first"] * 2 + ["last", "fl", "last"] + ["first.last"] * 9
    for pattern in hits:
        recorder.lessons.add(PatternHit("acme.test", pattern))
    recorder.lessons.add(PatternHit("other.test", "f.last"))
    await recorder.drain()

    known = KnownPatterns(pool)
    acme, other, new = await asyncio.gather(
        known("acme.test"), known("other.test"), known("new.test")
    )

    assert (acme, other, new) == (("first.last", "flast", "first"), ("f.last",), ())


async def test_a_domain_is_read_once_in_a_while(pool: asyncpg.Pool) -> None:
    """What this process knows of a domain may be a minute old, so that a job reads it once."""
    known = KnownPatterns(pool)
    before = await known("acme.test")
    async with pool.acquire() as connection:
        await learn_patterns(connection, [PatternHit("acme.test", "flast")])

    assert (
        before,
        await known("acme.test"),
        await KnownPatterns(pool)("acme.test"),
    ) == ((), (), ("flast",))


async def test_without_the_database_nothing_is_known(pool: asyncpg.Pool) -> None:
    """Patterns are a convenience: when they cannot be read the common order is used."""
    async with pool.acquire() as connection:
        await connection.execute("alter table address_patterns rename to address_patterns_gone")

    assert await KnownPatterns(pool)("acme.test") == ()


async def test_a_count_stops_somewhere(connection: asyncpg.Connection) -> None:
    """A pattern's past cannot grow so long that a new one never comes first."""
    await learn_patterns(connection, [PatternHit("acme.test", "flast")] * (HITS_MAX + 5))
    await learn_patterns(connection, [PatternHit("acme.test", "flast")] * 5)

    count = await connection.fetchval("select hit_count from address_patterns")

    assert count == HITS_MAX


async def test_unused_patterns_are_forgotten(connection: asyncpg.Connection) -> None:
    """What no find has confirmed for long enough goes; the rest stays."""
    await learn_patterns(
        connection, [PatternHit("old.test", "flast"), PatternHit("new.test", "flast")]
    )
    await connection.execute(
        "update address_patterns set last_hit_at = last_hit_at - interval '2 years'"
        " where domain = 'old.test'"
    )

    await expire_patterns(connection, timedelta(days=365), 10)

    assert await read_patterns(connection, ["old.test", "new.test"]) == [(), ("flast",)]
