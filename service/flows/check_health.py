"""Judges the health of the service and of this process: named checks against named thresholds."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol, TypeVar

import asyncpg
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from providers.registry import all_providers
from service.domain.kinds import Kind
from service.settings import Settings
from service.store.connection import Pool
from service.store.health import HealthFacts, read_health_facts
from service.store.migrations import missing_migrations
from service.store.transient import TRANSIENT

_log = structlog.get_logger()

R = TypeVar("R")

# No check takes longer, so that a probe never hangs.
CHECK_TIMEOUT_S: Final = 2.0
REQUIRED_ROLES: Final = ("worker", "dispatcher")

_BUILT_IN: Final = "enrich"


class Status(StrEnum):
    """How a check came out, from good to bad."""

    PASS = "pass"  # noqa: S105 - a word, no password
    WARN = "warn"
    FAIL = "fail"

    @property
    def rank(self) -> int:
        """0 for pass, 1 for warn, 2 for fail."""
        return list(Status).index(self)


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        message: one sentence for people.
        value: what was measured, in `unit`; None where there is nothing to measure.
        threshold: the value from which on the check does not pass.
    """

    name: str
    status: Status
    message: str
    value: float | None = None
    unit: str | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """Every check of one look."""

    role: str
    checks: tuple[Check, ...]

    @property
    def status(self) -> Status:
        """The worst of all checks."""
        return max((check.status for check in self.checks), key=lambda status: status.rank)

    def as_json(self) -> dict[str, Any]:
        """Return what is shown to people and probes."""
        checks = [asdict(check) for check in self.checks]
        return {"status": self.status, "role": self.role, "checks": checks}


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
        usable: the providers that each kind's waterfall can really ask.
    """

    pool: Pool
    settings: Settings = field(repr=False)
    role: str
    beat_age_s: Callable[[], float] | None
    draining: Flag
    redis: Redis | None = None
    usable: Mapping[Kind, Collection[str]] = field(default_factory=dict)


async def check_health(subject: Subject) -> Health:
    """Make every check; takes at most `CHECK_TIMEOUT_S` and a little, whatever is broken."""
    # Before the checks take a connection of their own.
    pool = _check_pool(subject.pool)
    database, redis = await asyncio.gather(
        _check_database(subject, everything=True), _check_redis(subject.redis)
    )
    return Health(
        subject.role,
        (*database, *_check_process(subject), pool, *redis, *_check_kinds(subject.usable)),
    )


async def check_readiness(subject: Subject) -> Health:
    """Tell whether this process can take work: Postgres, schema, loop beat, not draining."""
    database = await _check_database(subject, everything=False)
    return Health(subject.role, (*database, *_check_process(subject)))


def remedies(kind: Kind) -> list[str]:
    """Return the settings of which an operator needs one to make a kind usable."""
    able = [
        f"LEADFALL_PROVIDERS__{slug.upper()}__API_KEY"
        for slug, provider in all_providers().items()
        if slug != _BUILT_IN and provider.offer(kind.capability)
    ]
    return able or ["LEADFALL_WATERFALLS_FILE"]


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
    async def read() -> tuple[list[str], HealthFacts | None]:
        async with subject.pool.acquire(timeout=CHECK_TIMEOUT_S) as connection:
            missing = await missing_migrations(connection)
            if missing or not everything:
                return missing, None
            endpoint_concurrency = subject.settings.dispatcher.endpoint_concurrency
            return missing, await read_health_facts(connection, endpoint_concurrency)

    started_s = time.monotonic()
    try:
        missing, facts = await within(read())
    except (*TRANSIENT, asyncpg.PostgresError) as error:
        _log.warning("health.database_unread", error=type(error).__name__)
        said = f"Postgres did not answer properly within {CHECK_TIMEOUT_S:g} s."
        return [Check("postgres", Status.FAIL, said, None, "s", CHECK_TIMEOUT_S)]
    took_s = round(time.monotonic() - started_s, 4)
    checks = [
        Check("postgres", Status.PASS, "Postgres answers.", took_s, "s", CHECK_TIMEOUT_S),
        _check_schema(missing),
    ]
    return checks if facts is None else [*checks, *_judge(facts, subject.settings)]


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


def _check_kinds(usable: Mapping[Kind, Collection[str]]) -> list[Check]:
    if not usable:
        return []
    unusable = [kind for kind in Kind if not usable.get(kind)]
    if not unusable:
        said = f"Every kind has a provider that can be asked. {_asked(usable)}"
        return [Check("kinds_without_step", Status.PASS, said, 0, "kinds", 1)]
    told = "; ".join(f"{kind}: set {' or '.join(remedies(kind))}" for kind in unusable)
    said = (
        f"Kinds that cannot be ordered, because no provider of theirs is configured: {told}. "
        f"{_asked(usable)}"
    )
    return [Check("kinds_without_step", Status.WARN, said, len(unusable), "kinds", 1)]


def _asked(usable: Mapping[Kind, Collection[str]]) -> str:
    told = [f"{kind}: {', '.join(usable[kind])}" for kind in Kind if usable.get(kind)]
    return f"Asked in turn for {'; '.join(told)}." if told else "Nobody is asked for anything."
