"""The audit is clean on what the flows write, and finds each thing that breaks a promise."""

import json
import re
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from providers.registry import all_providers
from service.flows.audit import AuditReport, audit
from service.flows.settle_lookups import settle_lookups
from service.store.acceptance import Idempotency
from service.store.claims import park_lookups
from tests.flows.workshop import PUBLICATION, found, missing, new_worker, open_workshop

LEASE = timedelta(seconds=5)
HOOK = "https://hooks.example.net/s"

_BREACH = re.compile(r"^-- breach: (.+)\n-- noticed by: (.+)\n", re.MULTILINE)
_NAMES, _CHECKS, _STATEMENTS = (
    _BREACH.split(Path(__file__).with_name("breaches.sql").read_text("utf-8"))[place::3]
    for place in (1, 2, 3)
)
BREACHES = {
    name: (statements, checks.split(", "))
    for name, checks, statements in zip(_NAMES, _CHECKS, _STATEMENTS, strict=True)
}


@pytest.fixture
async def busy(pool: asyncpg.Pool) -> asyncpg.Pool:
    """A database with a finished, delivered job and an open one, written by the flows."""
    shop = await open_workshop(pool)
    await open_workshop(pool, credits_granted=0)
    worker = await new_worker(pool)
    key = Idempotency("k1", bytes(32))
    await shop.accept(await shop.add_leads(3), webhook_url=HOOK, idempotency=key)
    claims = await shop.claim(worker)
    await settle_lookups(pool, [found(claims[0]), *map(missing, claims[1:])], PUBLICATION)
    await shop.accept(await shop.add_leads(3))
    running, waiting = await shop.claim(worker, 2)
    async with pool.acquire() as connection:
        await park_lookups(connection, worker, [waiting], 60.0)
    await pool.execute(
        "insert into calls (lookup_id, step, provider, epoch, ask_count, intended_at)"
        " values ($1, 0, 'enrich', 1, 2, now()), ($1, 1, 'leadmagic', 1, 1, now())",
        running.lookup_id,
    )
    await pool.execute(
        "update deliveries set state = 'delivered', finished_at = leadfall_now(), sequence = 1"
    )
    await pool.execute(
        "insert into attempts (event_id, endpoint_id, number, started_at, duration_ms, class,"
        " decision, body_sha256)"
        " select event_id, endpoint_id, 1, leadfall_now(), 1, 'success', 'done', ''"
        " from deliveries"
    )
    return pool


async def run(pool: asyncpg.Pool) -> AuditReport:
    """Audit with the declarations of the real providers."""
    return await audit(pool, all_providers(), LEASE)


async def test_empty_database_is_clean(pool: asyncpg.Pool) -> None:
    """With nothing in it, nothing is broken."""
    assert (await run(pool)).clean


async def test_what_the_flows_write_is_clean(busy: asyncpg.Pool) -> None:
    """Work finished, delivered, running, waiting and ready breaks no promise."""
    report = await run(busy)

    assert [check for check in report.checks if check.breaches] == []
    assert report.clean
    assert tuple(report.rows[table] for table in ("jobs", "lookups", "calls", "deliveries")) == (
        2,
        6,
        2,
        1,
    )


@pytest.mark.parametrize("breach", BREACHES)
async def test_breach_is_found(busy: asyncpg.Pool, breach: str) -> None:
    """Each breach is found by the checks that are about it, and by no other."""
    statements, expected = BREACHES[breach]
    await busy.execute(statements)

    report = await run(busy)

    assert expected == sorted(check.name for check in report.checks if check.breaches)
    assert not report.clean


async def test_every_check_has_its_breach(pool: asyncpg.Pool) -> None:
    """No check is left that nothing here shows to work."""
    shown = {check for _, checks in BREACHES.values() for check in checks}

    assert shown == {check.name for check in (await run(pool)).checks}


async def test_examples_are_few_and_ids_only(pool: asyncpg.Pool) -> None:
    """However much is broken, five ids of each check are shown."""
    await pool.execute(
        "insert into calls (lookup_id, step, provider, epoch, intended_at)"
        " select n, 0, 'enrich', 1, leadfall_now() from generate_series(1, 1000) n"
    )

    (broken,) = [check for check in (await run(pool)).checks if check.breaches]

    assert (broken.breaches, len(broken.examples)) == (1_000, 5)
    assert all(example.removesuffix(".0").isdigit() for example in broken.examples)


async def test_report_is_one_json_object(busy: asyncpg.Pool) -> None:
    """The command prints this object as it is."""
    told = json.loads(json.dumps((await run(busy)).as_json()))

    assert told["clean"] is True
    assert {"name", "promise", "says", "breaches", "examples"} == set(told["checks"][0])


async def test_dropped_partitions_are_no_breach(busy: asyncpg.Pool) -> None:
    """Jobs that ended before the oldest kept day are not held against their dropped events."""
    await busy.execute(
        """
        delete from deliveries;
        delete from events;
        do $$ declare part text; begin
          for part in select inhrelid::regclass::text from pg_inherits
            where inhparent = 'events'::regclass
              and inhrelid::regclass::text <= 'events_' || to_char(now(), 'YYYYMMDD')
          loop execute 'drop table ' || part; end loop;
        end $$
        """
    )

    assert (await run(busy)).clean


async def test_running_work_is_seen_whole(busy: asyncpg.Pool) -> None:
    """A settle that is under way is seen as not begun, never as half done."""
    async with busy.acquire() as connection:
        change = connection.transaction()
        await change.start()
        await connection.execute("update jobs set found_count = found_count + 1")

        report = await run(busy)
        await change.rollback()

    assert report.clean
