"""The embedded servers: data kept, nothing left behind, nobody's permissions touched."""

import asyncio
import fcntl
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio

from service.embedded import (
    DataFolderInUseError,
    EmbeddedServerError,
    start_postgres,
    start_valkey,
)
from service.embedded.account import Account, choose_account
from service.embedded.child import Child, Order
from service.embedded.folder import DataFolder, lives_in
from service.embedded.home import elsewhere_for
from service.embedded.port import LOOPBACK, PORT_MAX, PORT_MIN
from service.embedded.server import EmbeddedServer, StopMode

DEADLINE_S = 20.0
ORPHAN_DEADLINE_S = 2.0
KILL = {"kill": [(signal.SIGKILL, 0.0)], "orphaned": [(signal.SIGKILL, 0.0)]}

# Starts both servers below the folder named first, writes one row, tells where they are, and waits.
PARENT = """
import asyncio, json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import asyncpg
from service.embedded import start_postgres, start_valkey

async def main():
    postgres = await start_postgres(Path(sys.argv[1], "postgres"), durable=False)
    valkey = await start_valkey(Path(sys.argv[1], "valkey"))
    connection = await asyncpg.connect(postgres.url)
    await connection.execute("create table if not exists kept (word text)")
    await connection.execute("insert into kept values ('here')")
    rows = await connection.fetchval("select count(*) from kept")
    await connection.close()
    told = {"rows": rows, "postgres": postgres.pid, "valkey": valkey.pid,
            "ports": [postgres.port, valkey.port]}
    Path(sys.argv[1], "told.new").write_text(json.dumps(told))
    Path(sys.argv[1], "told.new").rename(Path(sys.argv[1], "told.json"))
    if sys.argv[3] == "wait":
        await asyncio.Event().wait()
    await valkey.stop()
    await postgres.stop()

import structlog
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
asyncio.run(main())
"""

# As root in a container that was given no power over other users' files.
WITHOUT_CAPABILITIES = """
import ctypes, os, sys
for capability in (1, 2, 3):
    getattr(ctypes.CDLL(None), "prctl", lambda *_: 0)(24, capability, 0, 0, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.fixture
def parent(
    tmp_path: Path, pytestconfig: pytest.Config
) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Start a process that starts both servers below `tmp_path`; killed after the test."""
    started = []

    def start() -> subprocess.Popen[bytes]:
        (tmp_path / "told.json").unlink(missing_ok=True)
        process = subprocess.Popen(  # noqa: S603 - the script above
            [sys.executable, "-c", PARENT, tmp_path, pytestconfig.rootpath, "wait"],
            stderr=subprocess.DEVNULL,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def private_dir(tmp_path: Path) -> Path:
    """A folder that only its owner may walk through."""
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    return folder


async def until(condition: Callable[[], bool], timeout_s: float = DEADLINE_S) -> None:
    give_up_at = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < give_up_at, "the condition did not come true in time"
        await asyncio.sleep(0.01)


def is_deserted(data_dir: Path) -> bool:
    """Tell whether no process of a server on this folder is left."""
    with (data_dir / "server.lock").open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def told(folder: Path) -> dict[str, object]:
    """Read what the script `PARENT` told."""
    content: dict[str, object] = json.loads((folder / "told.json").read_text())
    return content


def supervisor_of(data_dir: Path) -> int:
    return int((data_dir / "server.pid").read_text().split()[0])


def modes_above(path: Path) -> dict[Path, int]:
    return {folder: stat.S_IMODE(folder.stat().st_mode) for folder in path.parents}


async def write_row(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("create table if not exists kept (word text)")
    await connection.execute("insert into kept values ('here')")
    await connection.close()


async def count_rows(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        counted: int = await connection.fetchval("select count(*) from kept")
        return counted
    finally:
        await connection.close()


async def ask(url: str, statement: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval(statement))
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("durable", "expected"), [(True, "on on"), (False, "off on")], ids=["durable", "volatile"]
)
async def test_an_empty_folder_becomes_a_server(
    tmp_path: Path, *, durable: bool, expected: str
) -> None:
    """The durable form keeps every promise of a commit; the other one skips the disk only."""
    async with await start_postgres(tmp_path / "postgres", durable=durable) as server:
        assert expected == await ask(
            server.url,
            "select current_setting('fsync') || ' ' || current_setting('synchronous_commit')",
        )


async def test_the_service_is_no_superuser(tmp_path: Path) -> None:
    """Its role owns the database and may create others, no more; the admin URL may do all."""
    async with await start_postgres(tmp_path, durable=False) as server:
        assert (
            await ask(server.url, "select current_user || ' ' || current_database()")
            == "leadfall leadfall"
        )
        assert (
            await ask(server.url, "select rolsuper from pg_roles where rolname = current_user")
            == "False"
        )
        assert (
            await ask(
                server.admin_url, "select rolsuper from pg_roles where rolname = current_user"
            )
            == "True"
        )


async def test_only_loopback_and_only_with_the_password(tmp_path: Path) -> None:
    """Neither a wrong password nor another address of the machine is let in."""
    async with await start_postgres(tmp_path, durable=False) as server:
        assert await ask(server.url, "select current_setting('listen_addresses')") == LOOPBACK
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(
                host=LOOPBACK, port=server.port, user="leadfall", password="wrong", ssl=False
            )


async def test_valkey_keeps_nothing_and_asks_for_its_password(tmp_path: Path) -> None:
    """Its settings are those of a doorbell: nothing saved, nothing evicted, no strangers."""
    async with await start_valkey(tmp_path) as server:
        async with redis.asyncio.Redis.from_url(server.url, decode_responses=True) as client:
            assert await client.config_get("save") == {"save": ""}
            assert await client.config_get("appendonly") == {"appendonly": "no"}
            assert await client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert await client.config_get("bind") == {"bind": LOOPBACK}
        async with redis.asyncio.Redis(port=server.port) as stranger:
            with pytest.raises(redis.AuthenticationError):
                await stranger.ping()


async def test_ports_are_outside_of_the_outgoing_range(tmp_path: Path) -> None:
    """A client that retries during a restart can so never be given the server's own port."""
    async with await start_valkey(tmp_path) as server:
        assert PORT_MIN <= server.port <= PORT_MAX


async def test_data_survives_a_stop(tmp_path: Path) -> None:
    async with await start_postgres(tmp_path, durable=False) as server:
        await write_row(server.url)
    assert is_deserted(tmp_path)
    async with await start_postgres(tmp_path, durable=False) as server:
        assert await count_rows(server.url) == 1


async def test_data_survives_the_kill_of_the_server(tmp_path: Path) -> None:
    """The parent sees that its server died; a stop after that is no error."""
    async with await start_postgres(tmp_path, durable=False) as server:
        await write_row(server.url)
        os.kill(server.pid, signal.SIGKILL)
        await until(lambda: not server.running)
    async with await start_postgres(tmp_path, durable=False) as server:
        assert await count_rows(server.url) == 1


@pytest.mark.parametrize("mode", ["fast", "immediate", "kill"])
async def test_a_restart_keeps_data_and_port(tmp_path: Path, mode: StopMode) -> None:
    async with await start_postgres(tmp_path, durable=False) as server:
        await write_row(server.url)
        url, pid = server.url, server.pid
        await server.restart(mode)
        assert url == server.url
        assert pid != server.pid
        assert await count_rows(server.url) == 1


async def test_a_restarted_valkey_is_empty_at_the_same_url(tmp_path: Path) -> None:
    async with await start_valkey(tmp_path) as server:
        client = redis.asyncio.Redis.from_url(server.url)
        await client.set("word", "here")
        await client.aclose()
        await server.restart()
        async with redis.asyncio.Redis.from_url(server.url) as client:
            assert await client.dbsize() == 0


@pytest.mark.parametrize("start", [start_postgres, start_valkey])
async def test_two_starts_at_once_make_one_server(
    tmp_path: Path, start: Callable[[Path], Awaitable[EmbeddedServer]]
) -> None:
    """The other start is refused, with the folder's name."""
    outcomes = await asyncio.gather(start(tmp_path), start(tmp_path), return_exceptions=True)
    [refusal] = [each for each in outcomes if isinstance(each, DataFolderInUseError)]
    [server] = [each for each in outcomes if isinstance(each, EmbeddedServer)]
    assert str(tmp_path) in str(refusal)
    await server.stop()


async def test_another_living_parent_is_left_alone(
    tmp_path: Path, parent: Callable[[], subprocess.Popen[bytes]]
) -> None:
    """A folder in use by another process is refused, and its server goes on."""
    process = parent()
    await until((tmp_path / "told.json").exists)
    with pytest.raises(DataFolderInUseError, match="another running process"):
        await start_postgres(tmp_path / "postgres")
    assert process.poll() is None
    assert not is_deserted(tmp_path / "postgres")


async def test_servers_die_with_a_killed_parent(
    tmp_path: Path, parent: Callable[[], subprocess.Popen[bytes]]
) -> None:
    """Both are gone two seconds after a kill -9, down to the last child of theirs."""
    process = parent()
    await until((tmp_path / "told.json").exists)
    process.kill()
    await until(
        lambda: is_deserted(tmp_path / "postgres") and is_deserted(tmp_path / "valkey"),
        ORPHAN_DEADLINE_S,
    )


@pytest.mark.parametrize("name", ["postgres", "valkey"])
async def test_a_server_dies_with_its_killed_supervisor(
    tmp_path: Path, parent: Callable[[], subprocess.Popen[bytes]], name: str
) -> None:
    """What watches over the parent is watched over itself; at the latest by the next start."""
    process = parent()
    await until((tmp_path / "told.json").exists)
    os.kill(supervisor_of(tmp_path / name), signal.SIGKILL)
    process.kill()
    process.wait()
    async with await start_postgres(tmp_path / "postgres", durable=False) as server:
        assert await count_rows(server.url) == 1
    async with await start_valkey(tmp_path / "valkey"):
        assert not lives_in(int(str(told(tmp_path)[name])), tmp_path / name)


async def test_one_server_with_its_data_after_everything_was_killed(
    tmp_path: Path, parent: Callable[[], subprocess.Popen[bytes]]
) -> None:
    """The id file of the killed server is no obstacle, and nothing of it is left."""
    process = parent()
    await until((tmp_path / "told.json").exists)
    before = told(tmp_path)
    process.kill()
    process.wait()
    os.kill(supervisor_of(tmp_path / "postgres"), signal.SIGKILL)
    os.kill(int(str(before["postgres"])), signal.SIGKILL)
    again = parent()
    await until((tmp_path / "told.json").exists)
    assert again.poll() is None
    after = told(tmp_path)
    assert after["rows"] == 2
    assert not lives_in(int(str(before["postgres"])), tmp_path / "postgres" / "cluster")
    assert lives_in(int(str(after["postgres"])), tmp_path / "postgres" / "cluster")


async def test_a_start_right_after_the_kill_of_a_parent_waits_for_its_server(
    tmp_path: Path, parent: Callable[[], subprocess.Popen[bytes]]
) -> None:
    process = parent()
    await until((tmp_path / "told.json").exists)
    process.kill()
    process.wait()
    async with await start_postgres(tmp_path / "postgres", durable=False) as server:
        assert await count_rows(server.url) == 1
        assert not lives_in(int(str(told(tmp_path)["postgres"])), tmp_path / "postgres")


async def test_an_id_file_that_names_a_stranger_is_no_obstacle(tmp_path: Path) -> None:
    """Process ids are reused; ours is alive and certainly no server."""
    async with await start_postgres(tmp_path, durable=False) as server:
        await write_row(server.url)
        id_file = tmp_path / "cluster" / "postmaster.pid"
        content = id_file.read_text()
        pid = server.pid
        await server.stop("kill")
    id_file.write_text(content.replace(str(pid), str(os.getpid())))
    async with await start_postgres(tmp_path, durable=False) as server:
        assert await count_rows(server.url) == 1


async def test_a_first_start_cut_short_is_made_up_for(tmp_path: Path) -> None:
    """A cancelled start leaves no process behind, and the next one finds an orderly folder."""
    starting = asyncio.ensure_future(start_postgres(tmp_path, durable=False))
    await until((tmp_path / "server.pid").exists)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert is_deserted(tmp_path)
    async with await start_postgres(tmp_path, durable=False) as server:
        assert await ask(server.url, "select 1") == "1"


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
    folder = DataFolder.claim(private_dir / "claimed")
    order = Order(
        program=Path(sys.executable),
        arguments=["-c", PARENT, str(work), str(pytestconfig.rootpath), "stop"],
        home=private_dir,
        stops=KILL,
        orphan_signal=signal.SIGKILL,
        account=choose_account(private_dir / "none"),
    )
    with folder.lock_server() as lock:
        code = await asyncio.to_thread(Child.start(folder, order, lock).wait, DEADLINE_S)
    folder.release()
    assert code == 0, folder.log.read_text()
    assert told(work)["rows"] == 1
    owners = {path.stat().st_uid for path in work.rglob("*")}
    assert {plain_account.user_id} == owners


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


async def test_the_reason_of_a_failed_start_is_told(tmp_path: Path) -> None:
    """The end of the server's log is in the error, and the folder is free again."""
    async with await start_valkey(tmp_path / "first") as first:
        with pytest.raises(EmbeddedServerError, match="in use"):
            await start_valkey(tmp_path / "second", port=first.port)
    async with await start_valkey(tmp_path / "second"):
        pass


async def test_the_log_has_a_bound(tmp_path: Path) -> None:
    """A server that talks for ever fills two files and no more."""
    folder = DataFolder.claim(tmp_path / "talker")
    order = Order(
        program=Path(sys.executable),
        arguments=["-c", "print('x' * 20_000_000)"],
        home=tmp_path,
        stops=KILL,
        orphan_signal=signal.SIGKILL,
    )
    with folder.lock_server() as lock:
        code = await asyncio.to_thread(Child.start(folder, order, lock).wait, DEADLINE_S)
    folder.release()
    assert code == 0
    sizes = [path.stat().st_size for path in folder.path.glob("server.log*")]
    assert len(sizes) == 2
    assert sum(sizes) < 10_000_000
