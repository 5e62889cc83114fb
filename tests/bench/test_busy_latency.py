"""How long an event takes from its commit to its receiver while an enrichment job runs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.bench.conftest import Scale
from tests.bench.enrich_load import TIME_SCALE, Line, add_bench_workspace
from tests.bench.hanging_load import (
    HANGING,
    HEALTHY,
    RATE,
    RATE_TO_HEALTHY,
    WARM_UP_S,
    latencies_without_and_with_hanging,
)
from tests.bench.report import Row, Target
from tests.bench.webhook_load import Course, bare_process, latencies_ms, open_course, percentile

Report = Callable[[Row], Row]

ANSWER_AFTER_S = 0.2
SANDBOX_OPTIONS = ("--time-scale", TIME_SCALE, "--answer-after", str(ANSWER_AFTER_S))
LEADS_A_JOB = 10_000
LEADS_AHEAD = 5_000


@asynccontextmanager
async def busy(course: Course) -> AsyncIterator[None]:
    """Keep a worker at work, with its default slots and a provider taking 200 ms."""
    fleet = course.fleet
    fleet.modules["worker"] = "tests.bench.wide_worker"
    fleet.environment["LEADFALL_VENDOR_TIME_SCALE"] = TIME_SCALE
    line = Line(fleet, course.pool, await add_bench_workspace(course.pool))
    await line.accept(await line.add_leads(LEADS_A_JOB))
    await fleet.start("worker")
    await line.ring()
    feeding = asyncio.create_task(feed(line))
    try:
        yield
        assert not feeding.done()
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)


async def feed(line: Line) -> None:
    """Accept another job whenever the one before is nearly over."""
    while True:
        await asyncio.sleep(0.5)
        if await line.pool.fetchval("select sum(open_count) from jobs") < LEADS_AHEAD:
            await line.accept(await line.add_leads(LEADS_A_JOB))


async def settled(course: Course) -> int:
    """Return how many lookups have been settled."""
    count: int = await course.pool.fetchval("select sum(lookup_count - open_count) from jobs")
    return count


@pytest.mark.timeout(900)
async def test_commit_to_receiver_beside_a_job(
    tmp_path: Path, scale: Scale, report: Report
) -> None:
    """A hundred events a second reach their receivers while a worker runs a job."""
    ours, bare = [], []
    async with (
        open_course(tmp_path, sandbox_options=SANDBOX_OPTIONS) as course,
        bare_process(course),
        busy(course),
    ):
        await latencies_ms(course, course.publish, rate=RATE, seconds=WARM_UP_S)
        await latencies_ms(course, course.publish_bare, rate=RATE, seconds=WARM_UP_S)
        before = await settled(course)
        for _ in range(scale.repeats):
            bare.append(
                await latencies_ms(course, course.publish_bare, rate=RATE, seconds=scale.seconds)
            )
            ours.append(
                await latencies_ms(course, course.publish, rate=RATE, seconds=scale.seconds)
            )
        ran = (await settled(course) - before) / (2 * scale.repeats * scale.seconds)

    rows = [
        report(
            Row.of(
                f"webhooks.busy_latency_p{percent}",
                f"commit to receiver, {RATE} events a second, {percent} of 100 within, beside a job"
                f" that settles {ran:.0f} leads/s",
                "ms",
                [percentile(list(each.values()), percent) for each in ours],
                against=[percentile(list(each.values()), percent) for each in bare],
                against_said="bare sketch beside the same job",
                target=Target("at most", limit),
            )
        )
        for percent, limit in ((50, 3.0), (99, 5.0))
    ]
    assert {len(each) for each in (*ours, *bare)} == {round(RATE * scale.seconds)}
    assert [row.met for row in rows] == [True, True]


@pytest.mark.timeout(900)
async def test_hanging_receivers_beside_a_job(tmp_path: Path, scale: Scale, report: Report) -> None:
    """Receivers that hang are hardly noticed by the others while a worker runs a job either."""
    async with (
        open_course(
            tmp_path, healthy=HEALTHY, hanging=HANGING, sandbox_options=SANDBOX_OPTIONS
        ) as course,
        busy(course),
    ):
        alone, beside = await latencies_without_and_with_hanging(course, scale)

    row = report(
        Row.of(
            "webhooks.busy_hanging_p99",
            "commit to a healthy receiver, 99 of 100 within, a fifth of the traffic hanging, beside"
            " a job",
            "ms",
            [percentile(list(each.values()), 99) for each in beside],
            against=[percentile(list(each.values()), 99) for each in alone],
            against_said="nobody hanging, beside the same job",
            target=Target("at most", 2.0),
        )
    )
    assert {len(each) for each in (*alone, *beside)} == {round(RATE_TO_HEALTHY * scale.seconds)}
    assert row.met
