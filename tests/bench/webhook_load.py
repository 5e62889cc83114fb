"""Events at a steady rate, from commit to receiver: through ours, and through the bare sketch."""

import asyncio
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import asyncpg
import orjson
from yarl import URL

from service.domain.identifiers import event_header_id, new_id
from service.edges.secret_box import SecretBox
from service.flows.create_workspace import create_workspace
from service.store.events import NewEvent, insert_events
from tests.bench import bare_sketch
from tests.faults.fleet import Fleet, launch

BODY = orjson.dumps({"type": "lead.enriched", "data": {"padding": "x" * 2_000}})
ARRIVAL_S = 60.0
QUIET_S = 0.3

Publish = Callable[[int], Awaitable[str | None]]
"""Commits the n-th event; returns the id a receiver will see, None if nobody waits for it."""


@dataclass
class Course:
    """A database, a dispatcher of ours, the bare sketch, and receivers to send to.

    Attributes:
        workspaces: one for each healthy receiver, then one for each hanging one.
        urls: where the receivers are, in the same order.
    """

    fleet: Fleet
    pool: asyncpg.Pool
    receivers: Process
    urls: list[str]
    workspaces: list[int] = field(default_factory=list)

    async def publish(self, number: int) -> str:
        """Commit one event for the next receiver in turn, as a worker that settles would."""
        event = self.event(number % len(self.workspaces))
        async with self.pool.acquire() as connection, connection.transaction():
            await insert_events(connection, [event])
        return event_header_id(event.id)

    async def publish_bare(self, number: int) -> str:
        """Commit one row for the bare sketch."""
        event_id = new_id()
        async with self.pool.acquire() as connection, connection.transaction():
            url = self.urls[number % len(self.urls)]
            await connection.execute(bare_sketch.INSERT, event_id, url, BODY)
            await connection.execute(f"notify {bare_sketch.CHANNEL}")
        return str(event_id)

    def event(self, place: int) -> NewEvent:
        """Return a new event for the receiver at this place."""
        return NewEvent(
            id=new_id(),
            aggregatetype="lead",
            aggregateid="1",
            type="lead.enriched",
            payload=BODY,
            workspace_id=self.workspaces[place],
        )

    async def arrivals(self) -> list[tuple[str, float]]:
        """Return what came to the receivers since this was last asked."""
        if self.receivers.stdin is None or self.receivers.stdout is None:
            raise TypeError("the receivers have no pipes")
        self.receivers.stdin.write(b"\n")
        line = await asyncio.wait_for(self.receivers.stdout.readline(), ARRIVAL_S)
        return [(name, moment_s) for name, moment_s in orjson.loads(line)]

    async def add_workspace(self, url: str) -> int:
        """Make a workspace whose one endpoint gets every event."""
        box = SecretBox([self.fleet.environment["LEADFALL_SECRET_KEYS"]])
        workspace = await create_workspace(self.pool, box, "bench")
        where = URL(url)
        await self.pool.execute(
            "insert into endpoints (workspace_id, name, url, host, port, event_types)"
            " values ($1, 'bench', $2, $3, $4, '{*}')",
            workspace.id,
            url,
            where.host,
            where.port,
        )
        return workspace.id


@asynccontextmanager
async def open_course(
    folder: Path, *, healthy: int = 20, hanging: int = 0, sandbox_options: Sequence[str] = ()
) -> AsyncIterator[Course]:
    """Start everything, with an endpoint of its own workspace for each receiver."""
    fleet = await launch(folder, roles=("dispatcher",), sandbox_options=sandbox_options)
    receivers = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.receivers",
        "--healthy", str(healthy), "--hanging", str(hanging),
        stdin=PIPE, stdout=PIPE, limit=256 * 1024 * 1024,
    )  # fmt: skip
    try:
        ports = await first_line(receivers)
        urls = [f"http://127.0.0.1:{port}/" for port in (*ports["healthy"], *ports["hanging"])]
        async with await fleet.pool() as pool:
            await pool.execute(bare_sketch.SCHEMA)
            course = Course(fleet, pool, receivers, urls)
            course.workspaces = [await course.add_workspace(url) for url in urls]
            yield course
    finally:
        await end(receivers)
        await fleet.stop()


@asynccontextmanager
async def bare_process(
    course: Course, *options: str, program: str = "bare_sketch"
) -> AsyncIterator[Process]:
    """Run a sketch over the same database."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"tests.bench.{program}", course.fleet.postgres.url, *options,
        stdout=PIPE,
    )  # fmt: skip
    try:
        await first_line(process)
        yield process
    finally:
        await end(process)


async def latencies_ms(
    course: Course, publish: Publish, *, rate: int, seconds: float
) -> dict[str, float]:
    """Publish at a rate and return, by id, the milliseconds from each commit to its arrival.

    Only those that arrived within a minute after the last commit are there.
    """
    await course.arrivals()
    committed: dict[str, float] = {}

    async def publish_one(number: int) -> None:
        name = await publish(number)
        if name is not None:
            committed[name] = time.monotonic()

    began_s = time.monotonic()
    tasks: list[asyncio.Task[None]] = []
    for number in range(round(rate * seconds)):
        await asyncio.sleep(max(began_s + number / rate - time.monotonic(), 0.0))
        tasks.append(asyncio.create_task(publish_one(number)))
    await asyncio.gather(*tasks)
    arrived = await until_arrived(course, set(committed))
    return {
        name: (arrived[name] - moment_s) * 1_000
        for name, moment_s in committed.items()
        if name in arrived
    }


async def until_arrived(course: Course, names: set[str]) -> dict[str, float]:
    """Wait until all of these have arrived, a minute at most; return when each first did."""
    arrived: dict[str, float] = {}
    ends_s = time.monotonic() + ARRIVAL_S
    while not names <= arrived.keys() and time.monotonic() < ends_s:
        await asyncio.sleep(QUIET_S)
        for name, moment_s in await course.arrivals():
            arrived.setdefault(name, moment_s)
    return arrived


async def preload(course: Course, count: int) -> set[str]:
    """Write so many events at once, spread over all receivers; return their ids."""
    events = [course.event(number % len(course.workspaces)) for number in range(count)]
    async with course.pool.acquire() as connection:
        for start in range(0, count, 1_000):
            await insert_events(connection, events[start : start + 1_000])
    return {event_header_id(event.id) for event in events}


async def preload_bare(course: Course, count: int) -> set[str]:
    """Write the same for the bare sketch."""
    ids: list[UUID] = [new_id() for _ in range(count)]
    urls = [course.urls[number % len(course.urls)] for number in range(count)]
    await course.pool.execute("truncate bare_outbox")
    await course.pool.executemany(
        bare_sketch.INSERT, [(event_id, url, BODY) for event_id, url in zip(ids, urls, strict=True)]
    )
    return {str(event_id) for event_id in ids}


def per_second(moments_s: Sequence[float]) -> float:
    """Return how many came in a second, over the middle nine tenths: starts and ends trickle."""
    ordered = sorted(moments_s)
    first, last = len(ordered) // 20, len(ordered) - len(ordered) // 20 - 1
    return (last - first) / (ordered[last] - ordered[first])


def processor_s(pid: int) -> float:
    """Return the processor time that the main thread of a process has had; ours have no other."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9


def percentile(figures: Sequence[float], percent: float) -> float:
    """Return the figure that so many percent do not exceed."""
    ordered = sorted(figures)
    return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)]


async def first_line(process: Process) -> dict[str, list[int]]:
    """Return what a program says when it is ready."""
    if process.stdout is None:
        raise TypeError("the process has no pipe")
    line = await asyncio.wait_for(process.stdout.readline(), ARRIVAL_S)
    facts: dict[str, list[int]] = orjson.loads(line)
    return facts


async def end(process: Process) -> None:
    """End a process of ours, if it has not ended."""
    if process.returncode is None:
        process.kill()
    await process.wait()
