"""How many deliveries a second one dispatcher sustains, with everything it writes about them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.bench.conftest import Scale
from tests.bench.report import Row, Target
from tests.bench.webhook_load import (
    Course,
    bare_process,
    open_course,
    per_second,
    preload,
    preload_bare,
    until_arrived,
)

Report = Callable[[Row], Row]

EVENTS_PER_SECOND = 500
"""For each second of the scale; a fast dispatcher ends sooner."""
FINISHED = 1_000_000


@pytest.fixture
async def course(tmp_path: Path) -> AsyncIterator[Course]:
    """Twenty receivers that answer at once."""
    async with open_course(tmp_path) as opened:
        yield opened


async def drain(course: Course, count: int) -> float:
    """Let a dispatcher deliver so many events that wait already; return how many a second."""
    await course.fleet.terminate("dispatcher")
    names = await preload(course, count)
    await course.pool.execute("vacuum analyze deliveries, events, attempts")
    await course.fleet.start("dispatcher")
    arrived = await until_arrived(course, names)
    assert arrived.keys() == names
    return per_second(list(arrived.values()))


async def drain_bare(course: Course, count: int) -> float:
    """Let the bare client sign and send as many, without any bookkeeping."""
    names = await preload_bare(course, count)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(bare_process(course, "--drain"))
        arrived = await until_arrived(course, names)
    assert arrived.keys() == names
    return per_second(list(arrived.values()))


async def add_finished(course: Course, count: int) -> None:
    """Fill the tables with deliveries that were made long ago, each with its attempt."""
    await course.pool.execute(
        "with made as (insert into deliveries (event_id, endpoint_id, workspace_id, event_type,"
        "   event_created_at, state, due_at, attempt_count, sequence, last_status, created_at,"
        "   finished_at)"
        "  select gen_random_uuid(), p.id, p.workspace_id, 'lead.enriched', now(), 'delivered',"
        "         now(), 1, -n, 204, now() - make_interval(secs => n), now()"
        "  from generate_series(1, $1::integer / (select count(*)::integer from endpoints)) n,"
        "       endpoints p"
        "  returning event_id, endpoint_id)"
        " insert into attempts (event_id, endpoint_id, number, started_at, duration_ms, status,"
        "   class, decision, body_sha256)"
        " select event_id, endpoint_id, 1, now(), 1, 204, 'success', 'delivered', '' from made",
        count,
        timeout=600,
    )


@pytest.mark.timeout(900)
async def test_sustained_deliveries(course: Course, scale: Scale, report: Report) -> None:
    """With all bookkeeping, half as many as a client delivers that only signs and sends."""
    count = round(EVENTS_PER_SECOND * scale.seconds)
    await drain(course, count // 4)
    ours, bare = [], []
    for _ in range(scale.repeats):
        bare.append(await drain_bare(course, count))
        ours.append(await drain(course, count))

    row = report(
        Row.of(
            "webhooks.deliveries_per_second",
            "sustained by one dispatcher, with claims, numbers, attempts and completions",
            "/s",
            ours,
            against=bare,
            against_said="bare client",
            target=Target("at least", 0.5),
        )
    )
    assert row.met


@pytest.mark.timeout(900)
async def test_many_finished_deliveries(course: Course, scale: Scale, report: Report) -> None:
    """A million finished deliveries in the tables do not slow down those that are due."""
    count = round(EVENTS_PER_SECOND * scale.seconds)
    await drain(course, count // 4)
    empty = [await drain(course, count) for _ in range(scale.repeats)]
    await course.pool.execute("set statement_timeout = 0")
    await add_finished(course, FINISHED)
    await drain(course, count // 4)
    full = [await drain(course, count) for _ in range(scale.repeats)]

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
    assert row.met
