"""Two workers' gates over a real Redis and a real Postgres, at a hundredth of the vendor's time."""

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from providers.contract import (
    Auth,
    BrokenAnswer,
    CredentialsRejected,
    Limits,
    OutOfCredit,
    Provider,
    RequestRefused,
    Throttled,
    VendorDown,
    VendorFault,
)
from service.domain.identifiers import new_id
from service.edges.rate_slices import RateSlices
from service.embedded import start_valkey
from service.flows.gates import Gates
from service.flows.provider_gate import Gate, GateShut
from service.store.connection import Pool
from service.store.processes import beat

SCALE = 0.01
MINUTE_S = 60 * SCALE
OPERATOR = "operator"
LIMITS = Limits(requests_per_minute=120, concurrency=40)
POLL_LIMITS = Limits(requests_per_minute=30, concurrency=2)
ACME = Provider(
    slug="acme",
    name="Acme",
    base_url="http://acme.test",
    auth=Auth("header", "X-Key"),
    limits=LIMITS,
    offers=(),
    repeat_when_interrupted=False,
    source="made for these tests",
)
LOCAL = Provider(
    slug="local",
    name="Local",
    base_url="",
    auth=Auth("none"),
    limits=Limits(requests_per_minute=60_000, concurrency=8),
    offers=(),
    repeat_when_interrupted=True,
    source="made for these tests",
)

OpenGates = Callable[..., Awaitable[Gates]]


@pytest.fixture
async def open_gates(pool: Pool, redis_url: str) -> AsyncIterator[OpenGates]:
    """Open the gates of one more worker that is alive."""
    async with AsyncExitStack() as stack:

        async def open_one(url: str = redis_url) -> Gates:
            process_id = new_id()
            async with pool.acquire() as connection:
                await beat(connection, process_id, "worker", "test", 1)
            slices = RateSlices.connect(url, time_scale=SCALE)
            gates = Gates(slices=slices, pool=pool, process_id=process_id, time_scale=SCALE)
            stack.push_async_callback(gates.stop)
            await gates.start()
            return gates

        yield open_one


@dataclass
class Vendor:
    """Counts what arrives, as a vendor would."""

    arrived_at_s: list[float] = field(default_factory=list)

    def most_in_a_minute(self) -> int:
        """Return the largest number of arrivals in any sliding minute of the vendor."""
        times = sorted(self.arrived_at_s)
        return max(bisect_left(times, at_s + MINUTE_S) - place for place, at_s in enumerate(times))

    async def serve(self, gate: Gate, *, seconds: float, clients: int = 20) -> None:
        """Let clients pass the gate again and again, as fast as it lets them."""
        until_s = now_s() + seconds

        async def ask() -> None:
            while now_s() < until_s:
                try:
                    async with asyncio.timeout(until_s - now_s()), gate.pass_through():
                        self.arrived_at_s.append(now_s())
                except GateShut as shut:
                    await asyncio.sleep(min(shut.for_s, 0.05))
                except TimeoutError:
                    return

        await asyncio.gather(*(ask() for _ in range(clients)))


def now_s() -> float:
    """Return the event loop's time."""
    return asyncio.get_running_loop().time()


def gate_of(gates: Gates, operation: str = "find_email", credential: str = OPERATOR) -> Gate:
    """Return a gate of Acme's."""
    limits = POLL_LIMITS if operation == "poll" else LIMITS
    return gates.of(ACME, credential, operation, limits)


async def pass_once(gate: Gate, fault: VendorFault | None = None) -> None:
    """Make one request, with what comes of it."""
    async with gate.pass_through():
        pass
    if fault is None:
        gate.note_success(0.0)
    else:
        gate.note_fault(fault, 0.0)


async def eventually(condition: Callable[[], bool], turn: Callable[[], Awaitable[object]]) -> None:
    """Take turns until the condition holds; five seconds at most."""
    async with asyncio.timeout(5):
        while not condition():
            await turn()
            await asyncio.sleep(0.01)


async def outage_rows(pool: Pool) -> int:
    """Return how many keys are out."""
    count: int = await pool.fetchval("select count(*) from provider_outages")
    return count


@pytest.mark.parametrize(("operation", "limit"), [("find_email", 120), ("poll", 30)])
async def test_two_workers_share_the_vendors_rate(
    open_gates: OpenGates, operation: str, limit: int
) -> None:
    """Both together stay within the limit of any sliding minute, and use most of it."""
    gates = await open_gates(), await open_gates()
    await gates[0].refresh()
    vendor = Vendor()

    await asyncio.gather(*(vendor.serve(gate_of(each, operation), seconds=2.0) for each in gates))

    assert vendor.most_in_a_minute() <= limit
    assert len(vendor.arrived_at_s) > limit * 0.6 * 2.0 / MINUTE_S


async def test_a_busy_gate_asks_redis_far_less_than_once_per_request(
    open_gates: OpenGates, redis_url: str
) -> None:
    """Slots come in slices."""
    gates = await open_gates()
    vendor = Vendor()
    async with Redis.from_url(redis_url) as redis:
        await redis.config_resetstat()

        await vendor.serve(gate_of(gates), seconds=1.5)

        stats = await redis.info("commandstats")

    assert stats["cmdstat_evalsha"]["calls"] * 2 < len(vendor.arrived_at_s)


async def test_the_limit_holds_when_redis_goes_and_comes_back(
    open_gates: OpenGates, tmp_path: Path
) -> None:
    """Over the loss, the time by fair shares, and the return of an empty Redis."""
    server = await start_valkey(tmp_path / "first")
    gates = await open_gates(server.url), await open_gates(server.url)
    await gates[0].refresh()
    vendor = Vendor()
    serving = [
        asyncio.create_task(vendor.serve(gate_of(each), seconds=6.0)) for each in gates
    ]
    began_s = now_s()

    await asyncio.sleep(1.0)
    await server.stop("kill")
    gone_s = now_s()
    await asyncio.sleep(2.0)
    back_s = now_s()
    await gates[0].refresh()
    await gates[1].refresh()
    await asyncio.gather(*serving)

    spans = [
        sum(start <= at_s < end for at_s in vendor.arrived_at_s)
        for start, end in [(began_s, gone_s), (gone_s, back_s)]
    ]
    assert vendor.most_in_a_minute() <= 120
    assert min(spans) > 50
