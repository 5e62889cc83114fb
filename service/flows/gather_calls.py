"""Gathers calls that wait for the same vendor and key, to be submitted in one request."""

import asyncio
import math
from collections.abc import Callable, Collection
from functools import partial
from typing import Final

from providers.contract import Batched
from service.domain.fair_queue import FairQueue, Queue
from service.flows.batching import Batcher
from service.flows.planned_call import PlannedCall
from service.flows.provider_gate import Gate
from service.flows.read_room import ReadRoom, SubmissionAim
from service.flows.submit_calls import Submitter

_GATHER_S: Final = 0.005
_SUBMITS_MAX: Final = 16
# Of those that are answered at once, which for many leads takes a vendor long.
_BATCHES_MAX: Final = 4
_LEAVING_MAX: Final = 500
# The event loop's timers may be early by this much.
_TIMER_GRAIN_S: Final = 0.005
IDLE_KEPT_MAX: Final = 64
"""So many batchers are kept also while they are idle, since they know what turns workspaces had."""

_Waiter = tuple[PlannedCall, "asyncio.Future[None]"]
_Key = tuple[str, str, str, int]


class _Waiting(FairQueue[_Waiter]):
    """Calls that wait for their submission, in turns of workspaces that have room for one.

    Attributes:
        full: workspaces that have none.
    """

    __slots__ = ("full",)

    def __init__(self) -> None:
        super().__init__(lambda waiter: waiter[0].claim.queue)
        self.full: Collection[int] = ()

    def workspaces(self) -> set[int]:
        """Return whose calls wait."""
        return {planned.claim.workspace_id for planned, _ in self}

    def take(self, count_max: int, but: Collection[Queue] = ()) -> list[_Waiter]:
        """Take the calls of one submission."""
        queues = {planned.claim.queue for planned, _ in self}
        full = {queue for queue in queues if queue[1] in self.full}
        return super().take(count_max, {*but, *full})


class Gathering:
    """Gathers for one process, for a few milliseconds or until what was submitted was read.

    Whose lead's deadline passes meanwhile is let go.

    Args:
        stopping: whether this process is to end; then no reads are waited for, and what would be
            answered at once is left to others.
    """

    def __init__(self, submitter: Submitter, *, stopping: Callable[[], bool]) -> None:
        self._submitter = submitter
        self._stopping = stopping
        self._read_room = ReadRoom(
            submitter.pool, stopping=stopping, time_scale=submitter.desk.time_scale
        )
        self._batchers: dict[_Key, Batcher[PlannedCall, None]] = {}
        self._waiting: dict[_Key, _Waiting] = {}
        self._leaving: Batcher[_Waiter, None] = Batcher(self._let_go, batch_max=_LEAVING_MAX)

    def add(self, call: PlannedCall) -> "asyncio.Future[None]":
        """Let a call wait for its submission; the future is done when its lookup is let go."""
        # Never across keys: a workspace's own key submits its own leads only. What a caller waits
        # for goes apart: a vendor takes as long for one as for the slowest that came with it.
        key = (call.provider.slug, call.offer.capability, call.credential.id, call.claim.priority)
        batcher = self._batchers.get(key)
        if batcher is None:
            self._forget_idle()
            self._waiting[key] = _Waiting()
            batcher = self._batchers[key] = self._batcher_for(call, self._waiting[key])
        future = batcher.add(call)
        gate = self._submitter.gate(call)
        gate.gathered += 1
        future.add_done_callback(partial(_leave, gate))
        if not math.isinf(call.line_s):
            timer = asyncio.get_running_loop().call_later(
                max(call.line_s, 0.0) + _TIMER_GRAIN_S, self._drop_overdue, self._waiting[key]
            )
            future.add_done_callback(lambda _: timer.cancel())
        return future

    async def stop(self) -> None:
        """End what is under way; what waits is left."""
        await asyncio.gather(*(each.stop() for each in self._batchers.values()))
        await self._leaving.stop()

    def _drop_overdue(self, waiting: _Waiting) -> None:
        for waiter in waiting.drop(lambda waiter: waiter[0].line_s <= 0):
            self._leaving.add(waiter).add_done_callback(partial(_end, waiter[1]))

    async def _let_go(self, waiters: list[_Waiter]) -> list[None]:
        await self._submitter.let_go([call for call, _ in waiters])
        return [None] * len(waiters)

    def _forget_idle(self) -> None:
        # Workspaces' own keys come and go.
        if len(self._batchers) >= IDLE_KEPT_MAX:
            self._batchers = {
                key: batcher for key, batcher in self._batchers.items() if not batcher.is_idle
            }
            self._waiting = {key: self._waiting[key] for key in self._batchers}

    def _batcher_for(self, call: PlannedCall, waiting: _Waiting) -> Batcher[PlannedCall, None]:
        # May be kept for as long as the process lives: nothing of the call itself is.
        aim = SubmissionAim(
            call.provider, call.offer, call.credential.id, priority=call.claim.priority
        )

        async def wait_for_room() -> None:
            waiting.full = await self._read_room.wait(aim, waiting.workspaces)

        return Batcher(
            self._submit,
            batch_max=call.batch_max,
            linger_s=_GATHER_S,
            before=wait_for_room,
            waiting=waiting,
            flights_max=_flights_max(call),
        )

    async def _submit(self, group: list[PlannedCall]) -> list[None]:
        if self._stopping() and isinstance(group[0].offer.shape, Batched):
            # Its answer may take longer than a process that ends has left, and would be lost.
            await self._submitter.let_go(group)
        else:
            await self._submitter.submit(group)
        return [None] * len(group)


def _leave(gate: Gate, _: "asyncio.Future[None]") -> None:
    gate.gathered -= 1


def _flights_max(call: PlannedCall) -> int:
    if isinstance(call.offer.shape, Batched):
        return _BATCHES_MAX
    # One at a time fills large batches; where they cannot be large, several go.
    return max(1, _SUBMITS_MAX // call.batch_max)


def _end(waited: "asyncio.Future[None]", _: "asyncio.Future[None]") -> None:
    if not waited.done():
        waited.set_result(None)
