"""How long an event takes from its commit to its receiver, in company good and bad."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.bench.conftest import Scale
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
    alone, beside = await latencies_without_and_with_hanging(mixed_course, scale)

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
    assert {len(each) for each in (*alone, *beside)} == {round(RATE_TO_HEALTHY * scale.seconds)}
    assert row.met
