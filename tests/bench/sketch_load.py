"""Runs the bare worker over new leads of a line, and says how fast it went and what it took."""

import asyncio
import os
import sys
from dataclasses import dataclass

from tests.bench import bare_worker
from tests.bench.enrich_load import JOB_S_MAX, WORKERS, Line
from tests.bench.process_tree import tree_processor_s

_RATE = (
    "select (count(*) * 0.9 / greatest(0.001, extract(epoch from"
    " percentile_disc(0.95) within group (order by settled_at)"
    " - percentile_disc(0.05) within group (order by settled_at))))::float8 from bare_lookups"
)


@dataclass(frozen=True, slots=True)
class Sketched:
    """How many leads the bare worker settled in a second.

    Attributes:
        costs_us: processor time of each lead, by who had it.
    """

    per_second: float
    costs_us: dict[str, float]

    def __str__(self) -> str:
        said = ", ".join(f"{name} {cost_us:.0f}" for name, cost_us in self.costs_us.items())
        busy = self.per_second * sum(self.costs_us.values()) / 1e4
        return (
            f"Microseconds of processor time a lead: {said}; all together had {busy:.0f} % of"
            f" {os.cpu_count()} x 100"
        )


def environment(line: Line) -> dict[str, str]:
    """Return where a peer or a sketch finds everything."""
    return os.environ | {
        "BENCH_DATABASE_URL": line.fleet.environment["LEADFALL_DATABASE_URL"],
        "BENCH_REDIS_URL": line.fleet.environment["LEADFALL_REDIS_URL"],
        "BENCH_VENDOR_URL": line.vendor_url,
    }


async def run_sketch(
    line: Line, count: int, *, processes: int = WORKERS, at_once: int = 64
) -> Sketched:
    """Let so many processes, each with so many requests at once, look new leads up."""
    await line.pool.execute(bare_worker.SCHEMA)
    await line.pool.execute(bare_worker.FILL, await line.add_leads(count))
    await line.vacuum()
    before = line.used_s()
    started = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bench.bare_worker", "--at-once", str(at_once),
            env=environment(line),
        )
        for _ in range(processes)
    ]  # fmt: skip
    try:
        async with asyncio.timeout(JOB_S_MAX):
            while await line.pool.fetchval(
                "select exists (select from bare_lookups where state <> 'settled')"
            ):
                assert all(each.returncode is None for each in started)
                await asyncio.sleep(0.2)
        # Read while they live: with them their backends would be gone from what Postgres had.
        after = line.used_s()
        sketch_s = sum(tree_processor_s(each.pid) for each in started)
    finally:
        for each in started:
            if each.returncode is None:
                each.kill()
            await each.wait()
    used_s = {
        "sketch": sketch_s,
        **{name: after[name] - before[name] for name in ("Postgres", "sandbox")},
    }
    rate: float = await line.pool.fetchval(_RATE)
    await line.pool.execute(bare_worker.DROP)
    return Sketched(rate, {name: each / count * 1e6 for name, each in used_s.items()})
