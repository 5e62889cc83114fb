"""A short chaos run with a fixed seed; `make chaos SEED=… MINUTES=…` runs long ones."""

from pathlib import Path

import orjson
import pytest

from tests.faults.chaos.plan import Blow, plan_strikes
from tests.faults.chaos.run import run_chaos
from tests.faults.chaos.site import PROCESSES

# One whose plan strikes with everything within this time.
SEED = 86
MINUTES = 0.6
LEASE_S = 0.3
# What is left after the last strike is done in seconds, on a busy machine too.
OPEN_MAX = 100


@pytest.mark.timeout(400)
async def test_books_agree_after_chaos(tmp_path: Path) -> None:
    """Whatever struck, and everything does, all settles, and all books agree."""
    planned = plan_strikes(SEED, MINUTES * 60, PROCESSES)
    at_workers = {each.blow for each in planned if (each.target or "").startswith("worker")}
    assert at_workers == {Blow.KILL, Blow.PAUSE}

    report = await run_chaos(tmp_path, SEED, MINUTES, print, lease_s=LEASE_S, open_max=OPEN_MAX)

    assert [each.says for each in report.verdicts if not each.among] == [], "nothing to compare"
    breaches = {each.says: each.shown for each in report.verdicts if each.breaches}
    assert breaches == {}, report.command
    assert report.failed_strikes == [], report.command
    assert set(report.strikes) == set(Blow), (report.not_made, report.command)
    assert report.holds, report.command
    assert orjson.loads(orjson.dumps(report.as_json()))["holds"]
