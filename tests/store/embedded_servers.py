"""What tests of the embedded servers share: a parent that starts both, and looks at a server."""

import asyncio
import fcntl
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg

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
