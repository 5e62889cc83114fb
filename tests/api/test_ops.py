"""The ops address: probes answer in time with the right status, and metrics can be read."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import asyncpg
import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from service.api.ops.server import OpsServer, livez_readyz_routes
from service.domain.identifiers import new_id
from service.domain.kinds import Kind
from service.domain.waterfall import Step, Waterfall
from service.flows.check_health import CHECK_TIMEOUT_S
from service.settings import Settings
from service.store.connection import Pool
from service.store.processes import beat

PATHS = ("/livez", "/readyz", "/healthz", "/metrics")
WATERFALLS = [Waterfall(kind, (Step("enrich"),)) for kind in Kind]

StartOps = Callable[..., Awaitable["Ops"]]


class Ops:
    """A running server and what its process says of itself."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self.beat_age_s = 0.1
        self.draining = asyncio.Event()
        self.server = OpsServer(
            pool,
            settings,
            "worker",
            beat_age_s=lambda: self.beat_age_s,
            draining=self.draining,
            waterfalls=WATERFALLS,
        )

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        """Return status and text of an answer."""
        async with (
            aiohttp.ClientSession(f"http://127.0.0.1:{self.server.port}") as session,
            session.get(path, headers=headers) as answer,
        ):
            return answer.status, await answer.text()

    async def check(self, path: str) -> tuple[int, dict[str, dict[str, Any]]]:
        """Return the status of an answer and its checks by name."""
        async with (
            aiohttp.ClientSession(f"http://127.0.0.1:{self.server.port}") as session,
            session.get(path) as answer,
        ):
            told = await answer.json()
            return answer.status, {check["name"]: check for check in told["checks"]}

    async def read_metrics(self) -> dict[tuple[str, str], float]:
        """Return the samples that this server sets, by name and by what they are about."""
        _, text = await self.get("/metrics")
        return {
            (
                sample.name,
                "".join(sample.labels[name] for name in sample.labels if name != "role"),
            ): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.labels.get("role") == "worker"
        }


@pytest.fixture
async def start_ops(pool: Pool, redis_url: str) -> AsyncIterator[StartOps]:
    """A function that starts a server with settings of the test's choice."""
    started: list[Ops] = []

    async def start(**settings: Any) -> Ops:
        ops = Ops(pool, Settings(**{"redis_url": redis_url, **settings}))
        await ops.server.start()
        started.append(ops)
        return ops

    async with pool.acquire() as connection:
        for role in ("worker", "dispatcher"):
            await beat(connection, new_id(), role, "test", 1)
    yield start
    for ops in started:
        await ops.server.stop()


@pytest.fixture
async def ops(start_ops: StartOps) -> Ops:
    """A server in a process in which everything is well."""
    return await start_ops()


@pytest.mark.parametrize("path", PATHS)
async def test_healthy_process(ops: Ops, path: str) -> None:
    """Where everything is well, every path answers 200."""
    status, _ = await ops.get(path)

    assert status == 200


async def test_ready_answer_is_one_object(ops: Ops) -> None:
    """A probe's answer tells what was looked at, and nothing else."""
    _, checks = await ops.check("/readyz")

    assert set(checks) == {"postgres", "schema", "loop_beat", "draining"}
    assert {check["status"] for check in checks.values()} == {"pass"}


async def test_stopping_process_gets_no_new_work(ops: Ops) -> None:
    """While it drains a process is alive and healthy, and not ready."""
    ops.draining.set()

    statuses = [(await ops.get(path))[0] for path in PATHS]

    assert statuses == [200, 503, 200, 200]


async def test_stuck_loop(ops: Ops) -> None:
    """A loop that does not turn fails readiness and health; the process is alive."""
    ops.beat_age_s = 5.0

    statuses = [(await ops.get(path))[0] for path in PATHS]

    assert statuses == [200, 503, 503, 200]


async def test_no_worker_alive(ops: Ops, pool: Pool) -> None:
    """That all workers are gone is told by every process, and leaves this one ready."""
    await pool.execute("delete from processes where role = 'worker'")

    statuses = [(await ops.get(path))[0] for path in PATHS]

    assert statuses == [200, 200, 503, 200]


async def test_lost_redis_leaves_everything_up(start_ops: StartOps) -> None:
    """Without Redis health warns and answers 200."""
    ops = await start_ops(redis_url="redis://127.0.0.1:1/0")

    status, checks = await ops.check("/healthz")

    assert (status, checks["redis"]["status"]) == (200, "warn")


async def test_many_who_ask_at_once_are_no_lost_redis(ops: Ops) -> None:
    """Probes, scrapes and people may come together."""
    checks = await asyncio.gather(*(ops.check("/healthz") for _ in range(20)))

    assert {"pass"} == {named["redis"]["status"] for _, named in checks}


async def test_probes_answer_while_the_database_is_locked(ops: Ops, pool: Pool) -> None:
    """A database that takes its time costs a probe two seconds, and no more."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("lock table schema_migrations in access exclusive mode")
        began_at = asyncio.get_running_loop().time()

        answers = await asyncio.gather(*(ops.get(path) for path in PATHS))
        took_s = asyncio.get_running_loop().time() - began_at

    assert [status for status, _ in answers] == [200, 503, 503, 200]
    assert took_s < CHECK_TIMEOUT_S + 1.5


async def test_metrics(ops: Ops, pool: Pool) -> None:
    """A scrape shows the pool, the ages, who is alive, and what this build is."""
    metrics = await ops.read_metrics()
    _, text = await ops.get("/metrics")

    assert metrics["leadfall_pool_connections_max", ""] == pool.get_max_size()
    assert metrics["leadfall_check_age_seconds", "lookup_ready_age"] == 0
    assert metrics["leadfall_check_status", "postgres"] == 0
    assert metrics["leadfall_processes_alive", "dispatchers"] == 1
    assert 'leadfall_build_info{python="3' in text


async def test_what_cannot_be_measured_is_no_number(
    ops: Ops, connection: asyncpg.Connection
) -> None:
    """A scrape without a database does not repeat what an earlier one measured."""
    await ops.read_metrics()
    await connection.execute("alter table schema_migrations rename to hidden")
    metrics = await ops.read_metrics()

    assert str(metrics["leadfall_check_age_seconds", "lookup_ready_age"]) == "nan"
    assert metrics["leadfall_check_status", "schema"] == 2


async def test_metrics_in_the_openmetrics_format(ops: Ops) -> None:
    """A scraper that asks for it gets the newer format."""
    _, text = await ops.get("/metrics", Accept="application/openmetrics-text")

    assert text.endswith("# EOF\n")


async def test_start_and_stop_are_harmless_twice(start_ops: StartOps) -> None:
    """A second start keeps the port, a second stop does nothing."""
    ops = await start_ops()
    port = ops.server.port
    await ops.server.start()

    assert ops.server.port == port > 0
    await ops.server.stop()
    await ops.server.stop()
    assert ops.server.port == 0


async def test_taken_port_is_an_error(start_ops: StartOps) -> None:
    """A port that another program has is told at the start."""
    ops = await start_ops()

    with pytest.raises(OSError, match="address already in use"):
        await start_ops(ops_port=ops.server.port)


async def test_probes_on_the_api_port(
    pool: Pool, aiohttp_client: Callable[..., Awaitable[Any]]
) -> None:
    """The API serves liveness and readiness too, beside its own routes."""
    draining = asyncio.Event()
    application = web.Application()
    application.add_routes(
        livez_readyz_routes(pool, Settings(), "api", beat_age_s=None, draining=draining)
    )
    client = await aiohttp_client(application)
    before = [(await client.get(path)).status for path in ("/livez", "/readyz")]
    draining.set()

    assert before == [200, 200]
    assert [(await client.get(path)).status for path in ("/livez", "/readyz")] == [200, 503]
