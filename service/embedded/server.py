"""What PostgreSQL and Valkey share: start on a free port, wait until ready, stop, restart."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self, TypeVar

import structlog

from service.embedded.child import Child, Order, read_log_tail
from service.embedded.errors import EmbeddedServerError
from service.embedded.folder import DataFolder
from service.embedded.port import is_free, pick_port

POLL_S = 0.01
# Another process may take a free port between our look and the server's.
START_ATTEMPTS_MAX = 5

# `fast` ends cleanly, `immediate` as a crash of the server would, `kill` by SIGKILL.
StopMode = Literal["fast", "immediate", "kill"]

Result = TypeVar("Result")

_log = structlog.get_logger()


class NotReadyError(Exception):
    """The server does not serve us yet."""


class Engine(Protocol):
    """What one kind of server knows that the other does not. It holds a claimed folder."""

    @property
    def name(self) -> str:
        """For logs and messages."""

    @property
    def ready_timeout_s(self) -> float:
        """How long a start may take."""

    @property
    def folder(self) -> DataFolder:
        """The claimed data folder."""

    def make_order(self, port: int) -> Order:
        """Say what to run; called before every start, in a thread, on a quiet folder."""

    async def greet(self, port: int) -> None:
        """Connect once and finish what a start needs.

        Raises:
            NotReadyError: Nobody answers yet, or somebody who is not our server.
        """


class EmbeddedServer:
    """A running server. It ends with `stop`, or with the process that started it."""

    def __init__(self, engine: Engine, child: Child, port: int) -> None:
        self._engine = engine
        self._child = child
        self._stopped = False
        self.port = port

    @property
    def data_dir(self) -> Path:
        """The data folder, with links resolved."""
        return self._engine.folder.path

    @property
    def pid(self) -> int:
        """The process id of the server itself."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether the server is still there."""
        return self._child.running

    async def stop(self, mode: StopMode = "fast") -> None:
        """End the server and let go of the data folder; a second call does nothing."""
        if self._stopped:
            return
        self._stopped = True
        try:
            await run_to_end(self._child.stop, mode)
        finally:
            self._engine.folder.release()
        _log.info("server.stopped", server=self._engine.name, port=self.port, mode=mode)

    async def restart(self, mode: StopMode = "immediate") -> None:
        """End the server as `mode` says and start it on the same folder, port and passwords."""
        await run_to_end(self._child.stop, mode)
        self._child = await _launch(self._engine, self.port)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()


async def start(engine: Engine, port: int) -> tuple[Child, int]:
    """Start a server on this port of loopback, or on a free one for 0; return the port as well."""
    for attempt in range(1, START_ATTEMPTS_MAX + 1):
        chosen = port or pick_port()
        try:
            return await _launch(engine, chosen), chosen
        except EmbeddedServerError:
            if port or is_free(chosen) or attempt == START_ATTEMPTS_MAX:
                raise
    raise AssertionError("the loop above returns or raises")


async def _launch(engine: Engine, port: int) -> Child:
    started_at = time.monotonic()
    child = await run_to_end(_start_child, engine, port, undo=lambda child: child.stop("kill"))
    try:
        await _wait_until_ready(engine, child, port)
    except BaseException:
        child.stop("kill")
        raise
    _log.info(
        "server.started",
        server=engine.name,
        port=port,
        pid=child.pid,
        duration_s=round(time.monotonic() - started_at, 3),
    )
    return child


def _start_child(engine: Engine, port: int) -> Child:
    with engine.folder.lock_server() as lock:
        return Child.start(engine.folder, engine.make_order(port), lock)


async def _wait_until_ready(engine: Engine, child: Child, port: int) -> None:
    give_up_at = time.monotonic() + engine.ready_timeout_s
    while True:
        try:
            await engine.greet(port)
        except NotReadyError as error:
            if not child.running:
                tail = read_log_tail(engine.folder.log)
                raise EmbeddedServerError(f"{engine.name} ended at its start: {tail}") from None
            if time.monotonic() > give_up_at:
                raise EmbeddedServerError(
                    f"{engine.name} not ready within {engine.ready_timeout_s:.0f} s: {error}"
                ) from None
            await asyncio.sleep(POLL_S)
        else:
            return


async def run_to_end(
    function: Callable[..., Result],
    *arguments: object,
    undo: Callable[[Result], None] = lambda _: None,
) -> Result:
    """Run a blocking function in a thread; if cancelled, wait for it and undo what it did.

    A thread cannot be cancelled, and a start nobody waits for would leave a server behind.
    """
    running = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        undo(await running)
        raise
