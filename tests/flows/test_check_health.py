"""Health: what passes, warns and fails, and that a look never hangs."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from service.domain.attempt_class import GIVEN_BACK, OURS, SENTENCES, AttemptClass
from service.domain.check import Check, Health, Status
from service.domain.identifiers import new_id
from service.domain.kinds import Kind
from service.domain.waterfall import Step, Waterfall, usable
from service.flows.check_deliveries import REMEDIES
from service.flows.check_health import (
    CHECK_TIMEOUT_S,
    Subject,
    check_health,
    check_readiness,
    within,
)
from service.flows.check_providers import check_mail_port
from service.settings import Settings
from service.store.connection import Pool
from service.store.outages import report_outage
from service.store.processes import beat
from tests.flows.workshop import open_workshop

WATERFALLS = [Waterfall(kind, (Step("enrich"), Step("hunter"))) for kind in Kind]
MINUTE = "interval '1 minute'"

CALL_FOR_AN_HOUR = """
    with called as (
      insert into calls (lookup_id, step, provider, epoch, intended_at)
      select id, 0, 'enrich', 0, leadfall_now() - interval '1 hour' from lookups
    )
    update lookups set state = 'running', owner = gen_random_uuid()
"""
SUBMISSION_UNPOLLED = """
    insert into submissions (
      id, provider, capability, credential, token, handle, state, poll_at, deadline_at, created_at
    )
    select gen_random_uuid(), 'fullenrich', 'find_email', 'operator', 'token', 'handle',
           'submitted', now - interval '1 hour', now, now
    from (select leadfall_now() as now) moment
"""


@pytest.fixture(autouse=True)
async def alive(pool: Pool) -> None:
    """A worker and a dispatcher that are alive."""
    async with pool.acquire() as connection:
        for role in ("worker", "dispatcher"):
            await beat(connection, new_id(), role, "test", 1)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of a Redis that answers."""
    async with Redis.from_url(redis_url) as client:
        yield client


def subject(pool: Pool, **changes: Any) -> Subject:
    """Return a process in which everything is well, but for the changes."""
    facts: dict[str, Any] = {
        "pool": pool,
        "settings": Settings(),
        "role": "worker",
        "beat_age_s": lambda: 0.1,
        "draining": asyncio.Event(),
        "waterfalls": WATERFALLS,
        **changes,
    }
    return Subject(**facts)


def named(health: Health, name: str) -> Check:
    """Return the check of this name."""
    (found,) = [check for check in health.checks if check.name == name]
    return found


async def add_endpoint(pool: Pool, **columns: Any) -> int:
    """Add an endpoint of a workspace of its own and return its id."""
    shop = await open_workshop(pool)
    columns = {"host": "hooks.example", "failing_since": None, "hold_until": None, **columns}
    endpoint_id: int = await pool.fetchval(
        "insert into endpoints (workspace_id, name, url, host, port, failing_since, hold_until)"
        " values ($1, 'e', 'https://hooks.example', $2, 443,"
        " leadfall_now() - $3::text::interval, leadfall_now() + $4::text::interval) returning id",
        shop.workspace_id,
        columns["host"],
        columns["failing_since"],
        columns["hold_until"],
    )
    return endpoint_id


async def add_delivery(pool: Pool, endpoint_id: int, late: str, state: str = "due") -> None:
    """Add a delivery that was due so long ago."""
    await pool.execute(
        "insert into deliveries (event_id, endpoint_id, workspace_id, event_type,"
        " event_created_at, state, owner, due_at, created_at)"
        " select gen_random_uuid(), $1, 1, 'lead.enriched', now(), $2,"
        " case when $2 = 'sending' then gen_random_uuid() end, now() - $3::text::interval, now()",
        endpoint_id,
        state,
        late,
    )


async def test_all_is_well(pool: Pool, redis: Redis) -> None:
    """A service with nothing to do and everything alive passes every check."""
    health = await check_health(subject(pool, redis=redis))

    assert [check for check in health.checks if check.status is not Status.PASS] == []
    assert health.status is Status.PASS


async def test_checks_tell_what_they_measured(pool: Pool) -> None:
    """A check that measures names value, unit, threshold, and says it in one sentence."""
    check = named(await check_health(subject(pool)), "workers")

    assert (check.value, check.unit, check.threshold) == (1, "processes", 1)
    assert check.message.startswith("1 worker processes are alive")


@pytest.mark.parametrize("role", ["worker", "dispatcher"])
async def test_silent_role_fails(pool: Pool, role: str) -> None:
    """Any process can see that no worker, or no dispatcher, has a valid lease."""
    await pool.execute(f"update processes set beat_at = beat_at - {MINUTE} where role = $1", role)

    check = named(await check_health(subject(pool)), f"{role}s")

    assert (check.status, check.value) == (Status.FAIL, 0)


@pytest.mark.parametrize(
    ("accepted", "moved", "expected"),
    [
        ("10 seconds", "10 seconds", ("pass", "pass")),
        ("2 hours", "1 second", ("warn", "pass")),
        ("2 hours", "2 minutes", ("warn", "warn")),
        ("2 hours", "1 hour", ("warn", "fail")),
    ],
)
async def test_ready_lookups(
    pool: Pool, accepted: str, moved: str, expected: tuple[str, str]
) -> None:
    """Old work that moves only warns; work that stands still fails."""
    shop = await open_workshop(pool)
    await shop.accept(await shop.add_leads(3))
    await pool.execute(
        "update lookups set created_at = leadfall_now() - $1::text::interval", accepted
    )
    await pool.execute("update jobs set updated_at = leadfall_now() - $1::text::interval", moved)

    health = await check_health(subject(pool))

    assert expected == (
        named(health, "lookup_ready_age").status,
        named(health, "lookup_standstill").status,
    )


async def test_stuck_workspace_is_seen_behind_a_busy_one(pool: Pool) -> None:
    """Each workspace's queue is looked at, not only the first or the oldest."""
    shops = [await open_workshop(pool) for _ in range(3)]
    for shop in shops:
        await shop.accept(await shop.add_leads(2))
    await pool.execute(
        "update jobs set updated_at = leadfall_now() - interval '1 hour' where workspace_id = $1",
        shops[1].workspace_id,
    )
    await pool.execute(
        "update lookups set created_at = leadfall_now() - interval '1 hour'"
        " where workspace_id = $1",
        shops[1].workspace_id,
    )

    assert named(await check_health(subject(pool)), "lookup_standstill").status is Status.FAIL


@pytest.mark.parametrize(
    ("name", "statement", "status"),
    [
        (
            "lookup_wake_overdue",
            "update lookups set state = 'waiting', wake_at = leadfall_now() - interval '2 min'",
            Status.WARN,
        ),
        (
            "lookup_wake_overdue",
            "update lookups set state = 'waiting', wake_at = leadfall_now() + interval '2 hours'",
            Status.PASS,
        ),
        ("call_age", CALL_FOR_AN_HOUR, Status.FAIL),
        ("submission_poll_overdue", SUBMISSION_UNPOLLED, Status.FAIL),
        ("clock_shift", "insert into clock_shift (shift) values ('1 s')", Status.FAIL),
    ],
)
async def test_each_age_is_judged(pool: Pool, name: str, statement: str, status: Status) -> None:
    """What waits too long is told under its own name."""
    shop = await open_workshop(pool)
    await shop.accept(await shop.add_leads(1))
    await pool.execute(statement)

    assert named(await check_health(subject(pool)), name).status is status


async def test_our_lateness_is_told_apart(pool: Pool) -> None:
    """A delivery that is late to a willing receiver is our fault, and fails."""
    await add_delivery(pool, await add_endpoint(pool), "10 minutes")

    health = await check_health(subject(pool))

    assert named(health, "delivery_late").status is Status.FAIL
    assert named(health, "receiver_late").status is Status.PASS


@pytest.mark.parametrize(
    "columns", [{"failing_since": "1 hour"}, {"hold_until": "1 hour"}], ids=str
)
async def test_receivers_own_lateness_warns(pool: Pool, columns: dict[str, str]) -> None:
    """A receiver that is down or asked for a pause makes nothing of ours fail."""
    await add_delivery(pool, await add_endpoint(pool, **columns), "10 minutes")
    neighbour = await add_endpoint(pool)
    await add_delivery(pool, neighbour, "10 minutes")

    health = await check_health(subject(pool))

    assert named(health, "delivery_late").status is Status.PASS
    assert named(health, "receiver_late").status is Status.WARN
    assert health.status is Status.WARN


async def test_busy_receiver_is_late_by_its_own_doing(pool: Pool) -> None:
    """An endpoint with as many deliveries under way as it may have sets its own pace."""
    endpoint_id = await add_endpoint(pool)
    await add_delivery(pool, endpoint_id, "10 minutes")
    for _ in range(Settings().dispatcher.endpoint_concurrency):
        await add_delivery(pool, endpoint_id, "10 minutes", "sending")

    assert named(await check_health(subject(pool)), "delivery_late").status is Status.PASS


async def test_missing_migration_is_named(pool: Pool) -> None:
    """A schema that is behind fails with the command that mends it."""
    await pool.execute("delete from schema_migrations where name like '0006%'")

    check = named(await check_readiness(subject(pool)), "schema")

    assert check.status is Status.FAIL
    assert "0006_events_and_deliveries: run `leadfall migrate`" in check.message


async def test_slow_loop_is_not_ready(pool: Pool) -> None:
    """A loop that has not turned for five seconds takes the process out of service."""
    readiness = await check_readiness(subject(pool, beat_age_s=lambda: 5.0))

    assert named(readiness, "loop_beat").status is Status.FAIL


async def test_stopping_process_is_healthy(pool: Pool) -> None:
    """Draining warns, because nothing is wrong; readiness is what refuses new work."""
    draining = asyncio.Event()
    draining.set()

    health = await check_health(subject(pool, draining=draining))

    assert health.status is Status.WARN
    assert named(health, "draining").status is Status.WARN


async def test_lost_redis_only_warns(pool: Pool) -> None:
    """Nothing that Redis holds is needed, so its loss fails nothing."""
    async with Redis.from_url("redis://127.0.0.1:1/0") as nobody:
        health = await check_health(subject(pool, redis=nobody))

    assert named(health, "redis").status is Status.WARN
    assert health.status is Status.WARN


async def test_kind_without_a_step_warns(pool: Pool) -> None:
    """A kind that no configured provider can do is named with the settings that would help."""
    bare = usable(Waterfall(Kind.FIND_PHONE, (Step("prospeo"), Step("enrow"))), {"enrich"})

    health = await check_health(subject(pool, waterfalls=[*WATERFALLS[:2], bare]))

    check = named(health, "kinds_without_step")

    assert (check.status, check.value) == (Status.WARN, 1)
    keys = [f"LEADFALL_PROVIDERS__{slug}__API_KEY" for slug in ("PROSPEO", "ENROW")]
    assert f"find_phone: set {' or '.join(keys)}." in check.message


async def test_operators_key_that_is_out_warns(pool: Pool) -> None:
    """It is named with the reason; what a workspace did to its own key is no business of ours."""
    async with pool.acquire() as connection:
        for credential, provider in (("operator", "hunter"), ("key:7", "enrow")):
            await report_outage(
                connection, provider, credential, "out_of_credit", retry_after=timedelta(minutes=1)
            )

    check = named(await check_health(subject(pool)), "provider_keys_out")

    assert (check.status, check.value) == (Status.WARN, 1)
    assert "hunter: out_of_credit since 20" in check.message
    assert "enrow" not in check.message


async def test_kind_whose_last_key_is_out_is_named(pool: Pool) -> None:
    """That somebody is configured is not enough; kinds with somebody left are not named."""
    waterfalls = [
        Waterfall(Kind.FIND_PHONE, (Step("enrow"),)),
        Waterfall(Kind.VERIFY_EMAIL, (Step("enrow"), Step("hunter"))),
    ]
    async with pool.acquire() as connection:
        await report_outage(
            connection, "enrow", "operator", "key_rejected", retry_after=timedelta(minutes=1)
        )

    health = await check_health(subject(pool, waterfalls=waterfalls))

    check = named(health, "provider_keys_out")
    assert check.status is Status.WARN
    assert check.message.endswith("left to ask for find_phone: these lookups are refunded.")


async def test_process_adds_checks_of_its_own(pool: Pool) -> None:
    """A worker tells whether the mail port is shut to it."""
    more = lambda: (check_mail_port(shut=True),)  # noqa: E731 - what a worker passes

    health = await check_health(subject(pool, more=more))

    assert named(health, "mail_port").status is Status.WARN
    assert "open port 25" in named(health, "mail_port").message


async def test_used_up_pool_fails_in_time(pool: Pool) -> None:
    """With no connection to be had, the answer comes at the time-out and says so."""
    held = [await pool.acquire() for _ in range(pool.get_max_size())]
    began_at = asyncio.get_running_loop().time()

    health = await check_health(subject(pool))

    assert asyncio.get_running_loop().time() - began_at < CHECK_TIMEOUT_S + 1
    assert (Status.WARN, len(held)) == (named(health, "pool").status, named(health, "pool").value)
    assert named(health, "postgres").status is Status.FAIL
    await asyncio.gather(*(pool.release(connection) for connection in held))


async def test_gone_database_fails(pool: Pool, postgres_server: str, database_url: str) -> None:
    """Without Postgres there is one failed check in place of all that would be read from it."""
    name = database_url.rpartition("/")[2]
    other = await asyncpg.connect(postgres_server)
    await other.execute(f"alter database {name} with allow_connections false")
    await other.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name
    )

    readiness = await check_readiness(subject(pool))
    await other.execute(f"alter database {name} with allow_connections true")
    await other.close()

    assert [
        (check.name, check.status) for check in readiness.checks if check.status is Status.FAIL
    ] == [("postgres", Status.FAIL)]


async def test_step_that_will_not_be_cancelled_is_left_behind() -> None:
    """A time-out is kept even when the step takes its time to clean up."""
    release = asyncio.Event()

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await release.wait()

    with pytest.raises(TimeoutError):
        await within(stubborn(), 0.01)
    release.set()


async def keep_back(pool: Pool, reason: str, unsent_claim_count: int, state: str = "due") -> None:
    """Add a delivery that was claimed so often, and what was said of it last."""
    await add_delivery(pool, await add_endpoint(pool), "-1 hour", state)
    await pool.execute(
        "update deliveries set reason = $1, unsent_claim_count = $2 where reason is null",
        reason,
        unsent_claim_count,
    )


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        (SENTENCES[AttemptClass.RESOLVER_DOWN], "LEADFALL_DNS__SERVERS"),
        (SENTENCES[AttemptClass.NO_ROUTE], "routes and firewall"),
        (SENTENCES[AttemptClass.EGRESS_DOWN], "LEADFALL_DISPATCHER__CANARY_URL"),
        (SENTENCES[AttemptClass.SECRET_UNREADABLE], "LEADFALL_SECRET_KEYS"),
        (SENTENCES[AttemptClass.OUR_FAULT], "attempt.failed"),
        (GIVEN_BACK, "why dispatchers end"),
    ],
)
async def test_faults_of_ours_show_with_a_remedy(pool: Pool, said: str, remedy: str) -> None:
    """Without a canary too: what was kept back three times warns, and says what to do."""
    await keep_back(pool, f"{said}; next try in 40 s", 3)

    check = named(await check_health(subject(pool)), "deliveries_unsent")

    assert (check.status, check.value) == (Status.WARN, 1)
    assert said in check.message
    assert remedy in check.message


@pytest.mark.parametrize(
    ("reason", "unsent_claim_count", "state"),
    [
        (SENTENCES[AttemptClass.NO_ROUTE], 2, "due"),
        (SENTENCES[AttemptClass.NO_ROUTE], 3, "delivered"),
        ("the receiver answered 500; next attempt in 300 s", 3, "due"),
    ],
    ids=["seldom", "sent at last", "the receiver's turn"],
)
async def test_what_is_over_warns_no_more(
    pool: Pool, reason: str, unsent_claim_count: int, state: str
) -> None:
    """Neither a hiccup nor what ended or was answered since."""
    await keep_back(pool, reason, unsent_claim_count, state)

    check = named(await check_health(subject(pool)), "deliveries_unsent")

    assert (check.status, check.value) == (Status.PASS, 0)


def test_every_fault_of_ours_has_a_remedy() -> None:
    """None can be added without saying what an operator does about it."""
    assert {SENTENCES[each] for each in OURS} | {GIVEN_BACK} == set(REMEDIES)


@pytest.mark.parametrize(("ago", "status"), [("5 minutes", Status.WARN), ("2 hours", Status.PASS)])
async def test_receivers_that_were_given_up_show_for_an_hour(
    pool: Pool, ago: str, status: Status
) -> None:
    """By their ids, and with what can be done."""
    endpoint_id = await add_endpoint(pool)
    public_id = await pool.fetchval(
        "update endpoints set exhausted_told_at = leadfall_now() - $2::text::interval"
        " where id = $1 returning public_id",
        endpoint_id,
        ago,
    )

    check = named(await check_health(subject(pool)), "receivers_exhausted")

    assert (check.status, public_id in check.message) == (status, status is Status.WARN)
