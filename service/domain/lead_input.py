"""The part of a lead that a lookup works from: a snapshot frozen when the job was accepted."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from service.domain.email_address import read_email_address
from service.domain.email_patterns import company_domain


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
        """Read the snapshot stored with a lookup; keys it does not know are ignored.

        The company's domain is read out of whatever web address was given. A name that was given
        in its place is no domain, and stands in for a name that is missing; an address of a page
        is neither.
        """
        known = {name: row.get(name) for name in INPUT_FIELDS}
        given = known["company_domain"]
        domain = company_domain(given) if given else None
        known["company_domain"] = domain
        if given and domain is None and not _is_page(given) and not known["company_name"]:
            known["company_name"] = given
        return cls(**known)

    def has(self, *names: str) -> bool:
        """Tell whether every named field is known and not blank."""
        return all(getattr(self, name) for name in names)

    def as_told(self) -> "LeadInput":
        """Return what vendors are told: the same person, the address with its domain in ASCII.

        An address that cannot be read is told as it is, and is the vendor's to refuse.
        """
        if self.email is None or self.email.isascii():
            return self
        address = read_email_address(self.email)
        return self if address is None else replace(self, email=address.envelope)

    def as_row(self) -> dict[str, Any]:
        """Return the snapshot as it is stored: only the fields that are known."""
        return {name: value for name, value in asdict(self).items() if value is not None}


INPUT_FIELDS = tuple(f.name for f in fields(LeadInput))


def _is_page(text: str) -> bool:
    before, slash, _ = text.partition("/")
    return slash != "" and ("." in before or before.endswith(":"))
