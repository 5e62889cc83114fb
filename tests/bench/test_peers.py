"""Our workers, held against job queues that do the same work with one job for each lead."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest

from tests.bench.conftest import Scale
from tests.bench.enrich_load import WORKERS, Line, open_line
from tests.bench.peers import work
from tests.bench.report import Row, Target
from tests.bench.sketch_load import Sketched, environment, reached, run_kept, run_sketch

Report = Callable[[Row], Row]

OTHERS = ("saq", "procrastinate", "dramatiq", "celery")
PEERS = ("arq", *OTHERS)
LEADS = 50_000
LEADS_OF_PEERS = 5_000
"""A tenth of ours, at which each queue is for six to fourteen seconds: over as many as ours all of
them would be for more than twenty minutes. Each rate is that of the middle nine tenths."""
PEER_S_MAX = 300.0


async def program(line: Line, peer: str, *arguments: str) -> Process:
    """Start the program of a peer, in a group of its own."""
    with (line.fleet.log_dir / peer).open("ab") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"tests.bench.peers.{peer}_jobs", *arguments,
            stdout=DEVNULL, stderr=log, env=environment(line), start_new_session=True,
        )  # fmt: skip


async def run_peer(line: Line, peer: str, count: int) -> float:
    """Queue a job for each of so many new leads; return how many were run in a second."""
    first = (await line.add_leads(count))[0]
    await line.pool.execute("truncate peer_results")
    await line.vacuum()
    enqueuing = await program(line, peer, "enqueue", str(first), str(count))
    assert await enqueuing.wait() == 0
    processes = [await program(line, peer, "work") for _ in range(WORKERS)]
    try:
        async with asyncio.timeout(PEER_S_MAX):
            while await line.pool.fetchval("select count(*) from peer_results") < count:
                await asyncio.sleep(0.2)
    finally:
        for process in processes:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    rate: float = await line.pool.fetchval(
        "select (count(*) * 0.9 / greatest(0.001, extract(epoch from"
        " percentile_disc(0.95) within group (order by settled_at)"
        " - percentile_disc(0.05) within group (order by settled_at))))::float8 from peer_results"
    )
    return rate


async def run_ours(line: Line, count: int) -> float:
    """Run a job with two workers, which are there only while it runs."""
    names = [f"worker-{number}" for number in range(WORKERS)]
    for name in names:
        await line.fleet.start(name)
    rate = await line.run(count)
    for name in names:
        await line.fleet.terminate(name)
    return rate


@pytest.mark.timeout(1_200)
async def test_peers(tmp_path: Path, scale: Scale, report: Report) -> None:
    """Ours runs many times as many leads a second as one job for each lead does.

    Ours and each queue run a tenth of their leads before anything is measured; every run that is
    measured begins with new processes.
    """
    of_peers = scale.count(LEADS_OF_PEERS)
    async with open_line(tmp_path, workers=0) as line:
        await line.pool.execute(work.SCHEMA)
        await run_ours(line, scale.count(LEADS) // 10)
        for peer in PEERS:
            await run_peer(line, peer, of_peers // 10)
        for number in range(WORKERS):
            await line.fleet.start(f"worker-{number}")
        costs = await line.costs_of(scale.count(LEADS) // 2)
        for number in range(WORKERS):
            await line.fleet.terminate(f"worker-{number}")
        ours: list[float] = []
        sketch: list[Sketched] = []
        kept: list[Sketched] = []
        deciding: list[Sketched] = []
        rates: dict[str, list[float]] = {peer: [] for peer in PEERS}
        for _ in range(scale.repeats):
            ours.append(await run_ours(line, scale.count(LEADS)))
            sketch.append(await run_sketch(line, scale.count(LEADS) // 2))
            half = scale.count(LEADS) // 2
            kept.append(await run_kept(line, half))
            deciding.append(await run_kept(line, half, program="deciding_worker"))
            for peer, found in rates.items():
                found.append(await run_peer(line, peer, of_peers))

    for peer in OTHERS:
        report(
            Row.of(
                f"peers.{peer}",
                f"the same lookups, {WORKERS} processes each, ours against {peer}",
                "leads/s",
                ours,
                against=rates[peer],
                against_said=f"{peer}, one job for each of {of_peers:,} leads",
            )
        )
    best = max(OTHERS, key=lambda peer: median(rates[peer]))
    for name, peer in (("arq", "arq"), ("best_other", best)):
        for part, said, sketched in (
            ("sketch", "the bare worker: intent before the request, settled once", sketch),
            ("statements", "the same with our tables and our statements", kept),
            ("decisions", "the same, with what our runner decides for each lead", deciding),
        ):
            report(
                Row.of(
                    f"peers.{name}_{part}",
                    f"{said}; against {peer}",
                    "leads/s",
                    [each.per_second for each in sketched],
                    against=rates[peer],
                    against_said=f"{peer}, one job for each of {of_peers:,} leads",
                )
            )
    bound = f"{costs}. {reached(sketch, kept, deciding)}"
    row = report(
        Row.of(
            "peers.arq",
            f"the same lookups, {WORKERS} processes each, ours against arq",
            "leads/s",
            ours,
            against=rates["arq"],
            against_said=f"arq, one job for each of {of_peers:,} leads",
            target=Target("at least", 5.0),
            bound=bound,
        )
    )
    best_row = report(
        Row.of(
            "peers.best_other",
            f"the same, ours against the best of the others: {best}",
            "leads/s",
            ours,
            against=rates[best],
            against_said=f"{best}, one job for each of {of_peers:,} leads",
            target=Target("at least", 3.0),
            bound=bound,
        )
    )
    assert [row.met, best_row.met] == [True, True]
