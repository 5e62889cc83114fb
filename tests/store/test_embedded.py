"""The embedded servers: data kept, one server to a folder, nothing left behind."""

import asyncio
import os
import signal
import subprocess
import sys
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
from service.embedded.child import Child, Order
from service.embedded.folder import DataFolder, lives_in
from service.embedded.port import LOOPBACK, PORT_MAX, PORT_MIN
from service.embedded.server import EmbeddedServer, StopMode
from tests.store.embedded_servers import (
    DEADLINE_S,
    KILL,
    ORPHAN_DEADLINE_S,
    PARENT,
    ask,
    count_rows,
    is_deserted,
    supervisor_of,
    told,
    until,
    write_row,
)


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
