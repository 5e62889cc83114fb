"""Counts the suspensions of a process's coroutines and ends the process at one of them.

Product code knows nothing of it: the event loop's task factory wraps each coroutine, and every
`await` that really yields passes through here. The end is `os._exit`, which is to the rest of the
world what `kill -9` is: no `finally` or `except` runs, no buffer is flushed, no transaction is
rolled back by its client, and the kernel closes every socket. What was handed to the kernel before
is still sent, so a statement that was on its way is executed, and perhaps committed, by a server
that finds nobody to tell.

What it does not equal: the death of the machine, which takes what the kernel still held; a death
in the middle of a thread's work; and a death between two synchronous steps without an `await` in
between, during which nothing can leave this process but bytes that two writes hand over. For the
last, each suspension is a point twice, before and after what it waits for.
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Callable, Coroutine
from enum import StrEnum
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any, Final, NoReturn

KILLED: Final = 137
ELSEWHERE: Final = "elsewhere"
_ROOT: Final = Path(__file__).parents[3]
_OURS: Final = tuple(str(_ROOT / name) + os.sep for name in ("service", "providers"))


class Moment(StrEnum):
    """Which side of a suspension: what is awaited was just asked for, or has just come."""

    ASKED = "asked"
    ANSWERED = "answered"


class Meter:
    """Counts from `arm` on; at suspension number `point` it calls `end` with the place.

    Args:
        point: from 1; None counts only.
        end: must not return.
    """

    def __init__(
        self, point: int | None, moment: Moment, end: Callable[["Meter", str], NoReturn]
    ) -> None:
        self.count = 0
        self.places: Counter[str] = Counter()
        self._point = point
        self._moment = moment
        self._end = end
        self._armed = False
        self._doomed: _Counted | None = None

    def arm(self) -> None:
        """Begin to count."""
        self._armed = True

    def disarm(self) -> None:
        """Count no more."""
        self._armed = False

    def task(
        self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any
    ) -> asyncio.Task[Any]:
        """Make a task whose suspensions are counted; a task factory."""
        return asyncio.Task(_Counted(coroutine, self), loop=loop, **options)

    def suspended(self, counted: "_Counted") -> None:
        """Count one suspension."""
        if not self._armed:
            return
        self.count += 1
        place = place_of(counted.coroutine)
        self.places[place] += 1
        if self.count == self._point:
            if self._moment is Moment.ASKED:
                self._end(self, place)
            self._doomed = counted

    def resumed(self, counted: "_Counted") -> None:
        """End the process where this one had been suspended."""
        if self._doomed is counted:
            self._end(self, place_of(counted.coroutine))


class _Counted(Coroutine[Any, Any, Any]):
    """A coroutine that tells the meter whenever it suspends or goes on."""

    __slots__ = ("coroutine", "meter")

    def __init__(self, coroutine: Any, meter: Meter) -> None:
        self.coroutine = coroutine
        self.meter = meter

    def send(self, value: Any) -> Any:
        self.meter.resumed(self)
        given = self.coroutine.send(value)
        self.meter.suspended(self)
        return given

    def throw(
        self,
        kind: Any,
        value: BaseException | object = None,
        traceback: TracebackType | None = None,  # noqa: ARG002 - the protocol's
        /,
    ) -> Any:
        self.meter.resumed(self)
        given = self.coroutine.throw(kind if value is None else value)
        self.meter.suspended(self)
        return given

    def close(self) -> None:
        self.coroutine.close()

    def __await__(self) -> Any:
        return self.coroutine.__await__()


def place_of(coroutine: Any) -> str:
    """Return file, line and function of the innermost frame of ours that a coroutine waits in."""
    found = ELSEWHERE
    awaited = coroutine
    while awaited is not None:
        frame: FrameType | None = getattr(awaited, "cr_frame", None) or getattr(
            awaited, "gi_frame", None
        )
        if frame is not None and frame.f_code.co_filename.startswith(_OURS):
            found = _name(frame.f_code, frame.f_lineno)
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
    return found


def _name(code: CodeType, line: int) -> str:
    path = Path(code.co_filename).relative_to(_ROOT)
    function = code.co_qualname if sys.version_info >= (3, 11) else code.co_name
    return f"{path}:{line} {function}"
