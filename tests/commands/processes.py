"""Runs `leadfall` as its users do: as a process, with an environment and two output streams."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "service")
NOWHERE = Path(os.devnull)
PATIENCE_S = 45.0


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that has ended."""

    code: int
    output: str
    errors: str

    @property
    def json(self) -> Any:
        """The one line of JSON on standard output, which must hold nothing else."""
        assert self.output.count("\n") == 1, (self.output, self.errors)
        return json.loads(self.output)


def environment(given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return our own environment with no settings but the given ones."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEADFALL_")}
    return {**kept, **(given or {})}


def find_free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def run(*arguments: str, settings: Mapping[str, str] | None = None) -> Finished:
    """Run a `leadfall` command to its end."""
    return await run_program(*COMMAND, *arguments, settings=settings)


async def run_program(
    *command: str, settings: Mapping[str, str] | None = None, folder: Path = ROOT
) -> Finished:
    """Run any program to its end."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=environment(settings),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE_S):
        output, errors = await process.communicate()
    assert process.returncode is not None
    return Finished(process.returncode, output.decode(), errors.decode())


@dataclass(frozen=True, slots=True)
class Started:
    """A command that runs until it is told to stop, and the first line it printed."""

    process: asyncio.subprocess.Process
    told: dict[str, Any]

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()


@asynccontextmanager
async def start(
    *arguments: str, settings: Mapping[str, str] | None = None, log: Path = NOWHERE
) -> AsyncIterator[Started]:
    """Start a command with `--json` and wait for its line; `log` gets its standard error."""
    command = (*COMMAND, *arguments, "--json")
    async with start_program(*command, settings=settings, log=log) as process:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            line = await process.stdout.readline()
        yield Started(process, json.loads(line))


@asynccontextmanager
async def start_program(
    *command: str, settings: Mapping[str, str] | None = None, log: Path = NOWHERE
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start any program; kill it if it is there at the end."""
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=ROOT,
            env=environment(settings),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


@dataclass(frozen=True, slots=True)
class Dev:
    """A running `leadfall dev` that several tests share."""

    process: "subprocess.Popen[bytes]"
    told: dict[str, Any]


def start_dev(data_dir: Path) -> Dev:
    """Start `leadfall dev` without an event loop of ours, for fixtures that outlive tests."""
    process = subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, "dev", "--json", "--port", str(find_free_port()), "--data-dir", str(data_dir)],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    return Dev(process, json.loads(process.stdout.readline()))


def stop_dev(dev: Dev) -> None:
    """Stop it and wait until it is gone."""
    assert dev.process.stdout is not None
    dev.process.terminate()
    dev.process.wait(PATIENCE_S)
    dev.process.stdout.close()
