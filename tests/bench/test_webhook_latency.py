"""How long an event takes from its commit to its receiver, in company good and bad."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.bench.conftest import Scale
from tests.bench.report import Row, Target
from tests.bench.webhook_load import Course, bare_process, latencies_ms, open_course, percentile

Report = Callable[[Row], Row]

RATE = 100
WARM_UP_S = 3.0
HEALTHY, HANGING = 16, 4
TIMEOUT_S = 15.0


@pytest.fixture
async def course(tmp_path: Path) -> AsyncIterator[Course]:
    """Twenty receivers that answer at once."""
    async with open_course(tmp_path) as opened:
        yield opened


@pytest.fixture
async def mixed_course(tmp_path: Path) -> AsyncIterator[Course]:
    """Sixteen receivers that answer at once, and four that never do."""
    async with open_course(tmp_path, healthy=HEALTHY, hanging=HANGING) as opened:
        yield opened


@pytest.mark.timeout(900)
async def test_commit_to_receiver(course: Course, scale: Scale, report: Report) -> None:
    """A hundred events a second reach their receivers nearly as soon as from a bare sketch."""
    ours, bare = [], []
    async with bare_process(course):
        await latencies_ms(course, course.publish, rate=RATE, seconds=WARM_UP_S)
        await latencies_ms(course, course.publish_bare, rate=RATE, seconds=WARM_UP_S)
        for _ in range(scale.repeats):
            bare.append(
                await latencies_ms(course, course.publish_bare, rate=RATE, seconds=scale.seconds)
            )
            ours.append(
                await latencies_ms(course, course.publish, rate=RATE, seconds=scale.seconds)
            )

    rows = [
        report(
            Row.of(
                f"webhooks.latency_p{percent}",
                f"commit to receiver, {RATE} events a second, {percent} of 100 within",
                "ms",
                [percentile(list(each.values()), percent) for each in ours],
                against=[percentile(list(each.values()), percent) for each in bare],
                against_said="bare sketch",
                target=Target("at most", limit),
            )
        )
        for percent, limit in ((50, 3.0), (99, 5.0))
    ]
    assert {len(each) for each in (*ours, *bare)} == {round(RATE * scale.seconds)}
    assert [row.met for row in rows] == [True, True]


@pytest.mark.timeout(900)
async def test_hanging_receivers(mixed_course: Course, scale: Scale, report: Report) -> None:
    """A fifth of the traffic goes to receivers that hang: the others hardly notice."""
    course = mixed_course
    alone, beside = [], []
    everybody, healthy = course.workspaces, course.workspaces[:HEALTHY]
    rate_alone = RATE * HEALTHY // (HEALTHY + HANGING)
    for _ in range(scale.repeats + 1):
        course.workspaces = healthy
        alone.append(
            await latencies_ms(course, course.publish, rate=rate_alone, seconds=scale.seconds)
        )
        course.workspaces = everybody
        beside.append(await healthy_latencies_ms(course, scale.seconds))
        await forget_hanging(course)
    # The first round warms up.
    del alone[0], beside[0]

    row = report(
        Row.of(
            "webhooks.hanging_p99",
            "commit to a healthy receiver, 99 of 100 within, a fifth of the traffic hanging",
            "ms",
            [percentile(list(each.values()), 99) for each in beside],
            against=[percentile(list(each.values()), 99) for each in alone],
            against_said="nobody hanging",
            target=Target("at most", 2.0),
        )
    )
    assert {len(each) for each in (*alone, *beside)} == {round(rate_alone * scale.seconds)}
    assert row.met


async def healthy_latencies_ms(course: Course, seconds: float) -> dict[str, float]:
    """Publish to everybody and return the times of those for healthy receivers."""

    async def publish(number: int) -> str | None:
        name = await course.publish(number)
        return name if number % len(course.workspaces) < HEALTHY else None

    return await latencies_ms(course, publish, rate=RATE, seconds=seconds)


async def forget_hanging(course: Course) -> None:
    """Withdraw what hangs and wait until nothing is under way."""
    await course.pool.execute(
        "update deliveries set state = 'withdrawn', finished_at = leadfall_now()"
        " where state = 'due' and workspace_id = any($1::bigint[])",
        course.workspaces[HEALTHY:],
    )
    async with asyncio.timeout(TIMEOUT_S * 2):
        while await course.pool.fetchval("select count(*) from deliveries where state = 'sending'"):
            await asyncio.sleep(0.2)
