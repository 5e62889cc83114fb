"""How many deliveries a second one dispatcher sustains, with everything it writes about them."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest

from tests.bench.conftest import Scale
from tests.bench.process_tree import peak_memory_bytes, tree_processor_s
from tests.bench.report import Row, Target
from tests.bench.webhook_load import (
    ARRIVAL_S,
    BODY,
    QUIET_S,
    Course,
    bare_process,
    open_course,
    per_second,
    preload,
    preload_bare,
    processor_s,
    until_arrived,
)

Report = Callable[[Row], Row]

EVENTS_PER_SECOND = 400
"""For each second of the scale; a fast dispatcher ends sooner."""
MEMORY_MB_MAX = 250.0
FINISHED = 1_000_000
FINISHED_AT_ONCE = 100_000


FILL = """
    with picked as materialized (
      select gen_random_uuid() as event_id, p.id, p.workspace_id, n,
             -- All within a second, in the partition that what is new lies in as well.
             now() - make_interval(secs => (n % 1000000) / 1000000.0) as born_at
      from (select id, workspace_id, row_number() over (order by id) - 1 as place,
                   count(*) over () as size from endpoints) p,
           generate_series($1::integer + 1, $1::integer + $2::integer) n
      where n % p.size = p.place
    ),
    events as (
      insert into events (id, aggregatetype, aggregateid, type, payload, workspace_id, created_at)
      select event_id, 'lead', n::text, 'lead.enriched', $3::bytea, workspace_id, born_at
      from picked
    ),
    deliveries as (
      insert into deliveries (event_id, endpoint_id, workspace_id, event_type, event_created_at,
        state, due_at, attempt_count, sequence, last_status, created_at, finished_at)
      select event_id, id, workspace_id, 'lead.enriched', born_at, 'delivered', born_at, 1, -n, 204,
             born_at, now()
      from picked
    )
    insert into attempts (event_id, endpoint_id, number, started_at, duration_ms, status, class,
      decision, body_sha256)
    select event_id, id, 1, now(), 1, 204, 'success', 'delivered', '' from picked
"""


@pytest.fixture
async def course(tmp_path: Path) -> AsyncIterator[Course]:
    """Twenty receivers that answer at once."""
    async with open_course(tmp_path) as opened:
        yield opened


@pytest.fixture
async def full_course(tmp_path: Path) -> AsyncIterator[Course]:
    """The same over another database."""
    folder = tmp_path / "full"
    folder.mkdir()
    async with open_course(folder) as opened:
        yield opened


@dataclass(frozen=True, slots=True)
class Drained:
    """How many deliveries were made in a second, and the processor time that each took.

    Attributes:
        processor_us: of who delivers; beside it that of Postgres and of the receivers.
    """

    per_second: float
    processor_us: float
    postgres_us: float
    receivers_us: float

    @property
    def core_percent(self) -> float:
        """What the one who delivers had of the one core that it can have."""
        return self.per_second * self.processor_us / 1e4


async def drain(course: Course, count: int) -> Drained:
    """Let a dispatcher deliver so many events that wait already."""
    await course.fleet.terminate("dispatcher")
    names = await preload(course, count)
    await course.pool.execute("vacuum analyze deliveries, events, attempts")
    await course.fleet.start("dispatcher")
    pid = course.fleet.processes["dispatcher"].pid
    return await measured(course, names, pid)


async def drain_bare(course: Course, count: int) -> Drained:
    """Let the bare client sign and send as many, without any bookkeeping."""
    names = await preload_bare(course, count)
    async with bare_process(course, "--drain") as process:
        return await measured(course, names, process.pid)


async def drain_sketch(course: Course, count: int) -> Drained:
    """Let the bare sketch claim, sign, send and complete as many, from a table of its own."""
    names = await preload_bare(course, count)
    await course.pool.execute("vacuum analyze bare_outbox")
    async with bare_process(course) as process:
        return await measured(course, names, process.pid)


async def drain_kept(course: Course, count: int) -> Drained:
    """Let the same sketch do so with the product's own statements, where no dispatcher runs."""
    await course.fleet.terminate("dispatcher")
    names = await preload(course, count)
    await course.pool.execute("vacuum analyze deliveries, events, attempts")
    async with bare_process(course, program="kept_outbox") as process:
        drained = await measured(course, names, process.pid)
        # What arrived last is completed, so that no dispatcher sends it again.
        async with asyncio.timeout(ARRIVAL_S):
            while await course.pool.fetchval(
                "select exists (select from deliveries where state in ('due', 'sending'))"
            ):
                await asyncio.sleep(QUIET_S)
    await course.fleet.start("dispatcher")
    return drained


async def measured(course: Course, names: set[str], pid: int) -> Drained:
    """Wait until all have arrived, and say how that went."""

    def used_s() -> tuple[float, float, float]:
        receivers, postgres = course.receivers.pid, course.fleet.postgres.pid
        return processor_s(pid), tree_processor_s(postgres), tree_processor_s(receivers)

    began = used_s()
    arrived = await until_arrived(course, names)
    each_us = [
        (after - before) / len(names) * 1_000_000
        for before, after in zip(began, used_s(), strict=True)
    ]
    assert arrived.keys() == names
    return Drained(per_second(list(arrived.values())), *each_us)


def costs(drained: list[Drained]) -> str:
    """Say what processor time a delivery takes of a sketch, and how much of the machine it had."""
    sketch_us = median(each.processor_us for each in drained)
    postgres_us = median(each.postgres_us for each in drained)
    receivers_us = median(each.receivers_us for each in drained)
    rate = median(each.per_second for each in drained)
    return (
        f"Microseconds of processor time a delivery: sketch {sketch_us:.0f}, Postgres"
        f" {postgres_us:.0f}, receivers {receivers_us:.0f}. The sketch had"
        f" {median(each.core_percent for each in drained):.0f} % of its one core, all together"
        f" {rate * (sketch_us + postgres_us + receivers_us) / 1e4:.0f} % of"
        f" {os.cpu_count()} x 100"
    )


def bound(ours: list[Drained], kept: list[Drained]) -> str:
    """Say what a delivery takes, how much of its core that left, and what a sketch reaches."""
    dispatcher_us = median(each.processor_us for each in ours)
    postgres_us = median(each.postgres_us for each in ours)
    core_percent = median(each.core_percent for each in ours)
    kept_rate = median(each.per_second for each in kept)
    return (
        f"A delivery takes {dispatcher_us:.0f} microseconds of the dispatcher's processor time and"
        f" {postgres_us:.0f} of Postgres, and the dispatcher had {core_percent:.0f} % of its one"
        f" core, which has room for {1e6 / dispatcher_us:,.0f}/s. A sketch that decides nothing"
        f" sustains {kept_rate:,.0f}/s over our tables with our statements"
    )


async def add_finished(course: Course, count: int) -> None:
    """Fill the tables with events that were delivered today, each with its attempt."""
    for start in range(0, count, FINISHED_AT_ONCE):
        await course.pool.execute(FILL, start, FINISHED_AT_ONCE, BODY)


@pytest.mark.timeout(900)
async def test_sustained_deliveries(course: Course, scale: Scale, report: Report) -> None:
    """With all bookkeeping, half as many as a client delivers that only signs and sends."""
    count = round(EVENTS_PER_SECOND * scale.seconds)
    await drain(course, count // 4)
    found: dict[str, list[Drained]] = {name: [] for name in ("bare", "sketch", "kept", "ours")}
    for _ in range(scale.repeats):
        found["bare"].append(await drain_bare(course, count))
        found["ours"].append(await drain(course, count))
        found["kept"].append(await drain_kept(course, count))
        found["sketch"].append(await drain_sketch(course, count))
    ours, bare, kept, sketch = (found[name] for name in ("ours", "bare", "kept", "sketch"))

    row = report(
        Row.of(
            "webhooks.deliveries_per_second",
            "sustained by one dispatcher, with claims, numbers, attempts and completions",
            "/s",
            [each.per_second for each in ours],
            against=[each.per_second for each in bare],
            against_said="bare client",
            target=Target("at least", 0.5),
            bound=bound(ours, kept),
        )
    )
    for name, said, drained in (
        ("sketch", "the bare sketch: claim, sign, send, complete; nothing else", sketch),
        ("statements", "the same with our tables and our statements that claim and complete", kept),
    ):
        report(
            Row.of(
                f"webhooks.deliveries_per_second_{name}",
                said,
                "/s",
                [each.per_second for each in drained],
                against=[each.per_second for each in bare],
                against_said="bare client",
                bound=costs(drained),
            )
        )
    report(
        Row.of(
            "webhooks.processor_us_per_delivery",
            "what one dispatcher, which has one core, needs for a delivery",
            "us",
            [each.processor_us for each in ours],
            against=[each.processor_us for each in bare],
            against_said="bare client",
        )
    )
    assert row.met


@pytest.mark.timeout(900)
async def test_many_finished_deliveries(
    course: Course, full_course: Course, scale: Scale, report: Report
) -> None:
    """A million finished deliveries in the tables do not slow down those that are due.

    The two databases take turns, so that what else the machine does concerns both.
    """
    count = round(EVENTS_PER_SECOND * scale.seconds)
    await add_finished(full_course, FINISHED)
    filled = await full_course.pool.fetchrow(
        "select (select count(*) from events), (select count(*) from deliveries),"
        " (select count(*) from attempts)"
    )
    assert tuple(filled) == (FINISHED, FINISHED, FINISHED)
    await drain(course, count // 4)
    await drain(full_course, count // 4)
    empty, full = [], []
    for _ in range(scale.repeats):
        empty.append((await drain(course, count)).per_second)
        full.append((await drain(full_course, count)).per_second)

    row = report(
        Row.of(
            "webhooks.deliveries_per_second_over_a_million",
            "sustained by one dispatcher with a million finished deliveries in the tables",
            "/s",
            full,
            against=empty,
            against_said="empty tables",
            target=Target("at least", 0.9),
        )
    )
    peak = peak_memory_bytes(full_course.fleet.processes["dispatcher"].pid)
    memory = report(
        Row.of(
            "webhooks.memory",
            "the most memory that this dispatcher had at once",
            "MB",
            [peak / 1e6],
            target=Target("at most", MEMORY_MB_MAX),
        )
    )
    assert [row.met, memory.met] == [True, True]
