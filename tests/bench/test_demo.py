"""How soon somebody who has just cloned sees a verified webhook."""

import asyncio
import time
from asyncio.subprocess import PIPE
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from tests.bench.conftest import Scale
from tests.bench.report import Row, Target

Report = Callable[[Row], Row]

ROOT = Path(__file__).parents[2]


async def demo_s() -> float:
    """Run `make demo` and return the seconds until its first webhook was verified.

    What comes before the command's own clock counts, and so does what little comes after it.
    """
    began_s = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        "make", "--no-print-directory", "demo", "ARGS=--json", cwd=ROOT, stdout=PIPE
    )
    output, _ = await process.communicate()
    ended_s = time.monotonic()
    assert process.returncode == 0
    demo = orjson.loads(output)
    rest_s: float = demo["seconds_in_all"] - demo["seconds_to_webhook"]
    return ended_s - began_s - rest_s


@pytest.mark.timeout(300)
async def test_demo(scale: Scale, report: Report) -> None:
    """The demo has verified the first of its webhooks within ten seconds."""
    await demo_s()
    row = report(
        Row.of(
            "demo.first_webhook",
            "`make demo`, packages present, until the first verified webhook",
            "s",
            [await demo_s() for _ in range(scale.repeats)],
            target=Target("at most", 10.0),
        )
    )
    assert row.met
