"""Runs the bare worker or the kept one over new leads of a line: how fast it went, what it took."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from tests.bench import bare_worker
from tests.bench.enrich_load import JOB_S_MAX, WORKERS, Line
from tests.bench.process_tree import tree_processor_s

AT_ONCE: Final = 64

_RATE: Final = (
    "select (count(*) * 0.9 / greatest(0.001, extract(epoch from"
    " percentile_disc(0.95) within group (order by settled_at)"
    " - percentile_disc(0.05) within group (order by settled_at))))::float8 from bare_lookups"
)
_BOOKS: Final = """
with job as materialized (select * from jobs where public_id = $1),
ended as materialized (
  select l.outcome, c.outcome as asked, m.outcome as remembered, g.amount
  from lookups l
  left join calls c on c.lookup_id = l.id and c.ask_count = 1
  left join remembered_answers m on m.key = c.question
  left join ledger g on g.lookup_id = l.id
  where l.job_id = (select id from job)
)
select j.lookup_count, (
         select count(*) from ended e
         where e.asked = e.outcome and e.remembered = e.outcome
           and coalesce(e.amount, 0) = case e.outcome when 'missing' then j.price else 0 end
       ) as booked_count,
       j.refunded = j.missing_count * j.price as refunded,
       w.balance = (select sum(amount) from ledger where workspace_id = w.id) as balanced,
       (select count(*) from events
        where aggregateid = $1 and type = 'enrichment.completed') as told_count
from job j join workspaces w on w.id = j.workspace_id
"""


@dataclass(frozen=True, slots=True)
class Sketched:
    """How many leads a sketch settled in a second.

    Attributes:
        costs_us: processor time of each lead, by who had it.
    """

    per_second: float
    costs_us: dict[str, float]


def median_costs(sketched: Sequence[Sketched]) -> str:
    """Say what processor time a lead took of whom, and how much of the machine that filled."""
    said = ", ".join(
        f"{name} {median(each.costs_us[name] for each in sketched):.0f}"
        for name in sketched[0].costs_us
    )
    busy = median(each.per_second * sum(each.costs_us.values()) / 1e4 for each in sketched)
    return (
        f"Microseconds of processor time a lead: {said}; all together had {busy:.0f} % of"
        f" {os.cpu_count()} x 100"
    )


def reached(
    sketch: Sequence[Sketched], kept: Sequence[Sketched], deciding: Sequence[Sketched]
) -> str:
    """Say how many leads a second the bare worker, the kept one and the deciding one settled."""
    bare, statements, decisions = (
        median(each.per_second for each in sketched) for sketched in (sketch, kept, deciding)
    )
    return (
        f"The bare worker reaches {bare:,.0f} leads/s, the same over our tables with our statements"
        f" {statements:,.0f}, and with what our runner decides {decisions:,.0f}"
    )


def environment(line: Line) -> dict[str, str]:
    """Return where a peer or a sketch finds everything."""
    return os.environ | {
        "BENCH_DATABASE_URL": line.fleet.environment["LEADFALL_DATABASE_URL"],
        "BENCH_REDIS_URL": line.fleet.environment["LEADFALL_REDIS_URL"],
        "BENCH_VENDOR_URL": line.vendor_url,
    }


async def run_sketch(
    line: Line, count: int, *, processes: int = WORKERS, at_once: int = AT_ONCE
) -> Sketched:
    """Let so many bare workers, each with so many requests at once, look new leads up."""
    await line.pool.execute(bare_worker.SCHEMA)
    await line.pool.execute(bare_worker.FILL, await line.add_leads(count))
    await line.vacuum()
    used_s = await _run(
        line,
        ("bare_worker", processes, at_once),
        "select not exists (select from bare_lookups where state <> 'settled')",
    )
    rate: float = await line.pool.fetchval(_RATE)
    await line.pool.execute(bare_worker.DROP)
    return _sketched(rate, used_s, count)


async def run_kept(
    line: Line,
    count: int,
    *,
    program: str = "kept_worker",
    processes: int = WORKERS,
    at_once: int = AT_ONCE,
) -> Sketched:
    """Let so many kept workers run a job over new leads; workers of ours are gone meanwhile.

    Args:
        program: `kept_worker`, or `deciding_worker`.
    """
    workers = list(line.fleet.processes)
    for name in workers:
        await line.fleet.terminate(name)
    leads = await line.add_leads(count)
    await line.vacuum()
    job_id = await line.accept(leads)
    used_s = await _run(
        line,
        (program, processes, at_once),
        "select finished_at is not null from jobs where public_id = $1",
        job_id,
    )
    books = await line.pool.fetchrow(_BOOKS, job_id, timeout=JOB_S_MAX)
    assert tuple(books) == (count, count, True, True, 1)
    rate = await line.settled_per_second(job_id)
    for name in workers:
        await line.fleet.start(name)
    return _sketched(rate, used_s, count)


async def _run(
    line: Line, program: tuple[str, int, int], ended: str, *arguments: Any
) -> dict[str, float]:
    """Run a program until the database says that it has ended; return who had what time.

    Args:
        program: its name, how many of it, and the requests of each at once.
        ended: a question to the database.
    """
    name, processes, at_once = program
    started = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"tests.bench.{name}", "--at-once", str(at_once),
            stdout=PIPE, env=environment(line),
        )
        for _ in range(processes)
    ]  # fmt: skip

    def used_s() -> dict[str, float]:
        sketch_s = sum(tree_processor_s(each.pid) for each in started)
        return line.used_s() | {"sketch": sketch_s}

    try:
        # To start is no part of what a lead costs.
        for each in started:
            assert each.stdout is not None
            assert await each.stdout.readline()
        before = used_s()
        async with asyncio.timeout(JOB_S_MAX):
            while not await line.pool.fetchval(ended, *arguments):
                assert all(each.returncode is None for each in started)
                await asyncio.sleep(0.2)
        # Read while they live: with them their backends would be gone from what Postgres had.
        after = used_s()
    finally:
        for each in started:
            if each.returncode is None:
                each.kill()
            await each.wait()
    return {who: after[who] - before[who] for who in ("sketch", "Postgres", "sandbox")}


def _sketched(rate: float, used_s: dict[str, float], count: int) -> Sketched:
    return Sketched(rate, {name: each / count * 1e6 for name, each in used_s.items()})
