"""What crash runs happen in: a database, a sandbox, a receiver, and what recovers afterwards."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any, Final, Protocol

import asyncpg
from cryptography.fernet import Fernet
from pydantic import SecretStr

from providers.registry import all_providers
from providers.sandbox.server import Sandbox, start_sandbox
from service import app
from service.edges.secret_box import SecretBox
from service.flows.audit import audit
from service.flows.create_workspace import NewWorkspace, create_workspace
from service.settings import (
    DispatcherSettings,
    DNSSettings,
    EgressSettings,
    ProviderSettings,
    Settings,
    SMTPSettings,
    WorkerSettings,
)
from service.store.connection import open_pool
from service.store.ledger import enter_grant
from tests.faults.crash.forks import Forks
from tests.faults.crash.meter import ELSEWHERE, place_of
from tests.faults.inbox import Inbox
from tests.flows.workshop import Workshop

LEASE_S: Final = 0.3
RECOVERED_S: Final = 120.0
GRANTED: Final = 1_000
TIME_SCALE: Final = 0.005
_POOL_MAX: Final = 4
_QUIET: Final = """
select not exists (select from jobs where finished_at is null)
   and not exists (select from deliveries where state in ('due', 'sending'))
   and not exists (select from replays where state = 'running')
"""


@dataclass
class Scene:
    """One installation without its processes.

    Attributes:
        settings: of the processes that recover; those that die get the same.
        people: the number of the next person, whose name follows from it.
    """

    pool: asyncpg.Pool
    settings: Settings
    sandbox: Sandbox
    inbox: Inbox
    forks: Forks
    box: SecretBox
    people: int = 0

    async def workspace(self) -> NewWorkspace:
        """Make a workspace with credits, whose webhooks the inbox can verify."""
        made = await create_workspace(self.pool, self.box, "crash")
        self.inbox.secrets[str(made.id)] = made.webhook_secret
        async with self.pool.acquire() as connection:
            await enter_grant(connection, made.id, GRANTED, "test")
        return made

    async def leads(
        self, workspace_id: int, count: int, families: Sequence[str] = ("Ng",)
    ) -> list[int]:
        """Add people whom no other case knows, so that vendors' books tell them apart.

        Args:
            families: what they are called, in turn; `Only-Hunter` decides who knows somebody, and
                other names leave it to chance.
        """
        rows = await self.pool.fetch(
            "insert into leads (workspace_id, first_name, last_name, company_domain)"
            " select $1, 'Ada' || translate(n::text, '0123456789', 'abcdefghij'),"
            " ($4::text[])[1 + (n - $2) % cardinality($4)], 'brightwater.leadfall'"
            " from generate_series($2::bigint, $3::bigint) n returning id",
            workspace_id,
            self.people,
            self.people + count - 1,
            families,
        )
        self.people += count
        return [row["id"] for row in rows]

    def shop(self, workspace_id: int) -> Workshop:
        """Return what accepts jobs over the leads of a workspace."""
        return Workshop(self.pool, workspace_id)

    def hook(self, workspace_id: int) -> str:
        """Return the URL at which the inbox takes a workspace's webhooks."""
        return f"{self.inbox.url}/{workspace_id}"

    async def recover(self) -> list[str]:
        """Let processes that know nothing of what died bring everything to its end, and stop.

        Returns what they still waited for when it took them too long; nothing where it did not.
        """
        recovering = asyncio.create_task(self._recover())
        await asyncio.wait([recovering], timeout=RECOVERED_S)
        if recovering.done():
            await recovering
            return []
        places = {place_of(task.get_coro()) for task in asyncio.all_tasks()} - {ELSEWHERE}
        recovering.cancel()
        await asyncio.gather(recovering, return_exceptions=True)
        jobs = await self.pool.fetchval("select count(*) from jobs where finished_at is null")
        return [f"{jobs} jobs did not end in {RECOVERED_S} s; waiting in {sorted(places)}"]

    async def _recover(self) -> None:
        async with app.worker(self.settings), app.dispatcher(self.settings):
            while not await self.pool.fetchval(_QUIET):
                await asyncio.sleep(0.03)

    async def breaches(self) -> list[str]:
        """Return what `leadfall audit` finds broken."""
        report = await audit(self.pool, all_providers(), timedelta(seconds=LEASE_S))
        return [f"{each.name} {each.examples}" for each in report.checks if each.breaches]


class Watch(Protocol):
    """What is told where the flow itself begins and ends, without what leads up to it."""

    def arm(self) -> None:
        """Begin to count."""

    def disarm(self) -> None:
        """Count no more."""


class Flow(Protocol):
    """A flow that something happens to in its middle."""

    @property
    def name(self) -> str:
        """What it is called on the command line."""

    async def prepare(self, scene: Scene, random: Random) -> Any:
        """Write what it starts from and return its plan; an unseeded random is never used."""

    async def run(self, settings: Settings, plan: Any, watch: Watch) -> None:
        """Run it; the watch is armed around the flow itself."""

    async def after(self, scene: Scene, plan: Any) -> None:
        """Do what the caller does who got no answer."""

    async def broken(self, scene: Scene, plan: Any) -> Sequence[str]:
        """Return what is not as it must be once everything has recovered."""


async def warm(pool: asyncpg.Pool) -> None:
    """Connect, so that the suspensions of connecting are not counted among a flow's own."""
    async with pool.acquire():
        pass


@asynccontextmanager
async def open_scene(database_url: str, redis_url: str) -> AsyncIterator[Scene]:
    """Open a scene over a migrated database."""
    key = Fernet.generate_key().decode()
    sandbox = await start_sandbox(time_scale=TIME_SCALE)
    inbox = Inbox()
    await inbox.start()
    settings = Settings(
        database_url=SecretStr(database_url),
        database_pool_max=_POOL_MAX,
        redis_url=SecretStr(redis_url),
        secret_keys=(SecretStr(key),),
        lease_s=LEASE_S,
        vendor_time_scale=TIME_SCALE,
        providers={
            slug: ProviderSettings(api_key=SecretStr("sandbox"), base_url=url)
            for slug, url in sandbox.base_urls.items()
        },
        egress=EgressSettings(allow=("127.0.0.0/8",)),
        dns=DNSSettings(servers=("{}:{}".format(*sandbox.dns_address),), timeout_s=1),
        smtp=SMTPSettings(port=sandbox.smtp_port, host_interval_s=0, step_timeout_s=2),
        worker=WorkerSettings(
            concurrency=8, flush_interval_s=0.005, poll_interval_s=0.05, interrupted_wait_s=0.6
        ),
        dispatcher=DispatcherSettings(poll_interval_s=0.05, retry_schedule_s=(0.1,) * 9),
    )
    try:
        async with (
            await open_pool(database_url, size_max=_POOL_MAX, role="test") as pool,
            Forks() as forks,
        ):
            yield Scene(pool, settings, sandbox, inbox, forks, SecretBox([key]))
    finally:
        await inbox.stop()
        await sandbox.stop()
