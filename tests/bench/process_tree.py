"""Processes with all their threads and children: what they use, and how they are held."""

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

_NANOSECONDS: Final = 1_000_000_000
_PROC: Final = Path("/proc")


def tree_processor_s(pid: int) -> float:
    """Return the processor time that a process and its descendants, of now, have had."""
    return sum(_processor_s(each) for each in _tree(pid))


def signal_tree(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process and then to its descendants, of now."""
    # The parent first: while it is held it has no more children.
    os.kill(pid, number)
    for each in _tree(pid)[1:]:
        with suppress(ProcessLookupError):
            os.kill(each, number)


def peak_memory_bytes(pid: int) -> int:
    """Return the most memory that a process ever had at once."""
    lines = (_PROC / str(pid) / "status").read_text(encoding="ascii").splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(peak) * 1024


def _processor_s(pid: int) -> float:
    total = 0
    for thread in (_PROC / str(pid) / "task").glob("*/schedstat"):
        try:
            total += int(thread.read_text(encoding="ascii").split()[0])
        except (OSError, IndexError):
            # It has ended since.
            continue
    return total / _NANOSECONDS


def _tree(pid: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for status in _PROC.glob("[0-9]*/stat"):
        try:
            text = status.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        # The name, in brackets, may hold spaces and brackets.
        parent = int(text.rpartition(")")[2].split()[1])
        parents.setdefault(parent, []).append(int(status.parent.name))
    found = [pid]
    for each in found:
        found += parents.get(each, [])
    return found
