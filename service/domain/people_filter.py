"""Which leads of a workspace are wanted, in the terms of the SendKit face."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class PeopleFilter:
    """Conditions that must all hold; None or nothing is no condition. Matching ignores case.

    Attributes:
        words: each must stand somewhere in name, address, company or job title.
        name: stands in the first and last name, joined by a blank.
        company_name: stands in it; so does `job_title`.
        tags: the lead has any of them.
        email_verdicts: the lead's verdict is any of them.
        email_type: whether the address's domain gives mailboxes to anybody.
        country: is equal to it; so is `city`.
        created_after: not earlier than this.
        created_before: earlier than this.
    """

    words: tuple[str, ...] = field(default=(), repr=False)
    name: str | None = field(default=None, repr=False)
    company_name: str | None = field(default=None, repr=False)
    job_title: str | None = field(default=None, repr=False)
    tags: tuple[str, ...] = ()
    email_verified: bool | None = None
    email_verdicts: tuple[str, ...] = ()
    email_type: Literal["personal", "business"] | None = None
    has_company: bool | None = None
    has_phone: bool | None = None
    seg_protected: bool | None = None
    country: str | None = None
    city: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None

    @property
    def by_text(self) -> bool:
        """Whether there is a condition that the index by text can find leads by."""
        return bool(self.words or self.name or self.company_name or self.job_title)

    @property
    def is_by_time(self) -> bool:
        """Whether leads are found, and so ordered, by the time they were created."""
        return self.created_after is not None or self.created_before is not None
