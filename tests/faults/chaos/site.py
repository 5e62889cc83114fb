"""The installation that chaos strikes: servers, an API, our other processes in twos, receivers."""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import asyncpg

from providers.sandbox.server import Sandbox, start_sandbox
from service.store.connection import Pool
from tests.faults.fleet import TIME_SCALE, Fleet, Tenant, launch
from tests.faults.inbox import Inbox

PROCESSES: Final = ("api", "worker-1", "worker-2", "dispatcher-1", "dispatcher-2")
TENANTS: Final = 3
GRANTED: Final = 100_000_000
_PATIENCE_S: Final = 60.0
_PAUSE_S: Final = 0.1
_SETTINGS: Final = {
    # So few that a blow at the pools really takes them all.
    "DATABASE_POOL_MAX": "2",
    "LIMITS__REQUESTS_PER_MINUTE": "1000000",
    "DISPATCHER__RETRY_SCHEDULE_S": "0.5,1,1.5,2,3,4,5,6,8",
    "DISPATCHER__DEADLINE_S": "3",
    "DISPATCHER__POLL_INTERVAL_S": "0.2",
}

T = TypeVar("T")

# What a database that is restarted, full or locked answers meanwhile.
AWAY: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


class TargetAway(Exception):  # noqa: N818 - no error: another strike was there first
    """What was to be struck is away already."""


@dataclass
class Site:
    """Everything there is.

    Attributes:
        lease_s: of every process.
        ended: processes that ended by themselves, which none should.
        open_lookups: as last counted.
    """

    fleet: Fleet
    sandbox: Sandbox
    inbox: Inbox
    pool: Pool
    lease_s: float
    tenants: list[Tenant] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    open_lookups: int = 0
    _turns: dict[str, asyncio.Lock] = field(default_factory=dict)

    def turn(self, name: str) -> asyncio.Lock:
        """Return what keeps two faults from the same thing at once."""
        return self._turns.setdefault(name, asyncio.Lock())

    async def kill(self, name: str) -> None:
        """End a process and start it anew, as often as the start fails, as a supervisor does.

        Raises:
            TargetAway: it had ended by itself, which `watch` sees to.
        """
        async with self.turn(name):
            self._require(name)
            await self._end(name)
            await self._start(name)

    async def pause(self, name: str, span_s: float) -> None:
        """Stop a process for longer than its lease, then let it go on.

        Raises:
            TargetAway: it had ended by itself, which `watch` sees to.
        """
        async with self.turn(name):
            process = self._require(name)
            process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(2 * self.lease_s + span_s)
            process.send_signal(signal.SIGCONT)

    async def watch(self) -> None:
        """Start again what ended by itself, and remember that it did."""
        while True:
            await asyncio.sleep(0.2)
            for name in PROCESSES:
                if self.turn(name).locked():
                    continue
                async with self.turn(name):
                    if self.fleet.processes[name].returncode is not None:
                        self.ended.append(name)
                        await self._end(name)
                        await self._start(name)

    async def count(self) -> None:
        """Keep counting the lookups that are open."""
        while True:
            with contextlib.suppress(*AWAY):
                self.open_lookups = await self.pool.fetchval(
                    "select coalesce(sum(open_count), 0) from jobs where finished_at is null"
                )
            await asyncio.sleep(0.5)

    def _require(self, name: str) -> Process:
        process = self.fleet.processes[name]
        if process.returncode is not None:
            raise TargetAway(name)
        return process

    async def _end(self, name: str) -> None:
        process = self.fleet.processes.pop(name, None)
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    async def _start(self, name: str) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                try:
                    await self.fleet.start(name)
                except (RuntimeError, TimeoutError):
                    await self._end(name)
                    await asyncio.sleep(_PAUSE_S)
                else:
                    return


async def patiently(step: Callable[[], Awaitable[T]]) -> T:
    """Repeat a step of the test's own until the database answers."""
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            try:
                return await step()
            except AWAY:
                await asyncio.sleep(_PAUSE_S)


@asynccontextmanager
async def open_site(folder: Path, lease_s: float) -> AsyncIterator[Site]:
    """Start everything, with tenants whose webhooks the inbox verifies."""
    sandbox = await start_sandbox(time_scale=TIME_SCALE)
    inbox = Inbox()
    await inbox.start()
    fleet = await launch(folder, roles=(), sandbox=sandbox, lease_s=lease_s)
    fleet.environment |= {f"LEADFALL_{name}": text for name, text in _SETTINGS.items()}
    try:
        for name in PROCESSES:
            await fleet.start(name)
        async with await fleet.pool() as pool:
            site = Site(fleet, sandbox, inbox, pool, lease_s)
            for _ in range(TENANTS):
                tenant = await fleet.tenant(credits_granted=GRANTED)
                site.tenants.append(tenant)
                workspace = tenant.workspace
                for name in (f"{workspace.id}", f"{workspace.id}-all"):
                    inbox.secrets[name] = workspace.webhook_secret
                await _add_endpoint(pool, workspace.id, f"{inbox.url}/{workspace.id}-all")
            yield site
    finally:
        for process in fleet.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)
        await fleet.stop()
        await inbox.stop()
        await sandbox.stop()


async def _add_endpoint(pool: Pool, workspace_id: int, url: str) -> None:
    """Write an endpoint that gets every event of the workspace."""
    await pool.execute(
        "insert into endpoints (workspace_id, name, url, host, port, event_types)"
        " values ($1, 'all', $2, '127.0.0.1', $3, '{*}')",
        workspace_id,
        url,
        int(url.split("/")[2].rpartition(":")[2]),
    )
