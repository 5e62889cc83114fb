"""Jobs over made-up people, run by workers from a full queue, and how fast that went."""

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from service.domain.kinds import JOB_TYPES, Face
from service.domain.waterfall import Step, Waterfall
from service.edges.doorbell import Doorbell, connect
from service.flows.accept_jobs import JobOrder, Order, Selection, accept_jobs
from service.flows.publish_finished import Publication
from service.flows.share_commits import SharedCommits
from service.store.connection import Connection
from service.store.ledger import enter_grant
from service.store.waterfalls import keep_waterfall
from tests.bench.peers.work import SLUG
from tests.bench.process_tree import signal_tree, tree_processor_s
from tests.faults.fleet import Fleet, launch

WORKERS: Final = 2
FIND_EMAIL: Final = next(each for each in JOB_TYPES if each.requested_as == "FIND_EMAIL")
WATERFALL: Final = Waterfall(FIND_EMAIL.kind, (Step(SLUG),))
PRICE: Final = 3
BALANCE: Final = 1_000_000_000
JOB_S_MAX: Final = 1_500.0
ADDED_AT_ONCE: Final = 50_000
# Seconds per second of a vendor's: so few that no limit of the sandbox is ever met.
TIME_SCALE: Final = "0.00001"


@dataclass
class Line:
    """A fleet with a queue to fill.

    Attributes:
        pool: the bench's own connections.
        workspace_id: whose leads they are.
    """

    fleet: Fleet
    pool: asyncpg.Pool
    workspace_id: int

    @property
    def vendor_url(self) -> str:
        """Where the vendor is."""
        url: str = self.fleet.sandbox_facts["base_urls"][SLUG]
        return url

    async def add_leads(self, count: int) -> list[int]:
        """Make people nobody has asked about, and return their ids."""
        ids: list[int] = []
        for first in range(0, count, ADDED_AT_ONCE):
            rows = await self.pool.fetch(
                "insert into leads (workspace_id, first_name, last_name, company_domain)"
                " select $1, 'Ada' || translate(s.n::text, '0123456789', 'abcdefghij'),"
                "        'Ng' || translate(s.n::text, '0123456789', 'klmnopqrst'),"
                "        'brightwater.leadfall'"
                " from (select nextval('bench_people') as n"
                "       from generate_series(1, $2::integer)) s returning id",
                self.workspace_id,
                min(ADDED_AT_ONCE, count - first),
                timeout=JOB_S_MAX,
            )
            ids += [row["id"] for row in rows]
        return ids

    async def accept(self, lead_ids: list[int]) -> str:
        """Accept a job over these leads, as an API would, and return its id."""

        async def select(connection: Connection) -> Selection:
            await keep_waterfall(connection, WATERFALL)
            return Selection(lead_ids, len(lead_ids))

        job = JobOrder(FIND_EMAIL, PRICE, WATERFALL.version)
        order = Order(self.workspace_id, Face.SELEQT, "async", (job,), skip_filled=False)
        accepted = await accept_jobs(SharedCommits(self.pool), order, select, Publication())
        return accepted.jobs[0].public_id

    async def vacuum(self) -> None:
        """Leave every table as a quiet time does, however long that takes."""
        connection = await asyncpg.connect(self.fleet.postgres.url)
        try:
            await connection.execute("vacuum analyze")
        finally:
            await connection.close()

    async def ring(self) -> None:
        """Wake the workers, as the API does after it has accepted."""
        doorbell = Doorbell(connect(self.fleet.environment["LEADFALL_REDIS_URL"]))
        doorbell.ring()
        await doorbell.close()

    async def until_finished(self, job_id: str) -> None:
        """Wait until a job has finished."""
        async with asyncio.timeout(JOB_S_MAX):
            while not await self.pool.fetchval(
                "select finished_at is not null from jobs where public_id = $1", job_id
            ):
                await asyncio.sleep(0.2)

    async def open_count(self, job_id: str) -> int:
        """Return how many lookups of a job are not settled yet."""
        count: int = await self.pool.fetchval(
            "select open_count from jobs where public_id = $1", job_id
        )
        return count

    async def until_open(self, job_id: str, count: int) -> float:
        """Wait until no more lookups of a job are open than so many; return the moment."""
        async with asyncio.timeout(JOB_S_MAX):
            while await self.open_count(job_id) > count:
                await asyncio.sleep(0.1)
        return time.monotonic()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold all processes of ours and the database; what they claimed, only for their lease."""
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for process in self.fleet.processes.values():
            process.send_signal(number)
        signal_tree(self.fleet.postgres.pid, number)

    async def settled_per_second(self, job_id: str) -> float:
        """Return how many lookups of a job settled in a second, over its middle nine tenths."""
        rate: float = await self.pool.fetchval(
            "with t as (select count(*) as n,"
            "    percentile_disc(0.05) within group (order by settled_at) as early,"
            "    percentile_disc(0.95) within group (order by settled_at) as late"
            "  from lookups where job_id = (select id from jobs where public_id = $1))"
            " select (n * 0.9 / greatest(0.001, extract(epoch from late - early)))::float8 from t",
            job_id,
            timeout=JOB_S_MAX,
        )
        return rate

    async def run(self, count: int) -> float:
        """Run a job over so many new leads; return how many were settled in a second."""
        rate, _ = await self.run_with_costs(count)
        return rate

    async def run_with_costs(self, count: int) -> tuple[float, dict[str, float]]:
        """Run a job over so many new leads.

        Returns:
            How many were settled in a second, and what processor time each took of the workers,
            Postgres and the sandbox, in microseconds.
        """
        leads = await self.add_leads(count)
        # Before the job is there: workers look for it by themselves and would run it meanwhile.
        await self.vacuum()
        before = self.used_s()
        job_id = await self.accept(leads)
        await self.ring()
        await self.until_finished(job_id)
        after = self.used_s()
        costs_us = {name: (after[name] - before[name]) / count * 1e6 for name in before}
        return await self.settled_per_second(job_id), costs_us

    def used_s(self) -> dict[str, float]:
        """Return the processor time that workers, Postgres and the sandbox have had."""
        fleet = self.fleet
        workers = sum(tree_processor_s(process.pid) for process in fleet.processes.values())
        sandbox = 0.0 if fleet.sandbox is None else tree_processor_s(fleet.sandbox.pid)
        postgres = tree_processor_s(fleet.postgres.pid)
        return {"workers": workers, "Postgres": postgres, "sandbox": sandbox}

    async def costs_of(self, count: int) -> str:
        """Run a job over so many new leads; say what processor time each took, and whose.

        Beside it what the bare client takes for as many, which is in a worker's time as well.
        """
        _, costs_us = await self.run_with_costs(count)
        _, bare_us = await self._ask_bare(count)
        least_us = bare_us + costs_us["Postgres"] + costs_us["sandbox"]
        said = ", ".join(f"{name} {cost_us:.0f}" for name, cost_us in costs_us.items())
        return (
            f"Microseconds of processor time a lead: {said}; {os.cpu_count()} cores have room for "
            f"{_room(sum(costs_us.values())):,.0f} leads/s. The bare client takes {bare_us:.0f}: "
            f"workers that did nothing else would leave room for {_room(least_us):,.0f}"
        )

    async def asked_ms(self, count: int) -> float:
        """Return how many milliseconds a request to the vendor took, of so many latest calls."""
        asked_ms: float = await self.pool.fetchval(
            "select avg(duration_ms)::float8 from"
            " (select duration_ms from calls order by intended_at desc limit $1) latest",
            count,
        )
        return asked_ms

    async def ask_bare(self, count: int, *, at_once: int = 64) -> float:
        """Let the bare client ask as often; return its answers in a second."""
        rate, _ = await self._ask_bare(count, at_once=at_once)
        return rate

    async def _ask_bare(self, count: int, *, at_once: int = 64) -> tuple[float, float]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bench.bare_vendor_client", self.vendor_url,
            "--count", str(count), "--at-once", str(at_once), stdout=PIPE,
        )  # fmt: skip
        output, _ = await process.communicate()
        rate, cost_us = (float(each) for each in output.split())
        return rate, cost_us


def _room(cost_us: float) -> float:
    """Return how often a second all processors together can do what costs so much."""
    return (os.cpu_count() or 1) / cost_us * 1e6


async def add_bench_workspace(pool: asyncpg.Pool) -> int:
    """Make a workspace that can pay, and what its people's names are counted with."""
    workspace_id: int = await pool.fetchval(
        "insert into workspaces (public_id, name) values (leadfall_object_id(), 'bench')"
        " returning id"
    )
    async with pool.acquire() as connection:
        await enter_grant(connection, workspace_id, BALANCE, "bench")
    await pool.execute("create sequence bench_people")
    return workspace_id


@asynccontextmanager
async def open_line(
    folder: Path,
    *,
    workers: int = WORKERS,
    answer_after_s: float = 0.0,
    slots: int | None = None,
    lease_s: float = 5.0,
) -> AsyncIterator[Line]:
    """Start workers for which the vendor has no limits, over a queue that is empty."""
    fleet = await launch(
        folder,
        roles=(),
        sandbox_options=("--time-scale", TIME_SCALE, "--answer-after", str(answer_after_s)),
    )
    fleet.modules["worker"] = "tests.bench.wide_worker"
    fleet.environment |= {"LEADFALL_VENDOR_TIME_SCALE": "1", "LEADFALL_LEASE_S": str(lease_s)}
    if slots is not None:
        fleet.environment["LEADFALL_WORKER__CONCURRENCY"] = str(slots)
    try:
        async with await fleet.pool() as pool:
            workspace_id = await add_bench_workspace(pool)
            for number in range(workers):
                await fleet.start(f"worker-{number}")
            yield Line(fleet, pool, workspace_id)
    finally:
        await fleet.stop()
