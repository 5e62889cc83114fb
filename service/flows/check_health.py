"""Judges the health of the service and of this process: named checks against named thresholds."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

import asyncpg
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from service.domain.check import Check, Health, Status
from service.domain.waterfall import Waterfall
from service.flows.check_deliveries import check_exhausted, check_unsent
from service.flows.check_providers import check_kinds, check_outages
from service.settings import Settings
from service.store.connection import Pool
from service.store.health import HealthFacts, read_health_facts
from service.store.migrations import missing_migrations
from service.store.outages import read_outages
from service.store.transient import TRANSIENT

_log = structlog.get_logger()

R = TypeVar("R")

# No check takes longer, so that a probe never hangs.
CHECK_TIMEOUT_S: Final = 2.0
REQUIRED_ROLES: Final = ("worker", "dispatcher")


class Flag(Protocol):
    """Something that may be set; an `asyncio.Event` is one."""

    def is_set(self) -> bool:
        """Tell whether it is set."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at.

    Attributes:
        role: of this process.
        beat_age_s: seconds since this process's slowest loop last turned; None if it has no loop.
        draining: set when the process begins to stop.
        redis: None where Redis is not looked at.
        waterfalls: one for every kind, with only the steps that are usable.
        more: checks that only this process can make; they must not wait for anything.
    """

    pool: Pool
    settings: Settings = field(repr=False)
    role: str
    beat_age_s: Callable[[], float] | None
    draining: Flag
    redis: Redis | None = None
    waterfalls: Collection[Waterfall] = ()
    more: Callable[[], Sequence[Check]] = tuple


async def check_health(subject: Subject) -> Health:
    """Make every check; takes at most `CHECK_TIMEOUT_S` and a little, whatever is broken."""
    # Before the checks take a connection of their own.
    pool = _check_pool(subject.pool)
    database, redis = await asyncio.gather(
        _check_database(subject, everything=True), _check_redis(subject.redis)
    )
    return Health(
        subject.role,
        (
            *database,
            *_check_process(subject),
            pool,
            *redis,
            *check_kinds(subject.waterfalls),
            *subject.more(),
        ),
    )


async def check_readiness(subject: Subject) -> Health:
    """Tell whether this process can take work: Postgres, schema, loop beat, not draining."""
    database = await _check_database(subject, everything=False)
    return Health(subject.role, (*database, *_check_process(subject)))


async def within(step: Awaitable[R], timeout_s: float = CHECK_TIMEOUT_S) -> R:
    """Return what the step returns; leave it behind, cancelled, when it takes too long.

    Unlike `asyncio.timeout` it does not wait until the cancelled step has cleaned up, which against
    a server that is frozen takes as long as the step itself would.

    Raises:
        TimeoutError: the step took longer.
    """
    task = asyncio.ensure_future(step)
    try:
        done, _ = await asyncio.wait({task}, timeout=timeout_s)
    finally:
        if not task.done():
            task.add_done_callback(_forget)
            task.cancel()
    if not done:
        raise TimeoutError
    return task.result()


def _forget(task: "asyncio.Future[Any]") -> None:
    if not task.cancelled():
        task.exception()


async def _check_database(subject: Subject, *, everything: bool) -> list[Check]:
    async def read() -> tuple[list[str], list[Check]]:
        async with subject.pool.acquire(timeout=CHECK_TIMEOUT_S) as connection:
            missing = await missing_migrations(connection)
            if missing or not everything:
                return missing, []
            endpoint_concurrency = subject.settings.dispatcher.endpoint_concurrency
            facts = await read_health_facts(connection, endpoint_concurrency)
            outages = check_outages(await read_outages(connection), subject.waterfalls)
            ended = [await check_unsent(connection), await check_exhausted(connection)]
            return missing, [*_judge(facts, subject.settings), *ended, outages]

    started_s = time.monotonic()
    try:
        missing, judged = await within(read())
    except (*TRANSIENT, asyncpg.PostgresError) as error:
        _log.warning("health.database_unread", error=type(error).__name__)
        said = f"Postgres did not answer properly within {CHECK_TIMEOUT_S:g} s."
        return [Check("postgres", Status.FAIL, said, None, "s", CHECK_TIMEOUT_S)]
    took_s = round(time.monotonic() - started_s, 4)
    return [
        Check("postgres", Status.PASS, "Postgres answers.", took_s, "s", CHECK_TIMEOUT_S),
        _check_schema(missing),
        *judged,
    ]


def _check_schema(missing: list[str]) -> Check:
    if missing:
        said = f"The schema lacks {', '.join(missing)}: run `leadfall migrate`."
        return Check("schema", Status.FAIL, said, len(missing), "migrations", 1)
    said = "The schema has every migration that this build needs."
    return Check("schema", Status.PASS, said, 0, "migrations", 1)


def _judge(facts: HealthFacts, settings: Settings) -> list[Check]:
    limits = settings.health
    ready = (limits.ready_age_warn_s, limits.ready_age_fail_s)
    due = (limits.due_age_warn_s, limits.due_age_fail_s)
    return [
        # A long job leaves old lookups behind it without anything being wrong: that only warns.
        _aged("lookup_ready_age", facts.ready_age_s, ready[0], None,
              "since the oldest lookup that nobody has begun was accepted"),
        _aged("lookup_standstill", facts.standstill_s, *ready,
              "since the slowest job with lookups to begin last moved"),
        _aged("call_age", facts.call_age_s, None, limits.running_age_fail_s,
              "since the oldest call under way began"),
        _aged("lookup_wake_overdue", facts.wake_overdue_s, *ready,
              "past the time at which a waiting lookup should have gone on"),
        _aged("submission_poll_overdue", facts.poll_overdue_s, *ready,
              "past the time at which a vendor should have been asked for its answer"),
        _aged("delivery_late", facts.delivery_late_s, *due,
              "past the time at which a willing receiver should have been called"),
        _aged("receiver_late", facts.receiver_late_s, due[1], None,
              "of lateness at the worst receiver that is down, slow or asked for a pause"),
        *(
            _check_role(role, facts.beat_ages_s.get(role, []), settings.lease_s)
            for role in REQUIRED_ROLES
        ),
        Check(
            "clock_shift",
            Status.FAIL if facts.clock_shifted else Status.PASS,
            "The clock is shifted, which only tests may do: delete the row of clock_shift."
            if facts.clock_shifted
            else "The clock is the database's own.",
        ),
    ]  # fmt: skip


def _aged(
    name: str, age_s: float | None, warn_s: float | None, fail_s: float | None, what: str
) -> Check:
    value = round(age_s or 0.0, 3)
    status, threshold = Status.PASS, fail_s if warn_s is None else warn_s
    if warn_s is not None and value >= warn_s:
        status = Status.WARN
    if fail_s is not None and value >= fail_s:
        status, threshold = Status.FAIL, fail_s
    return Check(name, status, f"It is {value:g} s {what}.", value, "s", threshold)


def _check_role(role: str, beat_ages_s: list[float], lease_s: float) -> Check:
    alive = [age_s for age_s in beat_ages_s if age_s <= lease_s]
    if not alive:
        said = f"No {role} is alive: start one with `leadfall {role}`."
        return Check(f"{role}s", Status.FAIL, said, 0, "processes", 1)
    said = f"{len(alive)} {role} processes are alive; the latest beat is {min(alive):.1f} s old."
    return Check(f"{role}s", Status.PASS, said, len(alive), "processes", 1)


def _check_process(subject: Subject) -> list[Check]:
    stopping = subject.draining.is_set()
    checks = [
        Check(
            "draining",
            Status.WARN if stopping else Status.PASS,
            "The process is stopping and takes no new work."
            if stopping
            else "The process takes work.",
        )
    ]
    if subject.beat_age_s is not None:
        age_s = round(subject.beat_age_s(), 3)
        limit_s = subject.settings.health.loop_beat_fail_s
        status = Status.PASS if age_s < limit_s else Status.FAIL
        said = f"The slowest loop of this process last turned {age_s:g} s ago."
        checks.append(Check("loop_beat", status, said, age_s, "s", limit_s))
    return checks


def _check_pool(pool: Pool) -> Check:
    used, most = pool.get_size() - pool.get_idle_size(), pool.get_max_size()
    said = f"{used} of at most {most} database connections of this process are in use."
    status = Status.WARN if used >= most else Status.PASS
    return Check("pool", status, said, used, "connections", most)


async def _check_redis(redis: Redis | None) -> list[Check]:
    if redis is None:
        return []
    started_s = time.monotonic()
    try:
        await within(redis.ping())
    except (RedisError, OSError, TimeoutError):
        said = "Redis does not answer: work goes on, found by polling and so a little later."
        return [Check("redis", Status.WARN, said, None, "s", CHECK_TIMEOUT_S)]
    took_s = round(time.monotonic() - started_s, 4)
    return [Check("redis", Status.PASS, "Redis answers.", took_s, "s", CHECK_TIMEOUT_S)]
