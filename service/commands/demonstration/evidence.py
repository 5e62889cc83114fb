"""What a demo run leaves to be judged: values gathered from the outside, no verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from providers.sandbox.expectation import Expectation
from service.commands.demonstration.receiver import Received
from service.domain.kinds import Kind
from service.domain.outcome import OutcomeName
from service.flows.audit import AuditReport
from service.store.directory import LedgerTotals
from service.store.inspection import DeliveryState, Spending


@dataclass(frozen=True, slots=True)
class Result:
    """What the API tells of one lead, beside what the sandbox's truth says it must be.

    Attributes:
        value: the address, verdict or gateway; None when nothing was found or none is visible.
    """

    lead_id: str
    found: bool
    value: str | None = field(repr=False)
    expected: Expectation = field(repr=False)

    @property
    def right(self) -> bool:
        """Whether the two agree."""
        found = self.expected.outcome is OutcomeName.FOUND
        return (self.found, self.value) == (found, self.expected.value if found else None)


@dataclass(frozen=True, slots=True)
class FinishedJob:
    """One job as the API tells it at the end.

    Attributes:
        deducted: credits that the answer to the request named.
        lead_count: leads that had to be in it.
    """

    job_id: str
    kind: Kind
    price: int
    lead_count: int
    deducted: int
    charged: int
    refunded: int
    results: Sequence[Result] = field(repr=False)

    @property
    def found(self) -> int:
        """Lookups that found something."""
        return sum(result.found for result in self.results)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the checks look at.

    Attributes:
        webhook_job_ids: the jobs that named a webhook URL.
        balance: as the API tells it.
        spending: by provider, by our own record.
        books: the sandbox's own summary.
        seconds: from the first request to the last delivery.
    """

    lead_count: int
    jobs: Sequence[FinishedJob]
    webhook_job_ids: frozenset[str]
    refund_percent: Mapping[Kind, int]
    granted: int
    balance: int
    totals: LedgerTotals
    received: Sequence[Received]
    deliveries: Sequence[DeliveryState]
    audit: AuditReport
    spending: Mapping[str, Spending]
    books: Mapping[str, Any]
    seconds: float
