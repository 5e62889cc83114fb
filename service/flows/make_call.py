"""Makes one call: the only place where a vendor is asked again, and the rules for it."""

import asyncio
import math
import random
import time
from dataclasses import dataclass
from typing import Final

from service.flows.ask_provider import Asked, Certainty, ProviderDesk
from service.flows.planned_call import PATIENCE_S, PUT_OFF_S_MAX, PlannedCall
from service.flows.provider_gate import Gate, GateShut, LineTooLong
from service.flows.recorder import Recorder
from service.store.calls import Grant, withdraw_intents, write_wishes
from service.store.connection import Pool
from service.store.transient import until_done

# The pause before the vendor is asked again, in the vendor's time; it doubles each time.
_PAUSE_S_MIN: Final = 0.5
_PAUSE_S_MAX: Final = 8.0
# One that a greylist or a busy mail host puts off, in the mail hosts' time.
GREYLIST_PATIENCE_S: Final = 900.0
_DEADLINE_S_MIN: Final = 0.05
_WITHDRAWAL_PATIENCE_S: Final = 30.0
# Whether a shut gate is waited for or passed over is decided by the next look at the step, which
# comes so soon.
_LOOK_AGAIN_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Refused:
    """The call may not be made now; the grant says why."""

    grant: Grant


@dataclass(frozen=True, slots=True)
class Postponed:
    """Nobody took it; it is worth another try after `wait_s` seconds."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class OutOfTime:
    """The lead's deadline passed in line at the gate; nobody took the call."""


@dataclass(slots=True)
class _Asking:
    """How far one call has come.

    Attributes:
        ask: the how-manieth time it is, `granted` the last for which an intent stands.
        may_be_taken: whether an earlier request may have been.
        is_running: the vendor has said that it works on this ask, which thus stays on record.
        age_s: for how long it had been wished for before.
        waited_s: for how long it stood in line at the gate, which is nobody's deadline.
    """

    ask: int
    began_at: float
    age_s: float
    pause_s: float
    granted: int = 0
    may_be_taken: bool = False
    is_running: bool = False
    waited_s: float = 0.0

    @property
    def wished_s(self) -> float:
        """Return for how many seconds it has been wished for in all."""
        return self.age_s + time.monotonic() - self.began_at

    @property
    def spent_s(self) -> float:
        """Return the seconds since it began, without those in line."""
        return time.monotonic() - self.began_at - self.waited_s


class CallMaker:
    """Makes calls for one process.

    The deadline is for the vendor: however long the line at the gate, as much of it is left. A
    request that certainly was not taken is repeated within it, as long as the provider's retry
    budget lasts, and then put off, until the vendor has answered nobody for `patience_s`. One that
    is wanted again later is put off at once, for as long in all as a greylist may take. One that
    may have been taken is repeated only as often as the provider's policy allows; an intent is
    committed for each time.
    """

    def __init__(
        self,
        desk: ProviderDesk,
        recorder: Recorder,
        pool: Pool,
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._desk = desk
        self._patience_s = patience_s
        self._recorder = recorder
        self._pool = pool

    async def make(self, call: PlannedCall) -> Asked | Refused | Postponed | OutOfTime:
        """Make the call; what came of it is for the caller to put on record."""
        gate = self._desk.gate(
            call.provider, call.credential, call.offer.capability, call.offer.limits
        )
        scale = self._desk.time_scale
        asking = _Asking(call.ask, time.monotonic(), call.age_s, _PAUSE_S_MIN * scale)
        while True:
            asked = await self._ask_once(call, gate, asking)
            if asked == Refused(Grant.FOLLOW):
                await self._leave_line(call, asking)
            if not isinstance(asked, Asked) or asked.certainty is Certainty.ANSWERED:
                return asked
            wait_s = max(
                asking.pause_s * random.uniform(1.0, 1.5),  # noqa: S311 - jitter, no secret
                asked.again_s,
                gate.shut_for_s(),
            )
            end = await self._end(call, gate, asking, asked, wait_s)
            if end is not None:
                return end
            await asyncio.sleep(wait_s)
            asking.pause_s = min(asking.pause_s * 2, _PAUSE_S_MAX * scale)

    async def _ask_once(
        self, call: PlannedCall, gate: Gate, asking: _Asking
    ) -> Asked | Refused | Postponed | OutOfTime:
        # What may be paid for already is fetched, whatever the lead's deadline.
        line_s = math.inf if asking.may_be_taken else call.line_s
        try:
            async with gate.pass_through(call.claim.queue, line_s=line_s) as waited_s:
                asking.waited_s += waited_s
                if asking.granted != asking.ask:
                    intent = call.intent(asking.ask, gate_wait_s=waited_s)
                    grant = await self._recorder.intents.add(intent)
                    if grant is not Grant.GRANTED:
                        return Refused(grant)
                    asking.granted = asking.ask
                return await self._desk.ask(
                    call.provider,
                    call.offer,
                    call.claim.lead,
                    call.credential,
                    gate,
                    deadline_s=max(call.deadline_s - asking.spent_s, _DEADLINE_S_MIN),
                )
        except GateShut as shut:
            await self._leave_line(call, asking)
            return Postponed(min(shut.for_s, _LOOK_AGAIN_S))
        except LineTooLong:
            await self._leave_line(call, asking)
            return OutOfTime()

    async def _leave_line(self, call: PlannedCall, asking: _Asking) -> None:
        if asking.granted == asking.ask:
            await self._withdraw(call, asking)
        elif call.has_lead_deadline:
            async with self._pool.acquire() as connection:
                await write_wishes(connection, [call.wish()])

    async def _end(
        self, call: PlannedCall, gate: Gate, asking: _Asking, asked: Asked, wait_s: float
    ) -> Asked | Postponed | None:
        """Return how the call ends, or None to ask again after `wait_s` seconds."""
        certainty = call.certainty_of(asked)
        asking.is_running |= certainty is Certainty.STILL_RUNNING
        asking.may_be_taken |= asking.is_running or certainty is Certainty.UNKNOWN
        in_time = asking.spent_s + wait_s < call.deadline_s
        if certainty is Certainty.STILL_RUNNING and in_time:
            return None
        put_off_s = min(wait_s, max(asking.pause_s, _LOOK_AGAIN_S))
        match certainty:
            case Certainty.UNKNOWN if asking.ask < call.asks_max:
                if not in_time or not gate.retries.spend(time.monotonic()):
                    # How often it was asked is on record: the next claim goes on from there.
                    return Postponed(put_off_s)
                asking.ask += 1
                asking.is_running = False
                return None
            case Certainty.NOT_YET:
                is_over = asking.wished_s > GREYLIST_PATIENCE_S * self._desk.time_scale
                put_off_s = wait_s
                if not is_over:
                    await self._withdraw(call, asking)
            case Certainty.NOT_TAKEN | Certainty.TURNED_AWAY:
                if in_time and gate.retries.spend(time.monotonic()):
                    return None
                # Its own looks say nothing: others may have been answered in between.
                is_over = gate.note_put_off() > self._patience_s or asking.wished_s > PUT_OFF_S_MAX
                await self._withdraw(call, asking)
            case _:
                return asked
        return asked if is_over else Postponed(put_off_s)

    async def _withdraw(self, call: PlannedCall, asking: _Asking) -> None:
        """Note that the vendor took nothing of this ask, unless it has said that it did."""
        if asking.is_running:
            return

        async def withdraw() -> None:
            async with self._pool.acquire() as connection:
                await withdraw_intents(connection, [call.intent(asking.ask)])

        await until_done(withdraw, name="call.withdraw", patience_s=_WITHDRAWAL_PATIENCE_S)
