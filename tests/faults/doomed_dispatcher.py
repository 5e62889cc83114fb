"""Dispatchers that kill themselves where they are told, when a delivery waits for something there.

Run as a program: for each line of its input it forks a dispatcher. A line names a place, as JSON,
and at which visit to it the dispatcher ends, as `kill -9` does; without a place it lives until
SIGTERM. It prints the child's process id, and after its end where deliveries waited, in order.
Forking spares each of them the second that loading takes.
"""

import asyncio
import gc
import inspect
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
    """Notes where deliveries wait and ends the process at the visit that was foretold.

    Args:
        place: None is nowhere.
        visit: which visit to the place is the last, from 1.
    """

    def __init__(self, place: str | None, visit: int) -> None:
        self.places: list[str] = []
        self._place = place
        self._visits_left = visit

    def suspend(self, coroutine: Any) -> None:
        """Note where it waits."""
        place = place_of(coroutine)
        self.places.append(place)
        if place == self._place:
            self._visits_left -= 1
            if self._visits_left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def create_task(
        self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any
    ) -> "asyncio.Task[Any]":
        """Make a task as the loop would; one that delivers is counted."""
        counted = getattr(coroutine, "__qualname__", "") in COUNTED
        return asyncio.Task(
            Watched(coroutine, self) if counted else coroutine, loop=loop, **options
        )


def place_of(coroutine: Any) -> str:
    """Return where it waits: our own innermost line, and what is called below it."""
    ours, below = "", ""
    waiting = coroutine
    while waiting is not None:
        frame = getattr(waiting, "cr_frame", None) or getattr(waiting, "gi_frame", None)
        if frame is not None:
            code = frame.f_code
            if f"{os.sep}service{os.sep}" in code.co_filename:
                ours, below = f"{code.co_qualname}:{frame.f_lineno}", ""
            else:
                below = f" {code.co_qualname}:{frame.f_lineno}"
            waiting = getattr(waiting, "cr_await", None) or getattr(waiting, "gi_yieldfrom", None)
        elif type(waiting).__name__ == "coroutine_wrapper":
            # What `__await__` of a coroutine gives shows nothing of what it wraps.
            waiting = next(filter(inspect.iscoroutine, gc.get_referents(waiting)), None)
        else:
            break
    return ours + below


class Watched(Coroutine[Any, Any, Any]):
    """A coroutine that says whenever it is suspended."""

    def __init__(self, inner: Coroutine[Any, Any, Any], fate: Fate) -> None:
        self._inner = inner
        self._fate = fate

    def send(self, value: Any) -> Any:
        """Go on until the next suspension."""
        waited_for = self._inner.send(value)
        self._fate.suspend(self._inner)
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
        self._fate.suspend(self._inner)
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


def live(fate: Fate, told: int) -> None:
    """Be one dispatcher, and tell where deliveries waited if it comes to its end."""
    # Two children must not draw the same ids.
    uuid_utils.reseed_rng()
    uvloop.run(dispatch(fate))
    with os.fdopen(told, "wb") as pipe:
        pipe.write(orjson.dumps(fate.places))


def main() -> None:
    """Fork a dispatcher for each line."""
    configure_logging("json")
    _say({"ready": True})
    for line in sys.stdin:
        fate = Fate(**orjson.loads(line))
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            live(fate, write)
            os._exit(0)
        os.close(write)
        _say({"pid": child})
        with os.fdopen(read, "rb") as pipe:
            places = pipe.read()
        _, status = os.waitpid(child, 0)
        _say({"killed": os.WIFSIGNALED(status), "places": orjson.loads(places or b"[]")})


def _say(facts: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(facts) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
