"""Runs flows in processes of their own that end at a given suspension.

A process that `main` runs reads orders from standard input and forks for each: what is imported
once is there in every child, so that one costs some tens of milliseconds. It holds no event loop
and no thread, which a fork would tear. `Forks` is its other end.
"""

import asyncio
import os
import pickle
import random
import signal
import struct
import sys
import traceback
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn, Self

from tests.faults.crash.meter import KILLED, Meter, Moment

CHILD_S: Final = 30
_LENGTH: Final = struct.Struct("!I")
_ROOT: Final = Path(__file__).parents[3]
# Not `-m`: what it sends back would then be of a module that only it knows.
_MAIN: Final = "from tests.faults.crash.forks import main; main()"


@dataclass(frozen=True, slots=True)
class Order:
    """What a child is to run.

    Attributes:
        flow: its name in `catalogue`.
        point: the suspension at which it ends, from 1; None runs to the end.
        plan: what the flow's own preparation gave.
    """

    flow: str
    plan: Any
    facts: Any
    point: int | None = None
    moment: Moment = Moment.ASKED
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """How a child ended.

    Attributes:
        count: suspensions it came to.
        place: where it was ended; None when it came to its own end.
        places: every place of ours it was suspended at.
        error: the traceback of a flow that failed by itself.
    """

    count: int
    place: str | None = None
    places: dict[str, int] = field(default_factory=dict)
    error: str | None = None


class Forks:
    """The process that forks; a context manager, one order at a time."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Start it."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _MAIN, stdin=PIPE, stdout=PIPE, cwd=_ROOT
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """End it; a child under way ends by its alarm."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()

    async def run(self, order: Order) -> Report:
        """Run one order and return how it ended, when nothing of the child is left."""
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise RuntimeError("the process that forks is not there")
        async with self._turn:
            payload = pickle.dumps(order)
            process.stdin.write(_LENGTH.pack(len(payload)) + payload)
            await process.stdin.drain()
            (length,) = _LENGTH.unpack(await process.stdout.readexactly(_LENGTH.size))
            report: Report = pickle.loads(await process.stdout.readexactly(length))  # noqa: S301 - our own child's
        return report


def serve(orders: BinaryIO, reports: BinaryIO) -> None:
    """Fork for each order until there are no more."""
    while header := orders.read(_LENGTH.size):
        payload = orders.read(*_LENGTH.unpack(header))
        report = pickle.dumps(_fork(payload))
        reports.write(_LENGTH.pack(len(report)) + report)
        reports.flush()


def _fork(payload: bytes) -> Report:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _live(payload, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    if told:
        report: Report = pickle.loads(told)  # noqa: S301 - our own child's
        return report
    return Report(0, error=f"the child ended by itself with status {status}")


def _live(payload: bytes, writing: int) -> NoReturn:
    """Be the child."""
    signal.alarm(CHILD_S)
    # Logs go nowhere; the pipe of reports must not be mistaken for their place.
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)

    def die(meter: Meter, place: str) -> NoReturn:
        os.write(writing, pickle.dumps(Report(meter.count, place)))
        os._exit(KILLED)

    try:
        order: Order = pickle.loads(payload)  # noqa: S301 - our own parent's
        random.seed(order.seed)
        meter = Meter(order.point, order.moment, die)
        # The standard loop hands bytes to the kernel when they are written, not a turn later, so
        # that at each suspension what was asked for is on its way.
        with asyncio.Runner(loop_factory=lambda: _loop(meter)) as runner:
            runner.run(_run(order, meter))
        report = Report(meter.count, places=dict(meter.places))
    except BaseException:  # noqa: BLE001 - the edge of a process
        report = Report(0, error=traceback.format_exc())
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(pickle.dumps(report))
    os._exit(0)


def _loop(meter: Meter) -> asyncio.AbstractEventLoop:
    loop = asyncio.SelectorEventLoop()
    loop.set_task_factory(meter.task)
    return loop


async def _run(order: Order, meter: Meter) -> None:
    from tests.faults.crash.catalogue import FLOWS

    await FLOWS[order.flow].run(order.facts, order.plan, meter)


def main() -> None:
    """Import what children need, then serve."""
    import tests.faults.crash.catalogue  # noqa: F401 - imported once, for all children

    serve(sys.stdin.buffer, sys.stdout.buffer)
