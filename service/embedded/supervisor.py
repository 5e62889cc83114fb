"""Runs one server for a parent process and ends it when that parent is gone.

Started as a file by `child.py`, never imported by the service: it needs the standard library
only, so that it is up in a few milliseconds. Standard input carries one line of JSON (the order),
then one stop mode per line; its end means that the parent died. Standard output answers
`started PID` or `failed REASON`.
"""

import contextlib
import ctypes
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

# The pipe of the control line tells of a dead parent at once, except where a fork of the parent
# still holds it open; the parent's id is therefore looked at as well, this often.
PARENT_CHECK_S = 0.25
# After the server is gone, children of it may hold its output open while they die.
DRAIN_S = 1.0
READ_BYTES = 65_536

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_SET_SECUREBITS = 28
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
# Without it access(2) ignores capabilities for any user but root, and the server's own search for
# its program files fails below a private folder.
SECBIT_NO_SETUID_FIXUP = 1 << 2
CAPABILITY_VERSION_3 = 0x20080522


class _Log:
    """A file that starts afresh once it is full, keeping one older file beside it."""

    def __init__(self, path: Path, bytes_max: int) -> None:
        self._path = path
        self._bytes_max = bytes_max
        self._file = self._open()

    def write(self, text: bytes) -> None:
        # A full disk costs log lines, never the server.
        with contextlib.suppress(OSError):
            self._file.write(text)
            if self._file.tell() >= self._bytes_max:
                self._path.replace(self._path.with_name(self._path.name + ".1"))
                self._file.close()
                self._file = self._open()

    def _open(self) -> BinaryIO:
        return open(
            self._path, "ab", buffering=0, opener=lambda path, flags: os.open(path, flags, 0o600)
        )


def _become(user_id: int, group_id: int, capability: int | None) -> None:
    """Give up root for good; `capability`, if given, is all that is kept of it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if capability is not None:
        # May be refused, and is needed only where the program lies below a private folder too.
        libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
        _check(libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
    os.setgroups([])
    os.setregid(group_id, group_id)
    os.setreuid(user_id, user_id)
    if capability is not None:
        bits = 1 << capability
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        effective_permitted_inheritable = (ctypes.c_uint32 * 6)(bits, bits, bits, 0, 0, 0)
        _check(libc.capset(header, effective_permitted_inheritable))
        _check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0))


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _preparation(order: dict[str, Any]) -> Callable[[], None]:
    """Build what the forked child does just before it becomes the server."""
    supervisor_id = os.getpid()

    def prepare() -> None:
        if order["user_id"] is not None:
            _become(order["user_id"], order["group_id"], order["capability"])
        if sys.platform == "linux":
            # A change of user clears this request, so it comes last.
            libc = ctypes.CDLL(None, use_errno=True)
            _check(libc.prctl(PR_SET_PDEATHSIG, order["orphan_signal"], 0, 0, 0))
            if os.getppid() != supervisor_id:
                os._exit(1)

    return prepare


def _start(order: dict[str, Any]) -> subprocess.Popen[bytes]:
    server = subprocess.Popen(  # noqa: S603 - the order comes from our own parent
        order["command"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=order["home"],
        env=order["environment"],
        bufsize=0,
        pass_fds=order["kept_files"],
        umask=0o077,
        preexec_fn=_preparation(order),  # noqa: PLW1509 - this process has one thread
    )
    assert server.stdin is not None  # noqa: S101 - asked for above
    with contextlib.suppress(BrokenPipeError), server.stdin:
        server.stdin.write(order["input"].encode())
    return server


class _Supervision:
    """The loop around one running server: copy its output, obey the parent, outlive neither."""

    def __init__(
        self, order: dict[str, Any], parent_id: int, server: subprocess.Popen[bytes], log: _Log
    ) -> None:
        assert server.stdout is not None  # noqa: S101 - asked for at its start
        self._stops: dict[str, list[tuple[int, float]]] = order["stops"]
        self._parent_id = parent_id
        self._server = server
        self._output = server.stdout
        self._log = log
        self._plan: list[tuple[int, float]] = []
        self._next_signal_at: float | None = None
        self._orphaned = False
        self._wakeup, wakeup_write = os.pipe()
        for end in (self._wakeup, wakeup_write, self._output.fileno()):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(sys.stdin.fileno(), selectors.EVENT_READ, self._obey)
        self._selector.register(self._output, selectors.EVENT_READ, self._copy_output)
        self._selector.register(self._wakeup, selectors.EVENT_READ, self._wake)

    def run(self) -> None:
        while self._server.poll() is None:
            self._turn()
            if os.getppid() != self._parent_id:
                self._orphan()
            self._escalate()
        drained_by = time.monotonic() + DRAIN_S
        while self._output.fileno() in self._selector.get_map() and time.monotonic() < drained_by:
            self._turn()

    def stop(self, mode: str) -> None:
        self._plan = list(self._stops[mode])
        self._next_signal_at = time.monotonic()

    def _turn(self) -> None:
        patience_s = PARENT_CHECK_S
        if self._next_signal_at is not None:
            patience_s = min(patience_s, max(0.0, self._next_signal_at - time.monotonic()))
        for key, _events in self._selector.select(patience_s):
            key.data()

    def _escalate(self) -> None:
        if self._next_signal_at is None or time.monotonic() < self._next_signal_at:
            return
        number, patience_s = self._plan.pop(0)
        self._server.send_signal(number)
        self._next_signal_at = time.monotonic() + patience_s if self._plan else None

    def _obey(self) -> None:
        text = os.read(sys.stdin.fileno(), READ_BYTES)
        if text:
            self.stop(text.decode().split()[-1])
        else:
            self._selector.unregister(sys.stdin.fileno())
            self._orphan()

    def _orphan(self) -> None:
        if not self._orphaned:
            self._orphaned = True
            self.stop("orphaned")

    def _copy_output(self) -> None:
        text = self._output.read(READ_BYTES)
        if text:
            self._log.write(text)
        elif text is not None:
            self._selector.unregister(self._output)

    def _wake(self) -> None:
        os.read(self._wakeup, READ_BYTES)


def _read_order() -> dict[str, Any]:
    text = b""
    while not text.endswith(b"\n"):
        part = os.read(sys.stdin.fileno(), READ_BYTES)
        if not part:
            sys.exit(1)
        text += part
    order: dict[str, Any] = json.loads(text)
    return order


def _answer(line: str) -> None:
    # A parent that is gone shows in the control pipe, which is looked at next.
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def main() -> int:
    """Run the ordered server to its end and answer its exit code (1 after a signal)."""
    parent_id = os.getppid()
    order = _read_order()
    signal.signal(signal.SIGCHLD, lambda *_: None)
    log = _Log(Path(order["log"]), order["log_bytes_max"])
    try:
        server = _start(order)
    except (OSError, subprocess.SubprocessError) as error:
        _answer(f"failed {error}")
        return 1
    Path(order["id_file"]).write_text(f"{os.getpid()}\n{server.pid}\n", encoding="ascii")
    supervision = _Supervision(order, parent_id, server, log)
    signal.signal(signal.SIGTERM, lambda *_: supervision.stop("orphaned"))
    _answer(f"started {server.pid}")
    supervision.run()
    return server.returncode if server.returncode >= 0 else 1


if __name__ == "__main__":
    sys.exit(main())
