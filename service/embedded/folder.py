"""The data folder of one server: who owns it, and that at most one server lives on it.

Two advisory locks tell the cases apart, and the kernel drops both with their holders, so that no
left-over file can lie about a process. `owner.lock` is held by the process that started the
server; `server.lock` is inherited by the supervisor, the server and all of its children.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from service.embedded.errors import DataFolderInUseError, EmbeddedServerError

# A killed process holds what it held a moment longer.
OWNER_PATIENCE_S = 0.5
# A server whose parent died shuts down by itself within two seconds; this is far above it.
LEFTOVER_PATIENCE_S = 5.0
LOCK_POLL_S = 0.01
# Linux has it, macOS has not.
PROCESSES = Path("/proc")
# As root the server runs as somebody else and has to walk through; every file in it is private.
FOLDER_MODE = 0o711


@dataclass(slots=True)
class DataFolder:
    """A claimed data folder. Its claim ends with `release` or with this process."""

    path: Path
    _owner_lock: int

    @classmethod
    def claim(cls, path: Path) -> Self:
        """Create the folder if need be and become the one process that may run its server.

        Raises:
            DataFolderInUseError: Another living process holds the claim.
        """
        path = path.resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=FOLDER_MODE, exist_ok=True)
        try:
            lock = _open_lock(path / "owner.lock")
        except PermissionError:
            raise EmbeddedServerError(f"{path} belongs to another user") from None
        if not _wait_for_lock(lock, OWNER_PATIENCE_S):
            os.close(lock)
            raise DataFolderInUseError(
                f"{path} is in use: another running process has its server there"
            )
        return cls(path, lock)

    @property
    def log(self) -> Path:
        """The server's own log, of bounded size."""
        return self.path / "server.log"

    @property
    def id_file(self) -> Path:
        """Two lines: the process ids of the supervisor and of the server."""
        return self.path / "server.pid"

    @contextlib.contextmanager
    def lock_server(self) -> Iterator[int]:
        """Wait until nothing of an earlier server is left, then lend the lock a new one inherits.

        A left-over that does not go by itself is killed. Blocks for up to twice
        `LEFTOVER_PATIENCE_S`.
        """
        lock = _open_lock(self.path / "server.lock")
        try:
            if not _wait_for_lock(lock, LEFTOVER_PATIENCE_S):
                self._kill_leftovers()
                if not _wait_for_lock(lock, LEFTOVER_PATIENCE_S):
                    raise EmbeddedServerError(f"an earlier server on {self.path} does not end")
            yield lock
        finally:
            os.close(lock)

    def release(self) -> None:
        """Let another process claim the folder."""
        os.close(self._owner_lock)

    def _kill_leftovers(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            for line in self.id_file.read_text(encoding="ascii").split():
                if lives_in(int(line), self.path):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(line), signal.SIGKILL)


def lives_in(process_id: int, folder: Path) -> bool:
    """Tell whether a living process works in this folder or names it in its command line.

    Process ids are reused, after a restart of a container nearly always.
    """
    process = PROCESSES / str(process_id)
    if PROCESSES.exists():
        with contextlib.suppress(OSError):
            if process.joinpath("cwd").readlink().is_relative_to(folder):
                return True
        with contextlib.suppress(OSError):
            return os.fsencode(folder) in process.joinpath("cmdline").read_bytes()
        return False
    listing = subprocess.run(  # noqa: S603 - a fixed program, and a number
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(process_id)],
        capture_output=True,
        check=False,
    )
    return os.fsencode(folder) in listing.stdout


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait_for_lock(lock: int, patience_s: float) -> bool:
    give_up_at = time.monotonic() + patience_s
    while not _try_lock(lock):
        if time.monotonic() > give_up_at:
            return False
        time.sleep(LOCK_POLL_S)
    return True
