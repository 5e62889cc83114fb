"""A name for a user whom the system's list of users lacks, as containers often run us."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from service.embedded.account import UNPRIVILEGED_USER
from service.embedded.errors import EmbeddedServerError

TRIAL_TIMEOUT_S = 5.0


def has_name() -> bool:
    """Tell whether the system's list of users has us."""
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return True


def under_a_name(program: Path, arguments: list[str]) -> tuple[Path, list[str]]:
    """Return the program and arguments that run `program` as a user who has a name. Blocks.

    In a user namespace of its own the program sees us as another user; what it writes still
    belongs to us.

    Raises:
        EmbeddedServerError: The system does not allow it.
    """
    unshare = shutil.which("unshare")
    try:
        named_id = pwd.getpwnam(UNPRIVILEGED_USER).pw_uid
    except KeyError:
        raise _no_name() from None
    if unshare is None:
        raise _no_name()
    options = ["--user", f"--map-user={named_id}", "--"]
    trial = subprocess.run(  # noqa: S603 - the system's own program, nothing from outside
        [unshare, *options, "true"], check=False, capture_output=True, timeout=TRIAL_TIMEOUT_S
    )
    if trial.returncode != 0:
        raise _no_name()
    return Path(unshare), [*options, str(program), *arguments]


def _no_name() -> EmbeddedServerError:
    return EmbeddedServerError(
        f"initdb needs a name for user id {os.geteuid()}; the system's list of users has none, "
        "and user namespaces, which would lend one, are not allowed here: add the user, run as "
        "another, or set LEADFALL_DATABASE_URL"
    )
