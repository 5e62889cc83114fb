"""A job and the results of its lookups, as read from the database."""

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from service.domain.kinds import Target
from service.domain.outcome import OutcomeName


class Row(Protocol):
    """A row of the database, by column name."""

    def __getitem__(self, name: str, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Job:
    """A job; counts and credits as of when it was read."""

    id: UUID
    public_id: str
    workspace_id: int
    request_id: UUID
    face: str
    type: str
    kind: str
    mode: str
    list_id: int | None
    own_provider: str | None
    waterfall_version: str
    webhook_url: str | None = field(repr=False)
    metadata: dict[str, str] | None = field(repr=False)
    price: int
    lookup_count: int
    open_count: int
    found_count: int
    missing_count: int
    no_answer_count: int
    rejected_count: int
    cancelled_count: int
    charged: int
    refunded: int
    created_at: datetime
    started_at: datetime | None
    cancelled_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime

    @classmethod
    def read(cls, row: Row) -> "Job":
        """Read a row that has at least every column of the table."""
        return cls(**{name: row[name] for name in _JOB_COLUMNS})

    @property
    def failed(self) -> bool:
        """Whether the job ended with no lookup found or missing, though it had some."""
        return self.lookup_count > 0 and self.found_count + self.missing_count == 0

    @property
    def status(self) -> str:
        """`pending`, `processing`, `completed`, `failed` or `cancelled`."""
        if self.cancelled_at is not None:
            return "cancelled"
        if self.finished_at is None:
            return "pending" if self.started_at is None else "processing"
        return "failed" if self.failed else "completed"

    @property
    def settled_count(self) -> int:
        """Lookups that are done."""
        return self.lookup_count - self.open_count

    def count_of(self, outcome: OutcomeName) -> int:
        """Return how many lookups ended so."""
        match outcome:
            case OutcomeName.FOUND:
                return self.found_count
            case OutcomeName.MISSING:
                return self.missing_count
            case OutcomeName.NO_ANSWER:
                return self.no_answer_count
            case OutcomeName.REJECTED_INPUT:
                return self.rejected_count
            case OutcomeName.CANCELLED:
                return self.cancelled_count
            case OutcomeName.INTERRUPTED:
                return 0


@dataclass(frozen=True, slots=True)
class LookupResult:
    """One lookup with the person it was for; `outcome` is None while it is open.

    Attributes:
        lead_public_id: None when the lead was deleted in the meantime.
        refunded: credits given back for it; 0 also where nothing was charged.
    """

    lookup_id: int
    job_id: UUID
    lead_id: int
    lead_public_id: str | None
    first_name: str | None = field(repr=False)
    last_name: str | None = field(repr=False)
    target: Target
    outcome: OutcomeName | None
    value: dict[str, Any] | None = field(repr=False)
    reason: str | None
    refunded: int

    @classmethod
    def read(cls, row: Row) -> "LookupResult":
        """Read a row of the statements that return results."""
        return cls(
            lookup_id=row["lookup_id"],
            job_id=row["job_id"],
            lead_id=row["lead_id"],
            lead_public_id=row["lead_public_id"],
            first_name=row["first_name"],
            last_name=row["last_name"],
            target=Target(row["target"]),
            outcome=None if row["outcome"] is None else OutcomeName(row["outcome"]),
            value=row["value"],
            reason=row["reason"],
            refunded=row["refunded"],
        )


_JOB_COLUMNS = tuple(each.name for each in fields(Job))
