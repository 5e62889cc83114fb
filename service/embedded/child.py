"""A server process as our supervised child: started, stopped, and gone when we are gone.

Between us and the server stands a small supervisor (`supervisor.py`). It notices our death by the
end of a pipe, on every platform and whichever thread of ours started it, and ends the server.
"""

import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from service.embedded.account import Account, can_reach, walking_capability
from service.embedded.errors import EmbeddedServerError
from service.embedded.folder import DataFolder

SPAWN_TIMEOUT_S = 10.0
# Above the sum of every stop plan's patience.
STOP_TIMEOUT_S = 30.0
LOG_BYTES_MAX = 4 * 1024 * 1024
LOG_TAIL_BYTES = 2_000
SUPERVISOR = Path(__file__).with_name("supervisor.py")

# Signals in order, each with the seconds it is given before the next.
StopPlan = Sequence[tuple[signal.Signals, float]]


@dataclass(frozen=True, slots=True)
class Order:
    """What to run and how to end it.

    Attributes:
        program: The executable.
        arguments: Its arguments; visible to every user of the machine, so no secrets.
        home: Its working folder: the data folder, or what stands for it.
        stops: Plans by mode; `orphaned` is followed when this process dies.
        orphan_signal: What the kernel sends should the supervisor itself be killed (Linux).
        account: The user to change to, or None.
        standard_input: Text handed to the server's standard input.
    """

    program: Path
    arguments: Sequence[str]
    home: Path
    stops: Mapping[str, StopPlan]
    orphan_signal: signal.Signals
    account: Account | None = None
    standard_input: str = field(default="", repr=False)


class Child:
    """One running server and its supervisor. All methods block; none needs an event loop."""

    def __init__(self, folder: DataFolder, supervisor: subprocess.Popen[bytes], pid: int) -> None:
        self._folder = folder
        self._supervisor = supervisor
        self.pid = pid

    @classmethod
    def start(cls, folder: DataFolder, order: Order, lock: int) -> "Child":
        """Start a server on a claimed folder; it and its children inherit the folder's lock."""
        supervisor = subprocess.Popen(  # noqa: S603 - our own interpreter and file
            # The folder is named for whoever reads a process list, `lives_in` among them.
            [sys.executable, "-I", "-S", str(SUPERVISOR), str(folder.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder.path,
            pass_fds=[lock],
            bufsize=0,
            # The interrupt key of a terminal is for us; the server ends when we say so.
            start_new_session=True,
        )
        child = cls(folder, supervisor, pid=0)
        try:
            child._send(json.dumps(_describe(folder, order, lock)))
            child.pid = child._read_process_id()
        except BaseException:
            child._abandon()
            raise
        return child

    @property
    def running(self) -> bool:
        """Whether the server is still there."""
        return self._supervisor.poll() is None

    def wait(self, timeout_s: float) -> int:
        """Wait for the server to end by itself; return its exit code."""
        try:
            return self._supervisor.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.stop("kill")
            raise EmbeddedServerError(f"no end of {self._folder.path} in {timeout_s} s") from None
        finally:
            self._close_pipes()

    def stop(self, mode: str) -> None:
        """End the server by one of its stop plans; return once it and its supervisor are gone."""
        if self.running:
            self._send(mode)
        try:
            self._supervisor.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._abandon()
            raise EmbeddedServerError(f"the server on {self._folder.path} did not stop") from None
        self._close_pipes()

    def _send(self, line: str) -> None:
        assert self._supervisor.stdin is not None  # noqa: S101 - asked for at its start
        try:
            self._supervisor.stdin.write(line.encode() + b"\n")
        except BrokenPipeError:
            return  # It ended just now, which every caller finds out next.

    def _read_process_id(self) -> int:
        output = self._supervisor.stdout
        assert output is not None  # noqa: S101 - asked for at its start
        poller = select.poll()  # Unlike select(2) it takes file numbers above 1,023.
        poller.register(output, select.POLLIN)
        readable = poller.poll(SPAWN_TIMEOUT_S * 1_000)
        state, _, rest = (output.readline() if readable else b"").decode().partition(" ")
        if state != "started":
            reason = rest.strip() or "its supervisor does not answer"
            raise EmbeddedServerError(f"no server started on {self._folder.path}: {reason}")
        return int(rest)

    def _abandon(self) -> None:
        self._supervisor.kill()
        self._supervisor.wait()
        self._close_pipes()

    def _close_pipes(self) -> None:
        for pipe in (self._supervisor.stdin, self._supervisor.stdout):
            if pipe is not None:
                pipe.close()


def _describe(folder: DataFolder, order: Order, lock: int) -> dict[str, object]:
    account, capability = order.account, None
    if account is not None and not can_reach(account, [order.home / "_", order.program]):
        capability = walking_capability()
    return {
        "command": [str(order.program), *order.arguments],
        "input": order.standard_input,
        "home": str(order.home),
        "environment": _environment(),
        "user_id": None if account is None else account.user_id,
        "group_id": None if account is None else account.group_id,
        "capability": capability,
        "stops": order.stops,
        "orphan_signal": order.orphan_signal,
        "kept_files": [lock],
        "log": str(folder.log),
        "log_bytes_max": LOG_BYTES_MAX,
        "id_file": str(folder.id_file),
    }


def _environment() -> dict[str, str]:
    # Nothing of the caller's: PGDATA, PGPORT and their like would change what the servers do.
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **kept}


def find_program(package: str, pattern: str) -> Path:
    """Find an executable inside an installed package without importing the package."""
    found = importlib.util.find_spec(package)
    for location in (found.submodule_search_locations or []) if found else []:
        for program in Path(location).glob(pattern):
            return program
    raise EmbeddedServerError(
        f"no program {pattern} in the package {package!r}: install leadfall[embedded], "
        "or name real servers in LEADFALL_DATABASE_URL and LEADFALL_REDIS_URL"
    )


def read_log_tail(log: Path) -> str:
    """Return the last lines of a server's log, for an error message."""
    try:
        text = log.read_bytes()[-LOG_TAIL_BYTES:]
    except FileNotFoundError:
        return "it wrote no log"
    return text.decode(errors="replace").strip()
