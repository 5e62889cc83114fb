"""Runs one claimed lookup down its waterfall, step by step, until one answers or none is left."""

import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, assert_never

from providers.contract import Offer, Provider, Submitted, Throttled
from service.domain.claim import Answer, Claim, RecordedCall, Settlement
from service.domain.credits import refund_for
from service.domain.interrupted import AskOnce, GiveUp, WaitLonger, judge_interrupted
from service.domain.kinds import Capability, Kind, Target
from service.domain.outcome import (
    Found,
    NoAnswer,
    Outcome,
    OutcomeName,
    RejectedInput,
)
from service.domain.pattern_lesson import lesson_of
from service.domain.steps_taken import conclude, is_opted_out, known_outcome
from service.domain.waterfall import Step, Waterfall, accepts
from service.flows.accept_jobs import SYNC_PRIORITY
from service.flows.ask_provider import ProviderDesk
from service.flows.credentials import Credential
from service.flows.make_call import CallMaker, OutOfTime, Postponed, Refused
from service.flows.planned_call import PlannedCall, scope_of
from service.flows.provider_gate import Gate
from service.flows.recorder import Recorder
from service.flows.word_question import word_question
from service.store.calls import Grant, Note
from service.store.memory import Recalled, Remembered

# Asked of a domain, which a resolver remembers by itself. A thousand leads may share one: were they
# to wait for each other, a domain that answers nobody would be asked for one after the other.
_ABOUT_A_DOMAIN: Final = frozenset({Capability.DETECT_GATEWAY, Capability.DETECT_ESP})
# Parking a lookup for less than this costs more than it saves.
_PARK_S_MIN: Final = 0.2
# How soon a lookup looks again for the answer that another one with its question is getting.
_FOLLOW_S: Final = 0.5
# A gate that opens again this soon, in the vendor's time, is waited for even where the step says
# to skip: skipping is for a provider that is out, not for one that asks for a moment. Who asks
# for fewer requests asks for at most the minute in which it counts them.
_SHORT_SHUT_S: Final = 10.0
_SHORT_THROTTLE_S: Final = 60.0
# Retry-After counts whole seconds, however fast a sandbox's clock runs.
_SHORT_SHUT_S_MIN: Final = 5.0


@dataclass(frozen=True, slots=True)
class Parked:
    """The lookup waits without a slot; it goes on by itself after `wait_s` seconds."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class Lost:
    """Another worker has the lookup, or soon will; nothing is left to do here."""


Ended = Settlement | Parked | PlannedCall | Lost
"""A planned call is the next step's submission: it is gathered with others, the slot is free."""


OnAsk = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's settings that a run follows.

    Attributes:
        gate_patience_s: for how long a vendor that is shut off and answers nobody is waited for.
        credit_costs: what one credit of each vendor costs, in the unit of `cost_max`.
        memory_days: for how long an answer is remembered, by outcome; empty for not at all.
    """

    lease: timedelta
    interrupted_wait_s: float
    gate_patience_s: float
    reclaim_count_max: int
    refund_percent: Mapping[Kind, int]
    credit_costs: Mapping[str, float] = field(default_factory=dict)
    memory_days: Mapping[OutcomeName, float] = field(default_factory=dict)


class _Stop(Exception):  # noqa: N818 - carries an end out of a step, it is no error
    """The run ends here, whatever steps are left."""

    def __init__(self, ended: Ended) -> None:
        super().__init__()
        self.ended = ended


class _PassOver(Exception):  # noqa: N818 - carries the outcome of a step that asks nobody
    """This step is not taken; the next one may be."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


@dataclass(slots=True)
class _Progress:
    """How far one run has come.

    Attributes:
        cost: what the lead has cost so far.
        began_at: when its first step began, or began to wait.
        answer: the last call's, as long as it is not on record.
    """

    cost: float
    began_at: float
    on_ask: OnAsk
    answer: Answer | None = None

    def put_off(self, call: PlannedCall, by_s: float) -> PlannedCall:
        """Return the call as if it, and its lead, had begun so much later."""
        self.began_at += by_s
        if not call.has_lead_deadline:
            return call
        return replace(
            call,
            lead_ends_at=call.lead_ends_at + by_s,
            planned_at=call.planned_at + by_s,
        )


async def _at_once() -> bool:
    return True


class WaterfallRunner:
    """Runs claims with what this process has; safe for any number of claims at once."""

    def __init__(
        self,
        desk: ProviderDesk,
        *,
        recorder: Recorder,
        calls: CallMaker,
        providers: Mapping[str, Provider],
        policy: Policy,
    ) -> None:
        self._desk = desk
        self._recorder = recorder
        self._calls = calls
        self._providers = providers
        self._policy = policy

    async def run(self, claim: Claim, waterfall: Waterfall, *, on_ask: OnAsk = _at_once) -> Ended:
        """Go on where earlier claims of this lookup ended; steps with an outcome are not repeated.

        An intent is committed before each request, and each outcome before the next step; the one
        that ends the lookup commits with its settlement.

        Args:
            on_ask: waited for before each request that is waited for; where it returns False the
                lookup is no longer ours.
        """
        if claim.reclaim_count > self._policy.reclaim_count_max:
            return self._end(claim, NoAnswer("gave_up"))
        progress = self._progress_before(claim, on_ask)
        outcomes: list[Outcome] = []
        try:
            for place, step in enumerate(waterfall.steps):
                await self._record(progress)
                outcome = await self._take_step(claim, waterfall, place, progress)
                # Whom one vendor may not speak of by law, the others are not asked about either.
                if accepts(step, outcome) or is_opted_out(outcome):
                    return self._end(claim, outcome, progress.answer)
                outcomes.append(outcome)
            return self._end(claim, conclude(claim.kind, outcomes), progress.answer)
        except _Stop as stop:
            return stop.ended
        except Exception:
            # A fault of ours ends the lookup; what was paid for stays on record all the same.
            await self._record(progress)
            raise

    def end_of(self, claim: Claim, waterfall: Waterfall) -> Settlement | None:
        """Return the end to which the calls on record lead; None where there is a step to take."""
        outcomes: list[Outcome] = []
        for place, step in enumerate(waterfall.steps):
            outcome = known_outcome(claim, place)
            if outcome is None:
                return None
            if accepts(step, outcome) or is_opted_out(outcome):
                return self._end(claim, outcome)
            outcomes.append(outcome)
        return self._end(claim, conclude(claim.kind, outcomes))

    async def _take_step(
        self, claim: Claim, waterfall: Waterfall, place: int, progress: _Progress
    ) -> Outcome:
        step, recorded = waterfall.steps[place], claim.calls.get(place)
        if (known := known_outcome(claim, place)) is not None:
            return known
        is_unasked = recorded is None or recorded.ask_count == 0
        if claim.cancelled and is_unasked:
            raise _Stop(self._settlement(claim, OutcomeName.CANCELLED))
        try:
            call = await self._plan(claim, waterfall, place, progress)
            recalled = await self._recall(call)
            if isinstance(recalled, Remembered):
                return await self._note_remembered(call, recalled)
            # After memory, whose answers cost nothing and take no time.
            if is_unasked:
                self._require_within_ceilings(call, waterfall.cost_max, progress)
            self._require_open_gate(call, step)
            if recalled is Grant.FOLLOW:
                # Without a place at the gate: those are for what is sent.
                raise _Stop(self._refused(claim, recalled))
            if isinstance(call.offer.shape, Submitted):
                raise _Stop(call)
            if (bulk := self._in_bulk(call, step)) is not None:
                raise _Stop(bulk)
            return await self._ask(call, progress)
        except _PassOver as passed:
            return await self._note_passed_over(claim, place, step, passed.outcome)

    async def _plan(
        self, claim: Claim, waterfall: Waterfall, place: int, progress: _Progress
    ) -> PlannedCall:
        """Return the call to make for this step; stop or pass over where there is none."""
        step, recorded = waterfall.steps[place], claim.calls.get(place)
        lead_s = math.inf if waterfall.deadline_s is None else waterfall.deadline_s
        provider = self._providers.get(step.provider)
        offer = provider.offer(claim.kind.capability) if provider else None
        if provider is None or offer is None:
            raise _PassOver(NoAnswer("provider_gone"))
        if recorded is None and not offer.accepts(claim.lead):
            raise _PassOver(RejectedInput("input_missing"))
        workspace_id = None if claim.own_provider is None else claim.workspace_id
        credential = await self._desk.credential(provider, workspace_id)
        if credential is None:
            raise _PassOver(NoAnswer("no_key"))
        return PlannedCall(
            claim,
            place,
            provider,
            offer,
            credential,
            step.deadline_s or offer.deadline_s,
            ask=1
            if recorded is None
            else self._next_ask(claim, recorded, provider.asks_max(offer)),
            age_s=0.0 if recorded is None else recorded.age_s,
            question=self._question(claim, provider, offer, credential),
            lead_ends_at=progress.began_at + lead_s,
        )

    async def _ask(self, call: PlannedCall, progress: _Progress) -> Outcome:
        ready_at = time.monotonic()
        if not await progress.on_ask():
            raise _Stop(Lost())
        # In line for a slot it stood on our account, not on its own.
        call = progress.put_off(call, time.monotonic() - ready_at)
        ended = await self._calls.make(call)
        match ended:
            case Refused(grant):
                raise _Stop(self._refused(call.claim, grant))
            case Postponed(wait_s):
                raise _Stop(Parked(max(wait_s, _PARK_S_MIN)))
            case OutOfTime():
                # Whoever asked the same may have been ahead in the line.
                recalled = await self._recall(call)
                if isinstance(recalled, Remembered):
                    return await self._note_remembered(call, recalled)
                raise _PassOver(NoAnswer("lead_deadline"))
            case asked:
                progress.cost += self._cost(call.provider.slug, asked.price_thousandths)
                keep = call.to_remember(asked.outcome, self._policy.memory_days)
                progress.answer = call.answer(asked, keep)
                return asked.outcome

    def _refused(self, claim: Claim, grant: Grant) -> Ended:
        match grant:
            case Grant.CANCELLED:
                return self._settlement(claim, OutcomeName.CANCELLED)
            case Grant.FOLLOW:
                return Parked(_FOLLOW_S)
            case Grant.BEGUN_BEFORE:
                # Its outcome arrived between the claim and now: the next claim will read it.
                return Parked(_PARK_S_MIN)
            case Grant.LOST:
                return Lost()
            case Grant.GRANTED:
                raise AssertionError("a granted call was refused")
            case other:
                assert_never(other)

    def _next_ask(self, claim: Claim, call: RecordedCall, asks_max: int) -> int:
        """Return the number of the ask to make now; else end or park the lookup."""
        if call.submission_state == "submitted":
            # Woken at the submission's deadline, just before its poll gives up on it.
            raise _Stop(Parked(self._policy.lease.total_seconds()))
        if call.ask_count == 0:
            return 1
        match judge_interrupted(
            may_repeat=call.ask_count < asks_max,
            age_s=call.age_s,
            lease_s=self._policy.lease.total_seconds(),
            wait_s=self._policy.interrupted_wait_s,
        ):
            case AskOnce():
                if claim.cancelled:
                    raise _Stop(self._settlement(claim, OutcomeName.CANCELLED))
                return call.ask_count + 1
            case WaitLonger(seconds):
                raise _Stop(Parked(max(seconds, _PARK_S_MIN)))
            case GiveUp():
                raise _Stop(self._end(claim, NoAnswer("interrupted")))
            case other:
                assert_never(other)

    def _require_open_gate(self, call: PlannedCall, step: Step) -> None:
        """Park or pass over where the gate is shut.

        A key that cannot be used is out of every waterfall at once, also where the step would wait
        for its vendor. No vendor is waited for that has answered nobody for too long, and by no
        lead beyond its deadline.
        """
        gate = self._gate(call)
        shut_for_s = gate.shut_for_s()
        if shut_for_s == 0:
            return
        short_s = _SHORT_THROTTLE_S if gate.why == Throttled.slug else _SHORT_SHUT_S
        short = shut_for_s <= max(short_s * self._desk.time_scale, _SHORT_SHUT_S_MIN)
        if gate.is_unusable or not (short or step.when_gate_shut == "wait"):
            raise _PassOver(NoAnswer(f"gate_shut:{gate.why}"))
        left_s = call.lead_left_s
        if left_s <= 0:
            raise _PassOver(NoAnswer("lead_deadline"))
        patience_s = self._policy.gate_patience_s - gate.note_wanted()
        if patience_s <= 0:
            raise _PassOver(NoAnswer("put_off_too_long"))
        raise _Stop(Parked(max(min(shut_for_s, patience_s, left_s), _PARK_S_MIN)))

    def _in_bulk(self, call: PlannedCall, step: Step) -> PlannedCall | None:
        """Return the call as one of a bulk, where alone it would stand in line for longer.

        A bulk is not for sync callers, nor for a step that has a deadline of its own. Whose answer
        was lost is asked about alone: it may have been the one over which a bulk fails.
        """
        bulk = call.offer.bulk
        is_patient = call.claim.priority != SYNC_PRIORITY and step.deadline_s is None
        if bulk is None or call.ask > 1 or not is_patient:
            return None
        in_bulk = replace(call, offer=bulk, deadline_s=bulk.deadline_s)
        gate = self._gate(in_bulk)
        bulk_s = gate.together_s(in_bulk.batch_max) + bulk.usual_s * self._desk.time_scale
        if self._gate(call).line_s(call.claim.queue) <= bulk_s or gate.shut_for_s() > 0:
            return None
        doubted = self._desk.bulk_doubts.has(call.provider, bulk, call.credential.id)
        return None if doubted else in_bulk

    def _gate(self, call: PlannedCall) -> Gate:
        return self._desk.gate(call.provider, call.credential, call.operation, call.offer.limits)

    def _require_within_ceilings(
        self, call: PlannedCall, cost_max: float | None, progress: _Progress
    ) -> None:
        """Pass over a step that the lead's ceilings no longer allow."""
        if call.lead_left_s <= 0:
            raise _PassOver(NoAnswer("lead_deadline"))
        if cost_max is not None:
            price = max(call.offer.price_found, call.offer.price_missing)
            if progress.cost + self._cost(call.provider.slug, price) > cost_max:
                raise _PassOver(NoAnswer("cost_ceiling"))

    def _progress_before(self, claim: Claim, on_ask: OnAsk) -> _Progress:
        cost = sum(
            self._cost(call.provider, call.price_thousandths) for call in claim.calls.values()
        )
        age_s = max([claim.parked_s, *(call.wished_s for call in claim.calls.values())])
        return _Progress(cost, time.monotonic() - age_s, on_ask)

    def _cost(self, slug: str, price_thousandths: int) -> float:
        return price_thousandths / 1_000 * self._policy.credit_costs.get(slug, 1.0)

    def _question(
        self, claim: Claim, provider: Provider, offer: Offer, credential: Credential
    ) -> bytes | None:
        if not self._policy.memory_days or offer.capability in _ABOUT_A_DOMAIN:
            return None
        return word_question(provider, offer, scope_of(credential, claim), claim.lead)

    async def _recall(self, call: PlannedCall) -> Recalled:
        # A call that may be under way already is waited for, whatever memory says.
        if call.question is None or call.ask > 1:
            return None
        return await self._recorder.recalls.add(call.intent(call.ask))

    async def _note_remembered(self, call: PlannedCall, remembered: Remembered) -> Outcome:
        outcome = remembered.outcome
        note = Note(
            call.claim.lookup_id,
            call.step,
            call.claim.epoch,
            call.provider.slug,
            outcome.name,
            value=dict(outcome.value) if isinstance(outcome, Found) else None,
            from_memory_at=remembered.answered_at,
        )
        await self._recorder.notes.add(note)
        return outcome

    async def _record(self, progress: _Progress) -> None:
        answer, progress.answer = progress.answer, None
        if answer is not None:
            await self._recorder.answers.add(answer)

    async def _note_passed_over(
        self, claim: Claim, place: int, step: Step, outcome: Outcome
    ) -> Outcome:
        reason = getattr(outcome, "reason", "")
        note = Note(claim.lookup_id, place, claim.epoch, step.provider, outcome.name, reason)
        await self._recorder.notes.add(note)
        return outcome

    def _end(self, claim: Claim, outcome: Outcome, answer: Answer | None = None) -> Settlement:
        if claim.kind.target is Target.EMAIL and (lesson := lesson_of(claim.lead, outcome)):
            # Not waited for: a better order of guesses is worth no delay.
            self._recorder.lessons.add(lesson)
        value = dict(outcome.value) if isinstance(outcome, Found) else None
        reason = getattr(outcome, "reason", None)
        return self._settlement(claim, outcome.name, value, reason, answer)

    def _settlement(
        self,
        claim: Claim,
        outcome: OutcomeName,
        value: dict[str, object] | None = None,
        reason: str | None = None,
        answer: Answer | None = None,
    ) -> Settlement:
        refund = refund_for(claim.kind, claim.price, outcome, self._policy.refund_percent)
        return Settlement(claim, outcome, value, reason, refund, answer)


def failed_settlement(claim: Claim, error: str) -> Settlement:
    """Return the end of a lookup that met a fault of ours: no answer, refunded in full."""
    return Settlement(
        claim, OutcomeName.NO_ANSWER, reason=f"internal_error:{error}", refund=claim.price
    )
