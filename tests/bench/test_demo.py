"""How soon somebody who has just cloned sees a verified webhook."""

import asyncio
import time
from asyncio.subprocess import DEVNULL
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench.conftest import Scale
from tests.bench.report import Row, Target

Report = Callable[[Row], Row]

ROOT = Path(__file__).parents[2]


async def demo_s() -> float:
    """Run `make demo` to its end and return the seconds it took."""
    began_s = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        "make", "--no-print-directory", "demo", "ARGS=--json", cwd=ROOT, stdout=DEVNULL
    )
    assert await process.wait() == 0
    return time.monotonic() - began_s


@pytest.mark.timeout(300)
async def test_demo(scale: Scale, report: Report) -> None:
    """The demo has verified all of its webhooks, and so the first one, within ten seconds."""
    await demo_s()
    row = report(
        Row.of(
            "demo.first_webhook",
            "`make demo`, packages present, until its end: all webhooks verified, the first too",
            "s",
            [await demo_s() for _ in range(scale.repeats)],
            target=Target("at most", 10.0),
        )
    )
    assert row.met
