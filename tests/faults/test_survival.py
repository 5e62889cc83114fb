"""Killing everything in turn loses nothing, charges nothing twice, and tells each end once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio

from providers.registry import all_providers
from providers.sandbox.books import person_hash
from providers.sandbox.truth import Person
from service.domain.kinds import Capability
from tests.faults.enrichment import WAIT_S, add_people, post_job, until
from tests.faults.fleet import Fleet, launch
from tests.faults.receiver import Receiver

LEADS = 5_000
SMALL_JOBS = 40
WATERFALL = {"enrichment_type": "FIND_EMAIL_WATERFALL"}


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    """One process of each role, started."""
    launched = await launch(tmp_path)
    yield launched
    await launched.stop()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver that verifies what it takes."""
    started = Receiver()
    await started.start()
    yield started
    await started.stop()


@pytest.mark.timeout(240)
async def test_job_survives_the_end_of_every_process(fleet: Fleet, receiver: Receiver) -> None:
    """API, worker, dispatcher die, Redis forgets, Postgres restarts; the job ends as it should."""
    tenant = await fleet.tenant(credits_granted=LEADS * 6 + SMALL_JOBS * 6)
    receiver.secret = tenant.workspace.webhook_secret
    async with await fleet.pool() as pool:
        await add_people(pool, tenant, tenant.list_id, LEADS)
        await add_people(pool, tenant, tenant.small_list_id, SMALL_JOBS, "Bo")
        big = await post_job(
            fleet,
            tenant,
            tenant.list_id,
            prospect_limit=LEADS,
            webhook_url=f"{receiver.url}/big",
            **WATERFALL,
        )
        await fleet.kill("api")
        small = [
            await post_job(
                fleet,
                tenant,
                tenant.small_list_id,
                prospect_limit=1,
                webhook_url=f"{receiver.url}/{number}",
                **WATERFALL,
            )
            for number in range(SMALL_JOBS)
        ]
        await until(pool, "open_count < lookup_count * 0.9", big)
        await fleet.kill("worker")
        await until(pool, "open_count < lookup_count * 0.7", big)
        async with redis.asyncio.Redis.from_url(fleet.valkey.url) as client:
            await client.flushall()
        await until(pool, "open_count < lookup_count * 0.6", big)
        await fleet.postgres.restart("immediate")
        await until(pool, "open_count < lookup_count * 0.4", big)
        await fleet.kill("dispatcher")
        await until(pool, "finished_at is not null", big)
        await until_all_told(receiver, {big, *small})

        assert {big, *small} == set(receiver.jobs)
        assert [job for job, events in receiver.jobs.items() if len(events) != 1] == []
        assert [event for event, bodies in receiver.bodies.items() if len(bodies) != 1] == []
        report = await fleet.audit()
        assert (report["clean"], report["exit_code"]) == (True, 0), report
        await assert_books_agree(fleet, pool)


async def until_all_told(receiver: Receiver, jobs: set[str]) -> None:
    """Wait until the receiver has heard of the end of each job."""
    async with asyncio.timeout(WAIT_S):
        while not jobs <= set(receiver.jobs):
            await asyncio.sleep(0.05)


async def assert_books_agree(fleet: Fleet, pool: asyncpg.Pool) -> None:
    """No vendor was asked more often than its policy allows, nor anything our trace lacks."""
    books = [row for row in await fleet.books() if row["capability"] == Capability.FIND_EMAIL]
    asked = Counter((row["vendor"], row["person"]) for row in books)
    calls = await pool.fetch(
        "select c.provider, c.outcome, k.input from calls c join lookups k on k.id = c.lookup_id"
        " where c.provider <> 'enrich' and c.from_memory_at is null and c.ask_count > 0"
        " and coalesce(c.reason, '') not like 'gate_shut%'"
    )
    ours = {(call["provider"], person(call["input"])): call["outcome"] for call in calls}
    certain = {key for key, outcome in ours.items() if outcome in {"found", "missing"}}

    assert [key for key, count in asked.items() if count > asks_max(key[0])] == []
    assert set(asked) - set(ours) == set()
    assert certain - set(asked) == set()


def asks_max(slug: str) -> int:
    """Return how often a vendor may be asked for one address."""
    provider = all_providers()[slug]
    offer = provider.offer(Capability.FIND_EMAIL)
    return 0 if offer is None else provider.asks_max(offer)


def person(lead: dict[str, str]) -> str:
    """Return what the sandbox's books call a person."""
    named = Person.named(lead["first_name"], lead["last_name"], domain=lead["company_domain"])
    return f"{person_hash(named.identity):016x}"
