"""Two workers' gates over a real Redis and a real Postgres, at a hundredth of the vendor's time."""

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import orjson
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
from service.store.connection import Pool, open_pool
from service.store.processes import beat

SCALE = 0.01
MINUTE_S = 60 * SCALE
ONE_AFTER_ANOTHER = 2_000
IN_LINE = 200
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
    repeats="never",
    source="made for these tests",
)
LOCAL = Provider(
    slug="local",
    name="Local",
    base_url="",
    auth=Auth("none"),
    limits=Limits(requests_per_minute=60_000, concurrency=8),
    offers=(),
    repeats="free",
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


class Relay:
    """A loopback port in front of Redis that can be cut and mended."""

    def __init__(self, redis_url: str) -> None:
        self._target = urlsplit(redis_url)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._is_cut = False
        self._is_silent = False
        self.unanswered = 0
        self.refused = 0
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        login = self._target.netloc.rpartition("@")[0]
        self.url = urlunsplit(self._target._replace(netloc=f"{login}@127.0.0.1:{port}"))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cut()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def cut(self) -> None:
        """Reset every connection, and each new one at once."""
        self._is_cut = True
        for writer in self._writers:
            writer.transport.abort()

    def silence(self) -> None:
        """Take each new connection and never answer on it."""
        self._is_cut, self._is_silent = False, True

    def mend(self) -> None:
        """Let connections through again."""
        self._is_cut = self._is_silent = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            self.refused += 1
            writer.transport.abort()
            return
        if self._is_silent:
            self._writers.add(writer)
            self.unanswered += 1
            return
        there = await asyncio.open_connection(self._target.hostname, self._target.port)
        self._writers |= {writer, there[1]}
        try:
            await asyncio.gather(_copy(reader, there[1]), _copy(there[0], writer))
        except OSError:
            pass
        finally:
            self._writers -= {writer, there[1]}


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while chunk := await source.read(65_536):
            target.write(chunk)
            await target.drain()
    finally:
        target.close()


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


async def look_in(gate: Gate) -> None:
    """Pass the gate, unless it is shut."""
    with suppress(GateShut):
        async with gate.pass_through():
            pass


async def look_again() -> None:
    """Wait for nothing but the time between two looks."""


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


async def test_requests_one_after_the_other_take_slices_too(
    open_gates: OpenGates, redis_url: str
) -> None:
    """What went during the last slice is leased for this one, though nobody stands in line."""
    gates = await open_gates()
    swift = Limits(requests_per_minute=1_000_000, concurrency=LIMITS.concurrency)
    gate = gates.of(ACME, OPERATOR, "find_email", swift)
    async with Redis.from_url(redis_url) as redis:
        await redis.config_resetstat()

        for _ in range(ONE_AFTER_ANOTHER):
            await pass_once(gate)

        stats = await redis.info("commandstats")

    assert stats["cmdstat_evalsha"]["calls"] * 4 < ONE_AFTER_ANOTHER


async def test_slots_at_hand_go_to_all_in_line_at_once(open_gates: OpenGates) -> None:
    """Not to one of them in each turn of the event loop, which a busy worker has few of."""
    gates = await open_gates()
    swift = Limits(requests_per_minute=10_000_000, concurrency=IN_LINE)
    gate = gates.of(ACME, OPERATOR, "find_email", swift)
    turns, passed_in = 0, []

    async def count_turns() -> None:
        nonlocal turns
        while len(passed_in) < IN_LINE:
            await asyncio.sleep(0)
            turns += 1

    async def pass_it() -> None:
        await pass_once(gate)
        passed_in.append(turns)

    await asyncio.gather(count_turns(), *(pass_it() for _ in range(IN_LINE)))

    # The first asked Redis for itself alone, the second for all that stood in line by then.
    assert passed_in[-1] - passed_in[1] < IN_LINE // 4


async def serve_both(vendor: Vendor, gates: list[Gate], *, seconds: float) -> int:
    """Let two workers send for so long; return how many requests that were."""
    before = len(vendor.arrived_at_s)
    await asyncio.gather(*(vendor.serve(gate, seconds=seconds) for gate in gates))
    return len(vendor.arrived_at_s) - before


@pytest.mark.parametrize(("operation", "limit"), [("find_email", 120), ("poll", 30)])
async def test_the_limit_holds_when_redis_dies(
    open_gates: OpenGates, tmp_path: Path, operation: str, limit: int
) -> None:
    """Work goes on by fair shares, and the sum stays within the limit over the change as well."""
    server = await start_valkey(tmp_path)
    workers = await open_gates(server.url), await open_gates(server.url)
    await workers[0].refresh()
    gates = [gate_of(each, operation) for each in workers]
    vendor = Vendor()

    shared = await serve_both(vendor, gates, seconds=1.0)
    await server.stop("kill")
    by_shares = await serve_both(vendor, gates, seconds=2.0)

    assert vendor.most_in_a_minute() <= limit
    assert min(shared, by_shares) > limit * 0.6


async def test_the_limit_holds_when_redis_comes_back_empty(
    open_gates: OpenGates, redis_url: str
) -> None:
    """What Redis forgot while it was away is not sent a second time."""
    async with Relay(redis_url) as relay, Redis.from_url(redis_url) as redis:
        workers = await open_gates(relay.url), await open_gates(relay.url)
        await workers[0].refresh()
        gates = [gate_of(each) for each in workers]
        vendor = Vendor()

        spans = [await serve_both(vendor, gates, seconds=0.8)]
        relay.cut()
        spans.append(await serve_both(vendor, gates, seconds=1.2))
        await redis.flushdb()
        relay.mend()
        spans.append(await serve_both(vendor, gates, seconds=1.2))
        await redis.flushdb()
        spans.append(await serve_both(vendor, gates, seconds=1.2))

    assert vendor.most_in_a_minute() <= 120
    assert min(spans) > 30


async def test_the_return_of_redis_is_noticed_although_a_waiter_gave_up(redis_url: str) -> None:
    """A request cancelled while it asked leaves the next one free to ask."""
    async with Relay(redis_url) as relay:
        slices = RateSlices.connect(relay.url, time_scale=SCALE)

        async def ask_and_give_up() -> None:
            with suppress(TimeoutError):
                async with asyncio.timeout(0.01):
                    await slices.open()

        relay.cut()
        await slices.open()
        relay.silence()
        await eventually(lambda: relay.unanswered > 0, ask_and_give_up)
        relay.mend()
        mended_at_s = now_s()

        await eventually(lambda: slices.is_up, slices.open)

        assert now_s() - mended_at_s < slices.notice_s * 2
        await slices.close()


async def test_a_worker_without_a_share_asks_for_nothing(
    open_gates: OpenGates, tmp_path: Path
) -> None:
    """One request a second among two workers: without Redis only the first one sends."""
    server = await start_valkey(tmp_path)
    workers = await open_gates(server.url), await open_gates(server.url)
    limits = Limits(requests_per_minute=60, requests_per_second=1, concurrency=1)
    await server.stop("kill")
    await workers[0].refresh()
    await workers[1].refresh()

    gates = [each.of(ACME, OPERATOR, "submit", limits) for each in workers]

    assert (gates[0].shut_for_s(), gates[0].why) == (0, "")
    assert (gates[1].shut_for_s() > 0, gates[1].why) == (True, "rate_unshared")


async def test_limits_of_the_service_itself_are_not_shared(open_gates: OpenGates) -> None:
    """What needs no key goes at once, without Redis."""
    gates = await open_gates("redis://127.0.0.1:1/0")

    async with (
        asyncio.timeout(2),
        gates.of(LOCAL, OPERATOR, "find_email", LOCAL.limits).pass_through(),
    ):
        pass


@pytest.mark.parametrize("fault", [Throttled(0.5), VendorDown(retry_after_s=0.5)])
async def test_a_retry_after_is_kept_by_both_workers(
    open_gates: OpenGates, fault: VendorFault
) -> None:
    """Nothing goes before the time the vendor asked for, whatever ails it; then it goes on."""
    gates = gate_of(await open_gates()), gate_of(await open_gates())
    await pass_once(gates[0], fault)
    asked_at_s = now_s()
    shut_for_s, why = gates[0].shut_for_s(), gates[0].why
    vendor = Vendor()

    await asyncio.gather(*(vendor.serve(gate, seconds=1.0) for gate in gates))

    assert (shut_for_s, why) == (pytest.approx(0.5, abs=0.1), "throttled")
    assert min(vendor.arrived_at_s) >= asked_at_s + 0.49


async def test_the_longer_of_two_holds_is_kept_by_both_workers(open_gates: OpenGates) -> None:
    """Two answers of one burst: the second asks for more while the first is being told."""
    here, there = gate_of(await open_gates()), gate_of(await open_gates())
    here.note_fault(Throttled(0.1), 0.0)
    await asyncio.sleep(0)
    here.note_fault(Throttled(30.0), 0.0)

    await eventually(lambda: there.shut_for_s() > 20, lambda: look_in(there))

    assert there.why == "throttled"


async def test_a_hold_that_redis_did_not_hear_of_is_told_again(
    open_gates: OpenGates, redis_url: str
) -> None:
    """Whoever was asked to wait while Redis was gone tells the others when it is back."""
    async with Relay(redis_url) as relay:
        here, there = gate_of(await open_gates(relay.url)), gate_of(await open_gates())
        relay.cut()
        here.note_fault(Throttled(30.0), 0.0)
        await eventually(lambda: relay.refused > 0, look_again)
        relay.mend()

        await eventually(lambda: there.shut_for_s() > 20, lambda: look_in(there))

        assert there.why == "throttled"


async def test_a_worker_ends_although_redis_does_not_hear_of_its_hold(
    open_gates: OpenGates,
) -> None:
    """It does not wait for Redis to come back."""
    leaving = await open_gates("redis://127.0.0.1:1/0")
    gate_of(leaving).note_fault(Throttled(30.0), 0.0)

    async with asyncio.timeout(2):
        await leaving.stop()


async def test_a_hold_is_told_before_the_worker_ends(open_gates: OpenGates) -> None:
    """Nobody who goes takes with it what the vendor asked of all."""
    leaving, there = await open_gates(), gate_of(await open_gates())
    gate_of(leaving).note_fault(Throttled(0.1), 0.0)
    gate_of(leaving).note_fault(Throttled(30.0), 0.0)

    await leaving.stop()
    await look_in(there)

    assert there.shut_for_s() > 20


@pytest.mark.parametrize(("usual_s", "shut_s"), [(None, 5 * SCALE), (60, 60 * SCALE)])
async def test_a_throttle_without_a_time_shuts_for_a_while(
    open_gates: OpenGates, usual_s: float | None, shut_s: float
) -> None:
    """Five vendor seconds, or as many as this vendor is known to mean."""
    gate = gate_of(await open_gates())

    await pass_once(gate, Throttled(usual_wait_s=usual_s))

    assert gate.shut_for_s() == pytest.approx(shut_s, abs=0.03)


async def test_those_who_wait_for_a_place_are_sent_away_when_the_gate_shuts(
    open_gates: OpenGates,
) -> None:
    """A request that waited sends nothing after the vendor asked for a pause."""
    gate = gate_of(await open_gates(), "poll")
    first, second = gate.pass_through(), gate.pass_through()
    await first.__aenter__()
    await second.__aenter__()
    third = asyncio.create_task(pass_once(gate))
    await asyncio.sleep(0)

    gate.note_fault(Throttled(30), 0.0)

    with pytest.raises(GateShut, match="throttled"):
        await third
    await first.__aexit__(None, None, None)
    await second.__aexit__(None, None, None)


@pytest.mark.parametrize("fault", [VendorDown(), BrokenAnswer("garbage")])
async def test_a_vendor_that_keeps_failing_is_left_alone_and_then_probed(
    open_gates: OpenGates, fault: VendorFault
) -> None:
    """The breaker opens, one probe goes through, and a good one opens the gate."""
    gate = gate_of(await open_gates())
    note_times(gate, fault, 20)
    opened = gate.why
    await eventually(lambda: gate.shut_for_s() == 0, look_again)

    async with gate.pass_through():
        during_probe = gate.shut_for_s() > 0
        gate.note_success(0.0)

    assert (opened, during_probe, gate.why) == ("breaker", True, "")


async def test_a_refused_request_shuts_nothing(open_gates: OpenGates) -> None:
    """A 4xx for one lead says nothing about the vendor's health."""
    gate = gate_of(await open_gates())

    note_times(gate, RequestRefused(), 100)

    assert gate.shut_for_s() == 0


async def test_an_operation_has_a_breaker_of_its_own(open_gates: OpenGates) -> None:
    """A vendor whose reading fails may still be searched."""
    gates = await open_gates()

    note_times(gate_of(gates, "poll"), VendorDown(), 20)

    assert gate_of(gates, "find_email").shut_for_s() == 0


@pytest.mark.parametrize("fault", [CredentialsRejected(), OutOfCredit()])
async def test_an_unusable_key_is_out_for_all_workers_with_one_warning(
    open_gates: OpenGates, pool: Pool, fault: VendorFault
) -> None:
    """Here at once, at the others with their next refresh; told once, whoever else finds it."""
    workers = await open_gates(), await open_gates()
    gates = [gate_of(each) for each in workers]
    with capture_logs() as lines:
        note_times(gates[0], fault, 5)
        at_once = gates[0].shut_for_s() > 0
        note_times(gates[1], fault, 5)
        await workers[0].refresh()
        await workers[1].refresh()

    assert at_once
    assert [fault.slug] * 2 == [gate.why for gate in gates]
    assert len([line for line in lines if line["event"] == "provider.unavailable"]) == 1
    assert await outage_rows(pool) == 1


async def test_a_worker_that_never_asked_sees_the_outage_with_one_refresh(
    open_gates: OpenGates, pool: Pool
) -> None:
    """Other operations of the key are out as well; another key is not."""
    finder, other = await open_gates(), await open_gates()
    gate_of(finder).note_fault(OutOfCredit(), 0.0)
    await finder.refresh()

    await other.refresh()

    assert gate_of(other, "poll").why == "out_of_credit"
    assert gate_of(other, credential="key:7").shut_for_s() == 0


async def test_the_owner_of_a_key_gets_one_event(open_gates: OpenGates, pool: Pool) -> None:
    """It names provider, reason and time, and nothing of the key."""
    workspace_id = await pool.fetchval(
        "insert into workspaces (public_id, name) values (leadfall_object_id(), 'x') returning id"
    )
    key_id = await pool.fetchval(
        "insert into provider_keys"
        " (workspace_id, provider, ciphertext, hint, check_result, checked_at)"
        " values ($1, 'acme', 'x', 'x', 'ok', now()) returning id",
        workspace_id,
    )
    workers = await open_gates(), await open_gates()
    gate_of(workers[0], credential=f"key:{key_id}").note_fault(CredentialsRejected(), 0.0)
    gate_of(workers[1], credential=f"key:{key_id}").note_fault(CredentialsRejected(), 0.0)
    await workers[0].refresh()
    await workers[1].refresh()

    events = await pool.fetch("select workspace_id, type, payload from events")

    assert [(workspace_id, "provider.unavailable")] == [tuple(row)[:2] for row in events]
    assert {"provider", "reason", "since"} == set(orjson.loads(events[0]["payload"])["data"])


async def test_one_worker_probes_and_a_success_brings_the_key_back(
    open_gates: OpenGates, pool: Pool
) -> None:
    """When it is time one worker may try the key once, and all use it again if it works."""
    workers = [await open_gates(), await open_gates()]
    gates = [gate_of(each) for each in workers]
    gates[0].note_fault(CredentialsRejected(), 0.0)
    await refresh_all(workers)
    early = await pool.fetchval("select retry_at > leadfall_now() from provider_outages")
    await pool.execute("update provider_outages set retry_at = leadfall_now()")

    await eventually(lambda: any(open_now(gates)), lambda: refresh_all(workers, gates))
    prober = gates[open_now(gates).index(True)]
    probers = sum(open_now(gates))
    async with prober.pass_through():
        during_probe = open_now(gates)
        prober.note_success(0.0)
    await refresh_all(workers)
    await refresh_all(workers)

    assert (early, probers, during_probe) == (True, 1, [False, False])
    assert open_now(gates) == [True, True]
    assert await outage_rows(pool) == 0


async def test_a_worker_that_starts_tries_the_operators_keys_anew(
    open_gates: OpenGates, pool: Pool
) -> None:
    """One that was replaced is in use at once, not after an hour."""
    finder = await open_gates()
    for credential in ("operator", "key:7"):
        gate_of(finder, credential=credential).note_fault(CredentialsRejected(), 0.0)
    await finder.refresh()

    await open_gates()

    due = "select credential from provider_outages where retry_at <= leadfall_now()"
    assert [row["credential"] for row in await pool.fetch(due)] == ["operator"]


async def test_a_success_from_before_the_outage_does_not_end_it(
    open_gates: OpenGates, pool: Pool
) -> None:
    """Answers that were under way when the credit ran out prove nothing."""
    worker = await open_gates()
    gate = gate_of(worker)
    gate.note_fault(OutOfCredit(), 0.0)

    gate.note_success(0.2)
    await worker.refresh()

    assert gate.why == "out_of_credit"
    assert await outage_rows(pool) == 1


async def test_a_worker_alone_adapts_to_trouble(open_gates: OpenGates) -> None:
    """After a 429 only half as many are under way at once."""
    gate = gate_of(await open_gates())

    await pass_once(gate, Throttled(0.0))

    assert gate._budget.in_flight.adapting.limit == LIMITS.concurrency // 2


async def test_without_postgres_the_gates_go_on(pool: Pool, redis_url: str) -> None:
    """An outage that cannot be written is kept here."""
    broken = await open_pool("postgresql://127.0.0.1:1/none", size_max=1, role="test")
    slices = RateSlices.connect(redis_url, time_scale=SCALE)
    gates = Gates(slices=slices, pool=broken, process_id=new_id(), time_scale=SCALE)
    await gates.start()

    gate_of(gates).note_fault(OutOfCredit(), 0.0)
    await gates.stop()

    assert gate_of(gates).why == "out_of_credit"
    await broken.close()


def note_times(gate: Gate, fault: VendorFault, times: int) -> None:
    """Note the same fault so many times."""
    for _ in range(times):
        gate.note_fault(fault, 0.0)


def open_now(gates: list[Gate]) -> list[bool]:
    """Tell of each gate whether it is open."""
    return [gate.shut_for_s() == 0 for gate in gates]


async def refresh_all(workers: list[Gates], gates: list[Gate] | None = None) -> None:
    """Let every worker look around; those with gates have been asked for them before."""
    open_now(gates or [])
    for each in workers:
        await each.refresh()
