"""The embedded servers and the system's users: who owns what, and nobody's permissions touched."""

import asyncio
import itertools
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from service.embedded import start_postgres, start_valkey
from service.embedded.account import Account, choose_account
from service.embedded.child import Child, Order
from service.embedded.folder import DataFolder
from service.embedded.home import elsewhere_for
from tests.store.embedded_servers import DEADLINE_S, KILL, PARENT, ask, told

# As root in a container that was given no power over other users' files.
WITHOUT_CAPABILITIES = """
import ctypes, os, sys
for capability in (1, 2, 3):
    getattr(ctypes.CDLL(None), "prctl", lambda *_: 0)(24, capability, 0, 0, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.fixture
def private_dir(tmp_path: Path) -> Path:
    """A folder that only its owner may walk through."""
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    return folder


def modes_above(path: Path) -> dict[Path, int]:
    return {folder: stat.S_IMODE(folder.stat().st_mode) for folder in path.parents}


async def test_no_permission_of_a_parent_folder_changes(private_dir: Path) -> None:
    """Below a private folder the servers work, and it stays private."""
    data_dir = private_dir / "deep" / "postgres"
    data_dir.parent.mkdir()
    before = modes_above(data_dir)
    async with (
        await start_postgres(data_dir, durable=False) as server,
        await start_valkey(data_dir.with_name("valkey")),
    ):
        assert await ask(server.url, "select 1") == "1"
    assert before == modes_above(data_dir)


async def test_passwords_and_log_are_for_their_owner_only(tmp_path: Path) -> None:
    async with await start_postgres(tmp_path / "postgres", durable=False):
        pass
    private = ["admin.password", "leadfall.password", "server.log"]
    assert [stat.S_IMODE((tmp_path / "postgres" / name).stat().st_mode) for name in private] == [
        0o600
    ] * 3


@pytest.fixture
def plain_account(private_dir: Path) -> Account:
    """Who is not root: the user servers get from root, else whoever runs the tests."""
    return choose_account(private_dir / "none") or Account(os.geteuid(), os.getegid())


async def test_any_user_can_start_them(
    private_dir: Path, plain_account: Account, pytestconfig: pytest.Config
) -> None:
    """Run by a user who is not root, they are that user's, the log and the locks included."""
    work = private_dir / "work"
    work.mkdir(mode=0o700)
    os.chown(work, plain_account.user_id, plain_account.group_id)
    account = choose_account(private_dir / "none")
    await run_parent(private_dir, work, pytestconfig.rootpath, account)
    assert told(work)["rows"] == 1
    owners = {path.stat().st_uid for path in work.rglob("*")}
    assert {plain_account.user_id} == owners


@pytest.fixture
def nameless_account(plain_account: Account) -> Account:
    """A user whom the system's list lacks; only root can become one."""
    known = {entry.pw_uid for entry in pwd.getpwall()}
    stranger = next(user_id for user_id in itertools.count(54_321) if user_id not in known)
    return Account(stranger, stranger) if os.geteuid() == 0 else plain_account


async def test_a_user_without_a_name_can_start_them(
    private_dir: Path, nameless_account: Account, pytestconfig: pytest.Config
) -> None:
    """As in a container that runs under a number: `initdb` asks for a name, and is lent one."""
    account = nameless_account if os.geteuid() == 0 else None
    # Not below the folder of the tests, which only their own user may walk through.
    with tempfile.TemporaryDirectory() as reachable:
        os.chown(reachable, nameless_account.user_id, nameless_account.group_id)
        await run_parent(private_dir, Path(reachable), pytestconfig.rootpath, account)
        assert told(Path(reachable))["rows"] == 1


async def run_parent(home: Path, work: Path, checkout: Path, account: Account | None) -> None:
    """Run the script `PARENT` to its end, as `account` or as ourselves."""
    folder = DataFolder.claim(home / "claimed")
    order = Order(
        program=Path(sys.executable),
        arguments=["-c", PARENT, str(work), str(checkout), "stop"],
        home=home,
        stops=KILL,
        orphan_signal=signal.SIGKILL,
        account=account,
    )
    with folder.lock_server() as lock:
        code = await asyncio.to_thread(Child.start(folder, order, lock).wait, DEADLINE_S)
    folder.release()
    assert code == 0, folder.log.read_text()


async def test_root_without_capabilities_keeps_its_data_elsewhere(
    private_dir: Path, pytestconfig: pytest.Config
) -> None:
    """Where the server's user cannot walk to the data folder, it still keeps its data."""
    command = [sys.executable, "-c", WITHOUT_CAPABILITIES, "-c", PARENT]
    command += [str(private_dir), str(pytestconfig.rootpath), "stop"]
    try:
        await asyncio.to_thread(subprocess.run, command, check=True, timeout=DEADLINE_S)
        await asyncio.to_thread(subprocess.run, command, check=True, timeout=DEADLINE_S)
        assert told(private_dir)["rows"] == 2
    finally:
        for name in ("postgres", "valkey"):
            shutil.rmtree(elsewhere_for(private_dir / name), ignore_errors=True)
