"""What everything costs while nobody asks for anything."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.bench.conftest import Scale
from tests.bench.process_tree import tree_processor_s
from tests.bench.report import Row, Target
from tests.faults.fleet import ROLES, Fleet, launch

Report = Callable[[Row], Row]

SETTLE_S = 5.0
LEASE_S = "5"
SERVERS = ("postgres", "valkey")


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    """One process of each role, with the settings they have by default."""
    launched = await launch(tmp_path, roles=())
    launched.environment["LEADFALL_LEASE_S"] = LEASE_S
    launched.environment["LEADFALL_VENDOR_TIME_SCALE"] = "1"
    for role in ROLES:
        await launched.start(role)
    yield launched
    await launched.stop()


def used_s(fleet: Fleet) -> dict[str, float]:
    """Return the processor time that each process, and each server, has had."""
    pids = {role: fleet.processes[role].pid for role in ROLES}
    pids |= {"postgres": fleet.postgres.pid, "valkey": fleet.valkey.pid}
    return {name: tree_processor_s(pid) for name, pid in pids.items()}


async def transactions(fleet: Fleet) -> int:
    """Return how many transactions there were; nearly each is one query."""
    async with await fleet.pool() as pool:
        count: int = await pool.fetchval(
            "select xact_commit + xact_rollback from pg_stat_database"
            " where datname = current_database()"
        )
        return count


async def look(fleet: Fleet, seconds: float) -> dict[str, float]:
    """Return the percent of a core that each took, and queries a second, over so many seconds."""
    asked, before, began_s = await transactions(fleet), used_s(fleet), time.monotonic()
    await asyncio.sleep(seconds)
    after, ended_s = used_s(fleet), time.monotonic()
    took_s = ended_s - began_s
    percent = {name: (after[name] - before[name]) / took_s * 100 for name in before}
    percent["all"] = sum(percent[role] for role in ROLES)
    percent["queries"] = (await transactions(fleet) - asked) / took_s
    return percent


@pytest.mark.timeout(600)
async def test_idle(fleet: Fleet, scale: Scale, report: Report) -> None:
    """All processes of ours together take less than two percent of a core."""
    await asyncio.sleep(SETTLE_S)
    looks = [await look(fleet, scale.seconds) for _ in range(scale.repeats)]

    row = report(
        Row.of(
            "idle.all",
            "API, worker and dispatcher together, nobody asking for anything",
            "% of a core",
            [each["all"] for each in looks],
            target=Target("at most", 2.0),
        )
    )
    for name in (*ROLES, *SERVERS):
        report(
            Row.of(f"idle.{name}", f"{name} alone", "% of a core", [each[name] for each in looks])
        )
    report(
        Row.of(
            "idle.queries",
            "transactions of all processes; nearly each is one query",
            "/s",
            [each["queries"] for each in looks],
        )
    )
    assert row.met
