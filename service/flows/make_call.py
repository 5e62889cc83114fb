"""Makes one call: the only place where a vendor is asked again, and the rules for it."""

import asyncio
import random
import time
from dataclasses import dataclass
from typing import Final, assert_never

from service.flows.ask_provider import Asked, Certainty, ProviderDesk
from service.flows.planned_call import PlannedCall
from service.flows.recorder import Recorder
from service.store.calls import Grant, withdraw_intent
from service.store.connection import Pool

# The pause before the vendor is asked again, in the vendor's time; it doubles each time.
_PAUSE_S_MIN: Final = 0.5
_PAUSE_S_MAX: Final = 8.0
# A call that the vendor will not take is put off again and again for at most this long.
PATIENCE_S: Final = 900.0
_DEADLINE_S_MIN: Final = 0.05


@dataclass(frozen=True, slots=True)
class Refused:
    """The call may not be made now; the grant says why."""

    grant: Grant


@dataclass(frozen=True, slots=True)
class Postponed:
    """The vendor did not take it; it is worth another try after `wait_s` seconds."""

    wait_s: float


class CallMaker:
    """Makes calls for one process.

    A request that certainly was not taken is repeated within the call's deadline, as long as the
    provider's retry budget lasts, and then put off. One that may have been taken is repeated only
    as often as the offer's `asks_max` allows; an intent is committed for each time.
    """

    def __init__(self, desk: ProviderDesk, recorder: Recorder, pool: Pool) -> None:
        self._desk = desk
        self._recorder = recorder
        self._pool = pool

    async def make(self, call: PlannedCall, *, age_s: float) -> Asked | Refused | Postponed:
        """Make the call and record what came of it.

        Args:
            call: what to ask.
            age_s: for how long this very call has been wished for already.
        """
        gate = self._desk.gate(
            call.provider, call.credential, call.offer.capability, call.offer.limits
        )
        began_at = time.monotonic()
        ask, pause_s = call.ask, _PAUSE_S_MIN * self._desk.time_scale
        while True:
            async with gate.pass_through():
                grant = await self._recorder.intents.add(call.intent(ask))
                if grant is not Grant.GRANTED:
                    return Refused(grant)
                left_s = call.deadline_s - (time.monotonic() - began_at)
                asked = await self._desk.ask(
                    call.provider,
                    call.offer,
                    call.claim.lead,
                    call.credential,
                    deadline_s=max(left_s, _DEADLINE_S_MIN),
                )
            spent_s = time.monotonic() - began_at
            wait_s = max(pause_s * random.uniform(1.0, 1.5), gate.shut_for_s())  # noqa: S311
            in_time = spent_s + wait_s < call.deadline_s
            match asked.certainty:
                case Certainty.ANSWERED:
                    return await self._record(call, asked)
                case Certainty.UNKNOWN:
                    if ask >= call.asks_max or not in_time:
                        return await self._record(call, asked)
                    ask += 1
                case Certainty.NOT_TAKEN:
                    if not in_time or not self._desk.budget(call.provider).spend():
                        if age_s + spent_s > PATIENCE_S:
                            return await self._record(call, asked)
                        await self._withdraw(call)
                        return Postponed(wait_s)
                case other:
                    assert_never(other)
            await asyncio.sleep(wait_s)
            pause_s = min(pause_s * 2, _PAUSE_S_MAX * self._desk.time_scale)

    async def _record(self, call: PlannedCall, asked: Asked) -> Asked:
        await self._recorder.answers.add(call.answer(asked))
        return asked

    async def _withdraw(self, call: PlannedCall) -> None:
        async with self._pool.acquire() as connection:
            await withdraw_intent(connection, call.claim.lookup_id, call.step, call.claim.epoch)
