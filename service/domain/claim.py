"""A lookup that a worker holds, with what earlier claims already asked for it."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from service.domain.fair_queue import Queue
from service.domain.kinds import Kind
from service.domain.lead_input import LeadInput
from service.domain.outcome import OutcomeName


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A step that was begun before this claim; `outcome` is None while nobody knows its end.

    Attributes:
        submission_state: of the submission it is part of; None for a direct call. What becomes of
            a call whose submission is late is for the record alone.
        ask_count: how often the vendor was asked; 0 when it certainly was not yet.
        age_s: seconds since the intent was first written.
        wished_s: seconds since it was first wished for, with its time in line before the intent.
    """

    step: int
    provider: str
    ask_count: int
    submission_state: str | None
    outcome: OutcomeName | None
    value: dict[str, Any] | None = field(repr=False)
    reason: str | None
    price_thousandths: int
    age_s: float
    wished_s: float


@dataclass(frozen=True, slots=True)
class Claim:
    """A lookup held under `epoch`; only a settle of that epoch counts.

    Attributes:
        price: credits charged for it.
        priority: at which it was claimed; a caller who waits has the lower one.
        cancelled: its job was cancelled; no step may start.
        first_of_job: its job had not been started.
        parked_s: seconds since it first was parked; 0 if it never was.
    """

    lookup_id: int
    job_id: UUID
    workspace_id: int
    lead_id: int
    kind: Kind
    epoch: int
    reclaim_count: int
    price: int
    priority: int
    own_provider: str | None
    waterfall_version: str
    cancelled: bool
    first_of_job: bool
    lead: LeadInput = field(repr=False)
    parked_s: float = 0.0
    calls: dict[int, RecordedCall] = field(default_factory=dict, repr=False)

    @property
    def queue(self) -> Queue:
        """The queue in which it takes turns with others."""
        return self.priority, self.workspace_id


@dataclass(frozen=True, slots=True)
class ToRemember:
    """An answer to keep for `days`."""

    question: bytes
    scope: int
    provider: str
    capability: str
    person: bytes
    outcome: OutcomeName
    value: dict[str, Any] | None = field(repr=False)
    days: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call came to; `epoch` is that of its intent.

    Attributes:
        keep: what others may use of it; they see it from the moment at which the call has ended.
    """

    lookup_id: int
    step: int
    epoch: int
    outcome: OutcomeName
    value: dict[str, Any] | None = field(default=None, repr=False)
    reason: str | None = None
    price_thousandths: int = 0
    duration_ms: int | None = None
    keep: ToRemember | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a claimed lookup ended, and the credits given back for it.

    Attributes:
        answer: that of the call which ended it, where it is not on record yet. It counts even if
            the claim was lost meanwhile.
    """

    claim: Claim
    outcome: OutcomeName
    value: dict[str, Any] | None = field(default=None, repr=False)
    reason: str | None = None
    refund: int = 0
    answer: Answer | None = None
