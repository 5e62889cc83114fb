"""Reads what the steps of a waterfall came to, by the calls on record and by what ended them."""

from service.domain.claim import Claim, RecordedCall
from service.domain.kinds import Kind, Target
from service.domain.outcome import Found, Missing, NoAnswer, Outcome, OutcomeName, RejectedInput
from service.domain.suppression import OPTED_OUT


def is_opted_out(outcome: Outcome) -> bool:
    """Tell whether a vendor may not speak of this person by law."""
    return isinstance(outcome, RejectedInput) and outcome.reason == OPTED_OUT


def known_outcome(claim: Claim, place: int) -> Outcome | None:
    """Return what a step came to by the calls on record; None where it is still to be taken.

    A call whose end nobody knows was passed over where a later step was taken: were it repeated
    now, two would be paid for one lead.
    """
    recorded = claim.calls.get(place)
    outcome = _outcome_of(recorded) if recorded is not None else None
    if outcome is None and recorded is not None and max(claim.calls) > place:
        return NoAnswer("interrupted")
    return outcome


def _outcome_of(call: RecordedCall) -> Outcome | None:
    if call.submission_state == "late":
        # The lookup went on without it; an answer that came since would only undo that.
        return NoAnswer("deadline")
    match call.outcome:
        case None:
            return None
        case OutcomeName.FOUND:
            return Found(call.value or {})
        case OutcomeName.MISSING:
            return Missing()
        case OutcomeName.REJECTED_INPUT:
            return RejectedInput(call.reason or "")
        case _:
            return NoAnswer(call.reason or "interrupted")


def conclude(kind: Kind, outcomes: list[Outcome]) -> Outcome:
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
