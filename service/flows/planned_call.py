"""A call that is about to be made: which lookup, which step, which provider, with whose key."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from providers.contract import Batched, Offer, Provider, Submitted
from service.domain.claim import Answer, Claim, ToRemember
from service.domain.outcome import Found, Outcome, OutcomeName
from service.domain.question import SHARED, person_of
from service.flows.ask_provider import Asked, Certainty
from service.flows.credentials import OPERATOR, Credential
from service.store.calls import Intent, Wish

PATIENCE_S: Final = 900.0
"""For how long a vendor that answers nobody is asked again, where the operator does not say."""
PUT_OFF_S_MAX: Final = 3_600.0
"""A call that the vendor will not take is put off for at most so long, whoever else it answers."""


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One lookup's use of one step.

    Attributes:
        ask: the how-manieth time the vendor is asked; above 1 only where its policy allows it.
        age_s: for how long it has been wished for, as of the claim; 0 for what is asked first now.
        question: what is asked, as memory knows it; None when answers are not remembered.
        lead_ends_at: when the lead's deadline is over, and `planned_at` when this was planned; both
            as `time.monotonic` counts.
    """

    claim: Claim
    step: int
    provider: Provider
    offer: Offer
    credential: Credential
    deadline_s: float
    ask: int = 1
    age_s: float = 0.0
    question: bytes | None = field(default=None, repr=False)
    lead_ends_at: float = math.inf
    planned_at: float = field(default_factory=time.monotonic)

    @property
    def has_lead_deadline(self) -> bool:
        """Whether its lead may not wait for ever."""
        return not math.isinf(self.lead_ends_at)

    @property
    def lead_left_s(self) -> float:
        """The seconds in which a step of its lead may still start; infinite without a deadline."""
        return self.lead_ends_at - time.monotonic()

    @property
    def line_s(self) -> float:
        """For how long it may stand in line.

        Where it was asked before no deadline counts: what may be paid for already is fetched.
        """
        return self.lead_left_s if self.ask == 1 else math.inf

    @property
    def waited_s(self) -> float:
        """For how many seconds it has been planned."""
        return time.monotonic() - self.planned_at

    @property
    def lasts_s(self) -> float:
        """For how many seconds at most others with the same question wait for its answer."""
        return self.deadline_s + PUT_OFF_S_MAX

    @property
    def asks_max(self) -> int:
        """How often the vendor may be asked while nobody knows of an earlier request."""
        return self.provider.asks_max(self.offer)

    @property
    def batch_max(self) -> int:
        """How many calls one request of this offer may hold; 1 for an offer of another shape."""
        shape = self.offer.shape
        return shape.batch_max if isinstance(shape, Batched | Submitted) else 1

    @property
    def is_beside_single(self) -> bool:
        """Whether it is asked about with others where it could be asked about alone."""
        return self.operation != self.offer.capability

    @property
    def operation(self) -> str:
        """What its gate is for."""
        return self.provider.operation(self.offer)

    def certainty_of(self, asked: Asked) -> Certainty:
        """Return how sure it is what became of a request, as far as the policy believes it.

        A vendor that turns a request away says that it took nothing. Where a mistake in that would
        cost little its word is not taken for it: such an ask counts like an unknown one.
        """
        if asked.certainty is Certainty.TURNED_AWAY and self.asks_max > 1:
            return Certainty.UNKNOWN
        return asked.certainty

    def intent(
        self, ask: int, submission_id: UUID | None = None, *, gate_wait_s: float = 0.0
    ) -> Intent:
        """Return the intent to commit before the vendor is asked."""
        return Intent(
            self.claim.lookup_id,
            self.step,
            self.provider.slug,
            self.claim.epoch,
            ask,
            self.credential.id,
            self.question,
            self.lasts_s,
            submission_id,
            round(gate_wait_s * 1_000),
            alone=not isinstance(self.offer.shape, Batched | Submitted),
        )

    def wish(self) -> Wish:
        """Return what to keep of it where it leaves the line."""
        return Wish(
            self.claim.lookup_id, self.step, self.provider.slug, self.claim.epoch, self.waited_s
        )

    def answer(self, asked: Asked, keep: ToRemember | None = None) -> Answer:
        """Return the record of what came of it; what nobody knows is on record as interrupted.

        Args:
            keep: what of it goes into memory.
        """
        outcome = asked.outcome
        unknown = self.certainty_of(asked) in {Certainty.UNKNOWN, Certainty.STILL_RUNNING}
        return Answer(
            self.claim.lookup_id,
            self.step,
            self.claim.epoch,
            OutcomeName.INTERRUPTED if unknown else outcome.name,
            dict(outcome.value) if isinstance(outcome, Found) else None,
            getattr(outcome, "reason", None),
            asked.price_thousandths,
            asked.duration_ms,
            keep,
        )

    def to_remember(self, outcome: Outcome, days: Mapping[OutcomeName, float]) -> ToRemember | None:
        """Return what is worth keeping of an answer: found and missing, nothing else."""
        if self.question is None or outcome.name not in days:
            return None
        return ToRemember(
            question=self.question,
            scope=scope_of(self.credential, self.claim),
            provider=self.provider.slug,
            capability=self.offer.capability,
            person=person_of(self.claim.lead),
            outcome=outcome.name,
            value=dict(outcome.value) if isinstance(outcome, Found) else None,
            days=days[outcome.name],
        )


def scope_of(credential: Credential, claim: Claim) -> int:
    """Return who may use an answer: every workspace, where no key of one's own is asked with."""
    return SHARED if credential.id == OPERATOR else claim.workspace_id
