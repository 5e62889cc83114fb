"""Where a server's own files lie: in the data folder, or elsewhere if it cannot get there."""

import hashlib
import stat
from pathlib import Path

from service.embedded.account import Account, can_reach, choose_account, walking_capability
from service.embedded.errors import EmbeddedServerError
from service.embedded.folder import FOLDER_MODE, DataFolder

# Unlike the folder of temporary files, this one outlives a restart of the machine.
ELSEWHERE = Path("/var/tmp")  # noqa: S108 - checked for its owner before use


def choose_home(folder: DataFolder, name: str, program: Path) -> tuple[Account | None, Path]:
    """Choose the user of a server, and the folder in which that user's folder `name` lies.

    It is the data folder itself, but for root without the capabilities to let an unprivileged
    server walk through private parent folders: then a folder of root's under `/var/tmp`.
    """
    if (folder.path / name).exists():
        return choose_account(folder.path / name), folder.path
    elsewhere = elsewhere_for(folder.path)
    account = choose_account(elsewhere / name)
    if account is None:
        return account, folder.path
    if not elsewhere.exists() and (
        can_reach(account, [folder.path / name]) or walking_capability() is not None
    ):
        return account, folder.path
    if not can_reach(account, [program]):
        raise EmbeddedServerError(
            f"as root without capabilities, the server's user cannot reach {program}: "
            "install Leadfall outside of private folders, or run it as another user"
        )
    elsewhere.mkdir(mode=FOLDER_MODE, exist_ok=True)
    status = elsewhere.lstat()
    if status.st_uid != 0 or not stat.S_ISDIR(status.st_mode):
        raise EmbeddedServerError(f"{elsewhere} should be a folder of root's and is not")
    return account, elsewhere


def elsewhere_for(data_dir: Path) -> Path:
    """Name the folder that stands for a data folder the server's user cannot reach."""
    return ELSEWHERE / f"leadfall-{hashlib.sha256(bytes(data_dir)).hexdigest()[:16]}"
