"""Dispatchers that kill themselves at the n-th moment at which a delivery waits for something.

Run as a program: for each line of its input, a number, it forks a dispatcher that ends so, as
`kill -9` does; with 0 it lives until SIGTERM. It prints the child's process id, and after its end
how often deliveries had waited. Forking spares each of them the second that loading takes.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Generator
from types import TracebackType
from typing import Any, Final

import orjson
import uuid_utils
import uvloop

from service import app
from service.commands.stopping import stop_on_signals
from service.logs import configure_logging
from service.settings import Settings

COUNTED: Final = frozenset({
    "Dispatcher._deliver", "Batcher._run", "_claim", "_read_secrets",
})  # fmt: skip
"""The coroutines, each a task, in which a delivery is claimed, sent and completed."""


class Fate:
    """Counts suspensions and ends the process at the one that was foretold; 0 is never."""

    def __init__(self, fatal: int) -> None:
        self.count = 0
        self._fatal = fatal

    def suspend(self) -> None:
        """Count one."""
        self.count += 1
        if self.count == self._fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def create_task(
        self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any
    ) -> "asyncio.Task[Any]":
        """Make a task as the loop would; one that delivers is counted."""
        counted = getattr(coroutine, "__qualname__", "") in COUNTED
        return asyncio.Task(
            Watched(coroutine, self) if counted else coroutine, loop=loop, **options
        )


class Watched(Coroutine[Any, Any, Any]):
    """A coroutine that says whenever it is suspended."""

    def __init__(self, inner: Coroutine[Any, Any, Any], fate: Fate) -> None:
        self._inner = inner
        self._fate = fate

    def send(self, value: Any) -> Any:
        """Go on until the next suspension."""
        waited_for = self._inner.send(value)
        self._fate.suspend()
        return waited_for

    def throw(
        self,
        kind: Any,
        value: BaseException | object = None,
        traceback: TracebackType | None = None,
    ) -> Any:
        """Raise inside it and go on until the next suspension."""
        error = kind if value is None else value
        waited_for = self._inner.throw(
            error if traceback is None else error.with_traceback(traceback)
        )
        self._fate.suspend()
        return waited_for

    def close(self) -> None:
        """End it."""
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return (yield from self._inner.__await__())


async def dispatch(fate: Fate) -> None:
    """Run a dispatcher until its fate or a signal."""
    asyncio.get_running_loop().set_task_factory(fate.create_task)
    stopping = stop_on_signals()
    async with app.dispatcher(Settings()):
        await stopping.wait()


def live(fatal: int, told: int) -> None:
    """Be one dispatcher, and tell the count at the end if there is one."""
    # Two children must not draw the same ids.
    uuid_utils.reseed_rng()
    fate = Fate(fatal)
    uvloop.run(dispatch(fate))
    os.write(told, str(fate.count).encode())


def main() -> None:
    """Fork a dispatcher for each number."""
    configure_logging("json")
    _say({"ready": True})
    for line in sys.stdin:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            live(int(line), write)
            os._exit(0)
        os.close(write)
        _say({"pid": child})
        _, status = os.waitpid(child, 0)
        count = os.read(read, 32).decode()
        os.close(read)
        _say({"killed": os.WIFSIGNALED(status), "suspensions": int(count or 0)})


def _say(facts: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(facts) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
