"""The ops address of every process: liveness, readiness, health for people, and metrics."""

import asyncio
import platform
from collections.abc import Callable, Collection, Sequence
from importlib.metadata import version
from typing import Final

import orjson
from aiohttp import web
from prometheus_client import REGISTRY, Gauge, Info
from prometheus_client.exposition import choose_encoder
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from service.domain.check import Check, Health, Status
from service.domain.waterfall import Waterfall
from service.edges.single_flight import SingleFlight
from service.flows.check_health import (
    CHECK_TIMEOUT_S,
    Flag,
    Subject,
    check_health,
    check_readiness,
)
from service.settings import Settings
from service.store.connection import Pool

# A loop that needs this long for one turn does not serve anybody.
LOOP_LAG_S_MAX: Final = 5.0
_SHUTDOWN_S: Final = 1.0
_HEADERS: Final = {"Cache-Control": "no-store"}

_build = Info("leadfall_build", "What this process was built from.")
_connections = Gauge("leadfall_pool_connections", "Open database connections.", ["role"])
_connections_in_use = Gauge(
    "leadfall_pool_connections_in_use", "Database connections that are in use.", ["role"]
)
_connections_max = Gauge(
    "leadfall_pool_connections_max", "Database connections there may be.", ["role"]
)
_status = Gauge(
    "leadfall_check_status", "Health checks: 0 pass, 1 warn, 2 fail.", ["role", "check"]
)
_age = Gauge(
    "leadfall_check_age_seconds", "What health checks measure in seconds.", ["role", "check"]
)
_processes = Gauge("leadfall_processes_alive", "Processes with a valid lease.", ["role", "of"])


class OpsServer:
    """Serves `/livez`, `/readyz`, `/healthz` and `/metrics` on the ops address.

    It closes what it opens: its own Redis client, used for nothing but a ping. The pool is the
    process's, so that what probes see is what the process has.

    Args:
        role: of this process.
        beat_age_s: seconds since the process's slowest loop last turned; None if it has none.
        draining: set when the process begins to stop.
        waterfalls: one for every kind, with only the steps that are usable.
        more: checks that only this process can make, without waiting.
    """

    def __init__(
        self,
        pool: Pool,
        settings: Settings,
        role: str,
        *,
        beat_age_s: Callable[[], float] | None,
        draining: Flag,
        waterfalls: Collection[Waterfall],
        more: Callable[[], Sequence[Check]] = tuple,
    ) -> None:
        self._settings = settings
        self._redis = _redis(settings)
        self._subject = Subject(
            pool, settings, role, beat_age_s, draining, self._redis, waterfalls, more
        )
        self._checks: SingleFlight[str, Health] = SingleFlight()
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        """The port that is listened on; 0 while stopped."""
        addresses = self._runner.addresses if self._runner else []
        return int(addresses[0][1]) if addresses else 0

    async def start(self) -> None:
        """Begin to listen; a second call does nothing.

        Raises:
            OSError: the address is taken.
        """
        if self._runner is not None:
            return
        _build.info({"version": version("leadfall"), "python": platform.python_version()})
        application = web.Application()
        application.add_routes(
            [
                *_probe_routes(self._subject),
                web.get("/healthz", self._healthz),
                web.get("/metrics", self._metrics),
            ]
        )
        runner = web.AppRunner(
            application,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=_SHUTDOWN_S,
            # Nobody reads a body here, and what the library cannot decode it logs.
            auto_decompress=False,
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, self._settings.ops_host, self._settings.ops_port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner

    async def stop(self) -> None:
        """Stop listening; harmless when it never began."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        await self._redis.aclose()

    async def _healthz(self, _request: web.Request) -> web.Response:
        health = await self._check()
        return _answer(health, healthy=health.status is not Status.FAIL)

    async def _metrics(self, request: web.Request) -> web.Response:
        _measure(self._subject.pool, await self._check())
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(
            body=encode(REGISTRY), headers={**_HEADERS, "Content-Type": content_type}
        )

    async def _check(self) -> Health:
        """Return the health that all who ask at the same time are told."""
        return await self._checks.run("health", lambda: check_health(self._subject))


def livez_readyz_routes(
    pool: Pool,
    settings: Settings,
    role: str,
    *,
    beat_age_s: Callable[[], float] | None,
    draining: Flag,
) -> list[web.RouteDef]:
    """Return `/livez` and `/readyz`, to be served beside other routes."""
    return _probe_routes(Subject(pool, settings, role, beat_age_s, draining))


def _probe_routes(subject: Subject) -> list[web.RouteDef]:
    async def livez(_request: web.Request) -> web.Response:
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        await asyncio.sleep(0)
        lag_s = round(loop.time() - began_at, 4)
        status = Status.PASS if lag_s < LOOP_LAG_S_MAX else Status.FAIL
        said = f"One turn of the event loop took {lag_s:g} s."
        check = Check("event_loop_lag", status, said, lag_s, "s", LOOP_LAG_S_MAX)
        return _answer(Health(subject.role, (check,)), healthy=status is Status.PASS)

    async def readyz(_request: web.Request) -> web.Response:
        readiness = await check_readiness(subject)
        # A process that is stopping is healthy, and yet not to be sent new work.
        return _answer(readiness, healthy=readiness.status is Status.PASS)

    return [web.get("/livez", livez), web.get("/readyz", readyz)]


def _answer(health: Health, *, healthy: bool) -> web.Response:
    return web.Response(
        body=orjson.dumps(health.as_json()),
        status=200 if healthy else 503,
        content_type="application/json",
        headers=_HEADERS,
    )


def _measure(pool: Pool, health: Health) -> None:
    """Set the gauges that are read at scrape time; what could not be measured is not a number."""
    role = health.role
    for gauge in (_status, _age, _processes):
        for labels in _labels_of(gauge, role):
            gauge.labels(*labels).set(float("nan"))
    _connections.labels(role).set(pool.get_size())
    _connections_in_use.labels(role).set(pool.get_size() - pool.get_idle_size())
    _connections_max.labels(role).set(pool.get_max_size())
    for check in health.checks:
        _status.labels(role, check.name).set(check.status.rank)
        value = float("nan") if check.value is None else check.value
        if check.unit == "s":
            _age.labels(role, check.name).set(value)
        elif check.unit == "processes":
            _processes.labels(role, check.name).set(value)


def _labels_of(gauge: Gauge, role: str) -> list[tuple[str, ...]]:
    """Return the labels that a role has set on a gauge before."""
    samples = [sample for metric in gauge.collect() for sample in metric.samples]
    return [tuple(each.labels.values()) for each in samples if each.labels["role"] == role]


def _redis(settings: Settings) -> Redis:
    """Return a client that gives up at once instead of trying again."""
    client: Redis = Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_timeout=CHECK_TIMEOUT_S,
        socket_connect_timeout=CHECK_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        max_connections=2,
    )
    return client
