"""A short chaos run with a fixed seed; `make chaos SEED=… MINUTES=…` runs long ones."""

from pathlib import Path

import orjson
import pytest

from tests.faults.chaos.run import run_chaos

SEED = 7
MINUTES = 0.2


@pytest.mark.timeout(400)
async def test_books_agree_after_chaos(tmp_path: Path) -> None:
    """Whatever struck, everything settles, and all books agree."""
    report = await run_chaos(tmp_path, SEED, MINUTES, print)

    breaches = {each.says: each.shown for each in report.verdicts if each.breaches}
    assert breaches == {}, report.command
    assert report.failed_strikes == [], report.command
    assert report.holds, report.command
    assert orjson.loads(orjson.dumps(report.as_json()))["holds"]
