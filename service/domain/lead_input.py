"""The part of a lead that a lookup works from: a snapshot frozen when the job was accepted."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class LeadInput:
    """What providers may be told about a person; None where it is not known."""

    first_name: str | None = field(default=None, repr=False)
    last_name: str | None = field(default=None, repr=False)
    company_name: str | None = field(default=None, repr=False)
    company_domain: str | None = field(default=None, repr=False)
    linkedin_url: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)
    country: str | None = field(default=None, repr=False)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "LeadInput":
        """Read the snapshot stored with a lookup; keys it does not know are ignored."""
        return cls(**{name: row.get(name) for name in INPUT_FIELDS})

    def has(self, *names: str) -> bool:
        """Tell whether every named field is known and not blank."""
        return all(getattr(self, name) for name in names)

    def as_row(self) -> dict[str, Any]:
        """Return the snapshot as it is stored: only the fields that are known."""
        return {name: value for name, value in asdict(self).items() if value is not None}


INPUT_FIELDS = tuple(f.name for f in fields(LeadInput))
