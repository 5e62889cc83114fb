"""Settles lookups: the separate statements of the one transaction that ends them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from service.domain.claim import Settlement
from service.domain.job import Row
from service.domain.lead_input import LeadInput
from service.domain.outcome import OutcomeName
from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("settlement")


@dataclass(frozen=True, slots=True)
class ClosedLookup:
    """A lookup that this transaction really settled."""

    lookup_id: int
    job_id: UUID
    workspace_id: int
    lead_id: int
    target: str
    outcome: OutcomeName
    value: dict[str, Any] | None = field(repr=False)
    reason: str | None
    refunded: int
    lead: LeadInput = field(repr=False)

    @classmethod
    def of(cls, settlement: Settlement) -> "ClosedLookup":
        """Return what a settlement that counted has closed."""
        claim = settlement.claim
        return cls(
            claim.lookup_id,
            claim.job_id,
            claim.workspace_id,
            claim.lead_id,
            claim.kind.target,
            settlement.outcome,
            settlement.value,
            settlement.reason,
            settlement.refund,
            claim.lead,
        )

    @classmethod
    def read(cls, row: Row) -> "ClosedLookup":
        """Read a row of the statement that closes lookups of people who are erased."""
        return cls(
            row["id"],
            row["job_id"],
            row["workspace_id"],
            row["lead_id"],
            row["target"],
            OutcomeName(row["outcome"]),
            row["value"],
            row["reason"],
            row["refunded"],
            LeadInput.from_row(row["input"]),
        )


@dataclass(frozen=True, slots=True)
class Lowered:
    """The jobs of closed lookups about which there is something to tell.

    Attributes:
        finished: those that have no open lookup any more.
        telling: those that asked for an event for each lead.
    """

    finished: list[UUID]
    telling: set[UUID]


async def close_lookups(
    connection: Connection, settlements: Sequence[Settlement]
) -> list[ClosedLookup]:
    """End the lookups whose epoch still holds the claim and return those; others are left out."""
    # Of two ends of one claim only one is sent: which of them counted could not be told.
    by_claim = {(each.claim.lookup_id, each.claim.epoch): each for each in settlements}
    ends = by_claim.values()
    rows = await connection.fetch(
        _SQL["close_lookups"],
        [each.claim.lookup_id for each in ends],
        [each.claim.epoch for each in ends],
        [each.outcome for each in ends],
        [each.value for each in ends],
        [each.reason for each in ends],
        [each.refund for each in ends],
    )
    return [ClosedLookup.of(by_claim[row["id"], row["epoch"]]) for row in rows]


async def fill_leads(connection: Connection, closed: Sequence[ClosedLookup]) -> None:
    """Write what was found to the leads."""
    found = [each for each in closed if each.outcome is OutcomeName.FOUND]
    if found:
        await connection.execute(
            _SQL["fill_leads"],
            [each.lead_id for each in found],
            [each.target for each in found],
            [each.value for each in found],
        )


async def lower_open_counts(connection: Connection, closed: Sequence[ClosedLookup]) -> Lowered:
    """Count the closed lookups into their jobs; return the jobs of which to tell."""
    counts: dict[UUID, Counter[str]] = {}
    for each in closed:
        count = counts.setdefault(each.job_id, Counter())
        count[each.outcome] += 1
        count["settled"] += 1
        count["refunded"] += each.refunded
    jobs = sorted(counts)
    rows = await connection.fetch(
        _SQL["lower_open_counts"],
        jobs,
        *([counts[job][name] for job in jobs] for name in _COUNTED),
    )
    return Lowered(
        [row["id"] for row in rows if row["finished"]],
        {row["id"] for row in rows if row["per_lead_events"]},
    )


_COUNTED: Final = (
    "settled",
    OutcomeName.FOUND,
    OutcomeName.MISSING,
    OutcomeName.NO_ANSWER,
    OutcomeName.REJECTED_INPUT,
    OutcomeName.CANCELLED,
    "refunded",
)


async def announce_finished(connection: Connection) -> None:
    """Wake callers that wait for a job when this transaction commits."""
    await connection.execute(_SQL["announce_finished"])
