"""The composition root: the only place where objects are built and wired, for every process."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Protocol
from uuid import UUID

from providers.contract import Provider
from providers.registry import all_providers
from service.api.application import build_application
from service.api.context import ApiContext
from service.api.ops.server import OpsServer, livez_readyz_routes
from service.api.process import ApiProcess
from service.dispatcher.loop import Dispatcher
from service.domain.check import Check
from service.domain.kinds import Kind
from service.domain.waterfall import Waterfall, load_waterfalls, usable
from service.edges.dial_guard import EgressPolicy
from service.edges.dns import Resolver
from service.edges.doorbell import Doorbell, connect
from service.edges.host_leases import HostLeases
from service.edges.mail_exchanger import Courtesy
from service.edges.rate_limits import RateLimits
from service.edges.rate_slices import RateSlices
from service.edges.receiver_http import ReceiverHTTP
from service.edges.secret_box import SecretBox
from service.edges.smtp import SmtpProber
from service.edges.vendor_http import VendorHTTP
from service.flows.ask_builtin import Builtin
from service.flows.ask_provider import ProviderDesk
from service.flows.check_pace import CheckPace
from service.flows.check_providers import check_mail_port
from service.flows.controls import Controls
from service.flows.credentials import Credentials
from service.flows.gates import Gates
from service.flows.hold_lease import ProcessLease
from service.flows.known_controls import KnownControls
from service.flows.known_patterns import KnownPatterns
from service.flows.publish_finished import Publication
from service.flows.send_test import Tester
from service.flows.share_commits import SharedCommits
from service.flows.suppress_people import SuppressionList
from service.flows.wait_for_jobs import FinishedWatcher
from service.settings import Settings
from service.store.connection import Pool, open_pool
from service.store.waterfalls import keep_waterfall
from service.worker.process import WorkerProcess


def usable_waterfalls(settings: Settings) -> Mapping[Kind, Waterfall]:
    """Return every kind's waterfall with only the steps that the settings make usable.

    Raises:
        WaterfallsInvalidError: the operator's file cannot be used; the message says where and why.
    """
    if settings.waterfalls_file is None:
        text = files("providers").joinpath("waterfalls.toml").read_text(encoding="utf-8")
    else:
        text = Path(settings.waterfalls_file).read_text(encoding="utf-8")
    known = {
        slug: frozenset(offer.capability for offer in provider.offers)
        for slug, provider in all_providers().items()
    }
    waterfalls = load_waterfalls(text, known)
    return {
        kind: usable(waterfall, settings.configured_providers)
        for kind, waterfall in waterfalls.items()
    }


def publication(settings: Settings) -> Publication:
    """Return how finished jobs are told."""
    return Publication(settings.limits.inline_results_max, (settings.public_url or "").rstrip("/"))


@asynccontextmanager
async def database(settings: Settings, role: str) -> AsyncIterator[Pool]:
    """Open the process's pool and close it at the end."""
    pool = await open_pool(
        settings.database_url.get_secret_value(),
        size_max=settings.database_pool_max,
        role=role,
        # It mostly has one delivery at a time. In a minute of two hundred events a second the time
        # from commit to receiver grew by a third and more without this, and not with it. That the
        # database planned anew is the likely reason; nobody has seen it do so.
        plans_once=role == "dispatcher",
    )
    try:
        yield pool
    finally:
        await pool.close()


@asynccontextmanager
async def smtp_prober(settings: Settings) -> AsyncIterator[SmtpProber]:
    """Open what asks mail exchangers and end every conversation at the end."""
    prober = SmtpProber(
        resolver=_resolver(settings),
        policy=egress_policy(settings),
        helo=settings.smtp.helo,
        sender=settings.smtp.sender,
        port=settings.smtp.port,
        step_timeout_s=settings.smtp.step_timeout_s,
        courtesy=Courtesy(interval_s=settings.smtp.host_interval_s),
        leases=HostLeases.connect(settings.redis_url.get_secret_value()),
    )
    try:
        yield prober
    finally:
        await prober.close()


@asynccontextmanager
async def provider_desk(
    settings: Settings, pool: Pool, process_id: UUID, prober: SmtpProber
) -> AsyncIterator[ProviderDesk]:
    """Build what asks providers, over this process's own HTTP, DNS and SMTP edges."""
    scale = settings.vendor_time_scale
    vendor_http = VendorHTTP()
    box = secret_box(settings) if settings.secret_keys else None
    credentials = Credentials(pool, box, settings.providers)
    # The same invented mailbox at every worker and after every restart: a greylist lets through
    # only what it has heard before.
    key = settings.secret_keys[0].get_secret_value().encode() if settings.secret_keys else None
    builtin = Builtin(
        _resolver(settings),
        prober,
        Controls(key=key, replies=KnownControls(pool)),
        KnownPatterns(pool),
    )
    try:
        yield ProviderDesk(
            vendor_http,
            credentials,
            builtin.capabilities(),
            Gates(
                slices=RateSlices.connect(settings.redis_url.get_secret_value(), time_scale=scale),
                pool=pool,
                process_id=process_id,
                time_scale=scale,
            ),
            time_scale=scale,
        )
    finally:
        await vendor_http.close()


@asynccontextmanager
async def vendor_client() -> AsyncIterator[VendorHTTP]:
    """Open a client for requests to vendors and close it at the end."""
    http = VendorHTTP()
    try:
        yield http
    finally:
        await http.close()


@asynccontextmanager
async def check_pace(settings: Settings) -> AsyncIterator[CheckPace]:
    """Open what paces questions about keys and close it at the end."""
    scale = settings.vendor_time_scale
    redis_url = settings.redis_url.get_secret_value()
    checks = CheckPace(RateSlices.connect(redis_url, time_scale=scale), time_scale=scale)
    try:
        yield checks
    finally:
        await checks.close()


@asynccontextmanager
async def request_limits(settings: Settings) -> AsyncIterator[RateLimits]:
    """Open what counts callers' requests and close it at the end."""
    rate_limits = RateLimits.connect(settings.redis_url.get_secret_value())
    try:
        yield rate_limits
    finally:
        await rate_limits.close()


def receiver_client(settings: Settings) -> ReceiverHTTP:
    """Build the guarded client for receivers; open it as a context inside the running loop."""
    resolver = _resolver(settings)
    return ReceiverHTTP(
        egress_policy(settings),
        resolver.addresses,
        answers=resolver.answers,
        control_name=settings.dns.control_name,
    )


@dataclass(frozen=True, slots=True)
class Running:
    """A process that works, and where it can be reached.

    Attributes:
        port: of the API; None for the other roles.
    """

    ops_port: int
    port: int | None = None


@asynccontextmanager
async def worker(
    settings: Settings, providers: Mapping[str, Provider] | None = None
) -> AsyncIterator[Running]:
    """Run a worker for as long as the context lasts.

    Args:
        settings: all of them.
        providers: the vendors it knows, by slug; None for every one there is.
    """
    draining = asyncio.Event()
    async with database(settings, "worker") as pool, smtp_prober(settings) as prober:
        lease = ProcessLease(pool, "worker", settings.lease)
        async with provider_desk(settings, pool, lease.process_id, prober) as desk:
            process = WorkerProcess(
                settings,
                pool,
                lease,
                desk,
                providers=providers or all_providers(),
                publication=publication(settings),
                suppressions=SuppressionList(
                    secret_box(settings) if settings.secret_keys else None
                ),
            )
            ops = ops_server(
                pool,
                settings,
                "worker",
                lambda: process.beat_age_s,
                draining,
                more=lambda: (check_mail_port(shut=prober.port_shut),),
            )
            async with running(process, ops, draining):
                yield Running(ops.port)


@asynccontextmanager
async def dispatcher(settings: Settings) -> AsyncIterator[Running]:
    """Run a dispatcher for as long as the context lasts.

    Raises:
        ValueError: LEADFALL_SECRET_KEYS holds no usable key.
    """
    box = secret_box(settings)
    draining = asyncio.Event()
    http = receiver_client(settings)
    async with database(settings, "dispatcher") as pool:
        lease = ProcessLease(pool, "dispatcher", settings.lease)
        loop = Dispatcher(
            pool=pool,
            http=http,
            box=box,
            settings=settings.dispatcher,
            process_id=lease.process_id,
            lease_s=settings.lease_s,
            listen_url=settings.listen_url,
        )
        ops = ops_server(
            pool,
            settings,
            "dispatcher",
            lambda: time.monotonic() - loop.beat,
            draining,
            more=loop.checks,
        )
        await lease.start()
        try:
            async with running(loop, ops, draining):
                yield Running(ops.port)
        finally:
            await lease.stop()
            await http.close()


@asynccontextmanager
async def api(settings: Settings) -> AsyncIterator[Running]:
    """Serve both APIs for as long as the context lasts.

    Raises:
        OSError: the port is not to be had.
        ValueError: LEADFALL_SECRET_KEYS holds a key that cannot be used.
    """
    waterfalls = usable_waterfalls(settings)
    draining = asyncio.Event()
    box = secret_box(settings) if settings.secret_keys else None
    async with (
        database(settings, "api") as pool,
        vendor_client() as vendor_http,
        check_pace(settings) as checks,
        request_limits(settings) as rate_limits,
        receiver_client(settings) as receiver_http,
    ):
        async with pool.acquire() as connection:
            for waterfall in waterfalls.values():
                await keep_waterfall(connection, waterfall)
        doorbell = Doorbell(connect(settings.redis_url.get_secret_value()))
        watcher = FinishedWatcher(
            pool,
            listen_url=settings.listen_url,
            draining=draining,
            waiters_max=settings.limits.sync_waiters_max,
        )
        context = ApiContext(
            settings=settings,
            pool=pool,
            commits=SharedCommits(pool),
            ring=doorbell.ring,
            publication=publication(settings),
            waterfalls=waterfalls,
            egress=egress_policy(settings),
            finished=watcher,
            draining=draining,
            vendor_http=vendor_http,
            checks=checks,
            rate_limits=rate_limits,
            box=box,
            tester=Tester(pool, receiver_http),
        )
        probes = livez_readyz_routes(pool, settings, "api", beat_age_s=None, draining=draining)
        process = ApiProcess(
            build_application(context, probes),
            host=settings.host,
            port=settings.port,
            connections_max=settings.limits.connections_max,
            watcher=watcher,
            doorbell=doorbell,
        )
        ops = ops_server(pool, settings, "api", None, draining)
        async with running(process, ops, draining):
            yield Running(ops.port, process.port)


class Process(Protocol):
    """What a role consists of: something to start and stop once."""

    async def start(self) -> None:
        """Begin to work."""

    async def stop(self) -> None:
        """End what is under way, within the bounds of its settings."""


@asynccontextmanager
async def running(process: Process, ops: OpsServer, draining: asyncio.Event) -> AsyncIterator[None]:
    """Run a process with its ops address; on the way out it is first seen to be draining."""
    await process.start()
    try:
        await ops.start()
        yield
    finally:
        draining.set()
        await process.stop()
        await ops.stop()


def ops_server(
    pool: Pool,
    settings: Settings,
    role: str,
    beat_age_s: Callable[[], float] | None,
    draining: asyncio.Event,
    *,
    more: Callable[[], Sequence[Check]] = tuple,
) -> OpsServer:
    """Build the ops address of a process."""
    return OpsServer(
        pool,
        settings,
        role,
        beat_age_s=beat_age_s,
        draining=draining,
        waterfalls=usable_waterfalls(settings).values(),
        more=more,
    )


def _resolver(settings: Settings) -> Resolver:
    return Resolver(settings.dns.servers, timeout_s=settings.dns.timeout_s)


def egress_policy(settings: Settings) -> EgressPolicy:
    """Return what may be dialled.

    Raises:
        ValueError: an entry cannot be read; the message names setting and entry.
    """
    return EgressPolicy.parse(
        settings.egress.allow, deny=settings.egress.deny, own_url=settings.public_url
    )


def secret_box(settings: Settings) -> SecretBox:
    """Return what opens and seals stored secrets.

    Raises:
        ValueError: LEADFALL_SECRET_KEYS holds no usable key.
    """
    return SecretBox([key.get_secret_value() for key in settings.secret_keys])
