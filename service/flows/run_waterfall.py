"""Runs one claimed lookup down its waterfall, step by step, until one answers or none is left."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, assert_never

from providers.contract import Offer, Provider, Submitted
from service.domain.claim import Claim, RecordedCall, Settlement
from service.domain.credits import refund_for
from service.domain.interrupted import AskOnce, GiveUp, WaitLonger, judge_interrupted
from service.domain.kinds import Kind, Target
from service.domain.outcome import (
    Found,
    Missing,
    NoAnswer,
    Outcome,
    OutcomeName,
    RejectedInput,
)
from service.domain.waterfall import Step, Waterfall, accepts
from service.flows.ask_provider import Asked, ProviderDesk
from service.flows.batching import Batcher
from service.store.calls import Answer, Grant, Intent, Skip

# Parking a lookup for less than this costs more than it saves.
_PARK_S_MIN: Final = 0.2


@dataclass(frozen=True, slots=True)
class Parked:
    """The lookup waits without a slot; it goes on by itself after `wait_s` seconds."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class ToSubmit:
    """The next step is a submission: it is gathered with others and the slot is free."""

    claim: Claim
    step: int
    provider: Provider
    offer: Offer
    deadline_s: float


@dataclass(frozen=True, slots=True)
class Lost:
    """Another worker has the lookup, or soon will; nothing is left to do here."""


Ended = Settlement | Parked | ToSubmit | Lost


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's settings that a run follows."""

    lease: timedelta
    interrupted_wait_s: float
    reclaim_count_max: int
    refund_percent: Mapping[Kind, int]


@dataclass(frozen=True, slots=True)
class Recorder:
    """Writes of this process, gathered into batches."""

    intents: Batcher[Intent, Grant]
    answers: Batcher[Answer, None]
    skips: Batcher[Skip, None]


class _Stop(Exception):  # noqa: N818 - carries an end out of a step, it is no error
    """The run ends here, whatever steps are left."""

    def __init__(self, ended: Ended) -> None:
        super().__init__()
        self.ended = ended


class WaterfallRunner:
    """Runs claims with what this process has; safe for any number of claims at once."""

    def __init__(
        self,
        desk: ProviderDesk,
        recorder: Recorder,
        providers: Mapping[str, Provider],
        policy: Policy,
    ) -> None:
        self._desk = desk
        self._recorder = recorder
        self._providers = providers
        self._policy = policy

    async def run(self, claim: Claim, waterfall: Waterfall) -> Ended:
        """Go on where earlier claims of this lookup ended; steps with an outcome are not repeated.

        An intent is committed before each request, and each outcome before the next step.
        """
        if claim.reclaim_count > self._policy.reclaim_count_max:
            return self._end(claim, NoAnswer("gave_up"))
        outcomes: list[Outcome] = []
        try:
            for place, step in enumerate(waterfall.steps):
                outcome = await self._take_step(claim, place, step)
                if accepts(step, outcome):
                    return self._end(claim, outcome)
                outcomes.append(outcome)
        except _Stop as stop:
            return stop.ended
        return self._end(claim, _conclude(claim.kind, outcomes))

    async def _take_step(self, claim: Claim, place: int, step: Step) -> Outcome:
        recorded = claim.calls.get(place)
        if recorded is not None and recorded.outcome is not None:
            return _outcome_of(recorded)
        if claim.cancelled and recorded is None:
            raise _Stop(self._settlement(claim, OutcomeName.CANCELLED))
        provider = self._providers.get(step.provider)
        offer = provider.offer(claim.kind.capability) if provider else None
        if provider is None or offer is None:
            return await self._skip(claim, place, step, NoAnswer("provider_gone"))
        if recorded is not None:
            await self._judge(claim, recorded, provider)
        elif not offer.accepts(claim.lead):
            return await self._skip(claim, place, step, RejectedInput("input_missing"))
        elif (shut_for_s := self._desk.gate(provider).shut_for_s()) > 0:
            if step.when_gate_shut == "wait":
                raise _Stop(Parked(max(shut_for_s, _PARK_S_MIN)))
            reason = f"gate_shut:{self._desk.gate(provider).why}"
            return await self._skip(claim, place, step, NoAnswer(reason))
        deadline_s = step.deadline_s or offer.deadline_s
        if isinstance(offer.shape, Submitted):
            raise _Stop(ToSubmit(claim, place, provider, offer, deadline_s))
        return await self._ask(claim, place, provider, offer, deadline_s)

    async def _judge(self, claim: Claim, call: RecordedCall, provider: Provider) -> None:
        """Return when the interrupted call may be asked again; else end or park the lookup."""
        if call.submission_state == "submitted":
            # Woken at the submission's deadline, just before its poll gives up on it.
            raise _Stop(Parked(self._policy.lease.total_seconds()))
        match judge_interrupted(
            may_repeat=provider.repeat_when_interrupted,
            age_s=call.age_s,
            lease_s=self._policy.lease.total_seconds(),
            wait_s=self._policy.interrupted_wait_s,
        ):
            case AskOnce():
                if claim.cancelled:
                    raise _Stop(self._settlement(claim, OutcomeName.CANCELLED))
            case WaitLonger(seconds):
                raise _Stop(Parked(max(seconds, _PARK_S_MIN)))
            case GiveUp():
                raise _Stop(self._end(claim, NoAnswer("interrupted")))
            case other:
                assert_never(other)

    async def _ask(
        self, claim: Claim, place: int, provider: Provider, offer: Offer, deadline_s: float
    ) -> Outcome:
        async with self._desk.gate(provider).pass_through():
            grant = await self._recorder.intents.add(
                Intent(
                    claim.lookup_id,
                    place,
                    provider.slug,
                    claim.epoch,
                    may_repeat=provider.repeat_when_interrupted,
                )
            )
            self._require(grant, claim)
            asked = await self._desk.ask(provider, offer, claim.lead, deadline_s=deadline_s)
        await self._recorder.answers.add(answer_of(claim, place, asked))
        return asked.outcome

    def _require(self, grant: Grant, claim: Claim) -> None:
        match grant:
            case Grant.GRANTED:
                return
            case Grant.CANCELLED:
                raise _Stop(self._settlement(claim, OutcomeName.CANCELLED))
            case Grant.BEGUN_BEFORE:
                # Its outcome arrived between the claim and now: the next claim will read it.
                raise _Stop(Parked(_PARK_S_MIN))
            case Grant.LOST:
                raise _Stop(Lost())
            case other:
                assert_never(other)

    async def _skip(self, claim: Claim, place: int, step: Step, outcome: Outcome) -> Outcome:
        reason = getattr(outcome, "reason", "")
        await self._recorder.skips.add(
            Skip(claim.lookup_id, place, claim.epoch, step.provider, outcome.name, reason)
        )
        return outcome

    def _end(self, claim: Claim, outcome: Outcome) -> Settlement:
        value = dict(outcome.value) if isinstance(outcome, Found) else None
        reason = getattr(outcome, "reason", None)
        return self._settlement(claim, outcome.name, value, reason)

    def _settlement(
        self,
        claim: Claim,
        outcome: OutcomeName,
        value: dict[str, object] | None = None,
        reason: str | None = None,
    ) -> Settlement:
        refund = refund_for(claim.kind, claim.price, outcome, self._policy.refund_percent)
        return Settlement(claim, outcome, value, reason, refund)


def failed_settlement(claim: Claim, error: str) -> Settlement:
    """Return the end of a lookup that met a fault of ours: no answer, refunded in full."""
    return Settlement(
        claim, OutcomeName.NO_ANSWER, reason=f"internal_error:{error}", refund=claim.price
    )


def answer_of(claim: Claim, place: int, asked: Asked) -> Answer:
    """Return the record of an ask; an ambiguous one is on record as interrupted."""
    outcome = asked.outcome
    return Answer(
        claim.lookup_id,
        place,
        claim.epoch,
        OutcomeName.INTERRUPTED if asked.ambiguous else outcome.name,
        dict(outcome.value) if isinstance(outcome, Found) else None,
        getattr(outcome, "reason", None),
        asked.price_thousandths,
    )


def _outcome_of(call: RecordedCall) -> Outcome:
    match call.outcome:
        case OutcomeName.FOUND:
            return Found(call.value or {})
        case OutcomeName.MISSING:
            return Missing()
        case OutcomeName.REJECTED_INPUT:
            return RejectedInput(call.reason or "")
        case _:
            return NoAnswer(call.reason or "interrupted")


def _conclude(kind: Kind, outcomes: list[Outcome]) -> Outcome:
    """Return what a waterfall came to that no step ended.

    A verdict that no step was sure enough of is still a verdict. An address that no step was sure
    enough of is none. One provider that looked is enough to say missing; only where nobody looked
    is there no answer, or nothing that could be asked.
    """
    if kind.target is Target.VERIFICATION:
        verdicts = [outcome for outcome in outcomes if isinstance(outcome, Found)]
        if verdicts:
            return verdicts[0]
    if any(isinstance(outcome, Found | Missing) for outcome in outcomes):
        return Missing()
    unanswered = [outcome for outcome in outcomes if isinstance(outcome, NoAnswer)]
    if unanswered:
        return unanswered[-1]
    return outcomes[-1] if outcomes else NoAnswer("no_step")
