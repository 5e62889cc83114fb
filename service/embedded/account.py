"""Which user a server runs as, and whether that user can get to the files it needs."""

import os
import pwd
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from service.embedded.errors import EmbeddedServerError

# Ours when we are root and the data belongs to nobody else yet: present on every system, and no
# user is added.
UNPRIVILEGED_USER = "nobody"
# Either lets an unprivileged server walk through a private parent folder. The first is the
# smaller power; containers often come with the second only.
CAP_DAC_READ_SEARCH = 2
CAP_DAC_OVERRIDE = 1
# What it takes to hand a folder to another user, become that user, and signal its processes.
CAP_CHOWN, CAP_KILL, CAP_SETGID, CAP_SETUID = 0, 5, 6, 7

# Linux has it; on macOS root is all-powerful, but cannot lend a part of it.
PROCESS_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class Account:
    """The user and group ids a server runs with."""

    user_id: int
    group_id: int


def choose_account(data: Path) -> Account | None:
    """Name the user to change to for a server whose data lies in `data`; None to stay as we are.

    PostgreSQL refuses to run as root. Data that exists is kept with its owner.
    """
    if os.geteuid() != 0:
        return None
    if not all(map(_is_permitted, (CAP_CHOWN, CAP_KILL, CAP_SETGID, CAP_SETUID))):
        raise EmbeddedServerError(
            "PostgreSQL does not run as root, and this root may not become another user: "
            "run Leadfall as another user, or name real servers in LEADFALL_DATABASE_URL "
            "and LEADFALL_REDIS_URL"
        )
    if data.exists() and (status := data.stat()).st_uid != 0:
        return Account(status.st_uid, status.st_gid)
    try:
        entry = pwd.getpwnam(UNPRIVILEGED_USER)
    except KeyError:
        raise EmbeddedServerError(
            f"as root, the embedded servers run as the user {UNPRIVILEGED_USER!r}, "
            "and this system has no such user"
        ) from None
    return Account(entry.pw_uid, entry.pw_gid)


def can_reach(account: Account, paths: Iterable[Path]) -> bool:
    """Tell whether an account may walk to all these paths without any capability."""
    folders = {folder for path in paths for folder in path.resolve().parents}
    return all(_can_enter(account, folder) for folder in folders)


def _can_enter(account: Account, folder: Path) -> bool:
    status = folder.stat()
    if status.st_uid == account.user_id:
        return bool(status.st_mode & 0o100)
    if status.st_gid == account.group_id:
        return bool(status.st_mode & 0o010)
    return bool(status.st_mode & 0o001)


def walking_capability() -> int | None:
    """Find the smallest capability we hold that opens private parent folders (Linux only)."""
    if not PROCESS_STATUS.exists():
        return None
    return next(filter(_is_permitted, (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE)), None)


def _is_permitted(capability: int) -> bool:
    if not PROCESS_STATUS.exists():
        return True
    lines = PROCESS_STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    permitted = next(line.split()[1] for line in lines if line.startswith("CapPrm:"))
    return bool(int(permitted, 16) & 1 << capability)
