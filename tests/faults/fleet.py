"""Every process of ours, each for itself, over servers that can be broken while they work."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import orjson
from cryptography.fernet import Fernet

from providers.sandbox.server import Sandbox
from service.domain.kinds import Face
from service.edges.secret_box import SecretBox
from service.embedded import EmbeddedPostgres, EmbeddedValkey, start_postgres, start_valkey
from service.flows.create_list import create_list
from service.flows.create_workspace import NewWorkspace, create_workspace
from service.flows.manage_keys import create_api_key
from service.store.connection import Pool, open_pool
from service.store.ledger import enter_grant
from service.store.migrations import migrate

LEASE_S = 1.0
TIME_SCALE = 0.01
START_S = 30.0
ROLES = ("api", "worker", "dispatcher")


@dataclass
class Tenant:
    """A workspace with a key, credits, a list for a big job and one for small jobs."""

    workspace: NewWorkspace
    seleqt_key: str
    list_id: int
    small_list_id: int


@dataclass
class Fleet:
    """The processes of one installation, and the sandbox they call.

    Attributes:
        environment: the settings every process gets.
        modules: what is run for a role instead of the role of the command.
    """

    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey
    sandbox: Process | None
    sandbox_facts: dict[str, Any]
    environment: dict[str, str]
    log_dir: Path
    processes: dict[str, Process] = field(default_factory=dict)
    base_url: str = ""
    modules: dict[str, str] = field(default_factory=dict)

    async def start(self, name: str) -> None:
        """Start a role and wait until it says that it is there.

        Args:
            name: the role, with a dash and a number behind it where there are several of one.
        """
        role = name.partition("-")[0]
        with (self.log_dir / f"{name}.{len(list(self.log_dir.iterdir()))}").open("wb") as log:
            program = [self.modules[role]] if role in self.modules else ["service", role, "--json"]
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", *program,
                stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=log, env=self.environment,
            )  # fmt: skip
        self.processes[name] = process
        facts = await _first_line(process)
        if role == "api":
            self.base_url = facts["base_url"]
            # A caller keeps its URL over a restart.
            self.environment["LEADFALL_PORT"] = self.base_url.rpartition(":")[2]

    async def kill(self, name: str) -> None:
        """End a process as `kill -9` does, and start it anew."""
        await self.end(name)
        await self.start(name)

    async def end(self, name: str) -> None:
        """End a process as `kill -9` does."""
        process = self.processes.pop(name)
        process.kill()
        await process.wait()

    async def terminate(self, name: str) -> int:
        """Ask a process to stop and return its exit code."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(process.wait(), START_S)

    async def books(self) -> list[dict[str, Any]]:
        """Return every row of the sandbox's books."""
        rows: list[dict[str, Any]] = []
        async with aiohttp.ClientSession() as session:
            while True:
                url = f"{self.sandbox_facts['http_url']}/_books"
                query = {"after": str(rows[-1]["sequence"] if rows else -1), "limit": "1000"}
                async with session.get(url, params=query) as answer:
                    page = (await answer.json())["entries"]
                if not page:
                    return rows
                rows += page

    async def audit(self) -> dict[str, Any]:
        """Run `leadfall audit` and return its report."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "service", "audit", "--json",
            stdout=PIPE, stderr=PIPE, env=self.environment,
        )  # fmt: skip
        output, _ = await process.communicate()
        report: dict[str, Any] = orjson.loads(output)
        return report | {"exit_code": process.returncode}

    async def tenant(self, *, credits_granted: int) -> Tenant:
        """Make a workspace with a Seleqt key and two lists."""
        box = SecretBox([self.environment["LEADFALL_SECRET_KEYS"]])
        async with await self.pool() as pool:
            workspace = await create_workspace(pool, box, "fault test")
            _, key = await create_api_key(pool, workspace.id, Face.SELEQT, "test")
            lists = [await create_list(pool, workspace.id, name) for name in ("big", "small")]
            async with pool.acquire() as connection:
                await enter_grant(connection, workspace.id, credits_granted, "test")
        return Tenant(workspace, key.text, *(made.id for made in lists))

    async def pool(self) -> Pool:
        """Open a pool of the test's own."""
        return await open_pool(self.postgres.url, size_max=4, role="test")

    async def stop(self) -> None:
        """End everything; harmless for what has ended already."""
        sandboxes = [] if self.sandbox is None else [self.sandbox]
        for process in (*self.processes.values(), *sandboxes):
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        await self.postgres.stop("immediate")
        await self.valkey.stop("kill")


async def launch(
    folder: Path,
    *,
    roles: Sequence[str] = ROLES,
    sandbox: Sandbox | None = None,
    sandbox_options: Sequence[str] = (),
    lease_s: float = LEASE_S,
) -> Fleet:
    """Start servers, the named processes, and a sandbox where the test has none."""
    postgres, valkey = await asyncio.gather(
        start_postgres(folder / "postgres"), start_valkey(folder / "valkey")
    )
    process = None if sandbox is not None else await _start_sandbox(sandbox_options)
    facts = await _first_line(process) if process is not None else {}
    if sandbox is not None:
        facts = sandbox.addresses.as_json()
    connection = await asyncpg.connect(postgres.url)
    await migrate(connection)
    await connection.close()
    log_dir = folder / "logs"
    log_dir.mkdir()
    environment = _environment(postgres.url, valkey.url, facts, lease_s)
    fleet = Fleet(postgres, valkey, process, facts, environment, log_dir)
    for role in roles:
        await fleet.start(role)
    return fleet


async def _start_sandbox(options: Sequence[str]) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "providers.sandbox", "--json", "--exit-with-parent",
        "--time-scale", str(TIME_SCALE), *options, stdin=PIPE, stdout=PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip


def _environment(
    database_url: str, redis_url: str, facts: dict[str, Any], lease_s: float
) -> dict[str, str]:
    host, port = facts["dns_address"]
    settings = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "PORT": "0",
        "SECRET_KEYS": Fernet.generate_key().decode(),
        "LEASE_S": str(lease_s),
        "LOG_FORMAT": "json",
        "VENDOR_TIME_SCALE": str(TIME_SCALE),
        "EGRESS__ALLOW": "127.0.0.0/8",
        "DNS__SERVERS": f"{host}:{port}",
        "DNS__TIMEOUT_S": "1",
        "SMTP__PORT": str(facts["smtp_port"]),
        "SMTP__HOST_INTERVAL_S": "0",
        "SMTP__STEP_TIMEOUT_S": "2",
        "WORKER__INTERRUPTED_WAIT_S": "3",
    }
    for slug, url in facts["base_urls"].items():
        settings[f"PROVIDERS__{slug.upper()}__API_KEY"] = "sandbox"
        settings[f"PROVIDERS__{slug.upper()}__BASE_URL"] = url
    clean = {name: text for name, text in os.environ.items() if not name.startswith("LEADFALL_")}
    return clean | {f"LEADFALL_{name}": text for name, text in settings.items()}


async def _first_line(process: Process) -> dict[str, Any]:
    if process.stdout is None:
        raise TypeError("the process has no pipe")
    line = await asyncio.wait_for(process.stdout.readline(), START_S)
    if not line:
        raise RuntimeError("the process ended before it was ready")
    facts: dict[str, Any] = orjson.loads(line)
    return facts
