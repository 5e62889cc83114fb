"""Who must not be looked up: what names a person, and the keyed hashes that stand for it."""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from service.domain.email_address import read_email_address
from service.domain.lead_input import LeadInput
from service.domain.personal_words import is_company, is_name, is_person_page
from service.domain.plain_text import plain_text
from service.domain.spellings import bare_profile, decoded

SUPPRESSED: Final = "suppressed"
"""The reason of a lookup that was not run because its person is suppressed."""
OPTED_OUT: Final = "opted_out"
"""The reason of a call whose vendor may not say anything of the person, by law (451)."""
ERASED: Final = "erased"
"""The reason of a lookup, and of a delivery, that ended because its person was erased."""

PEPPER_BYTES: Final = 32


class SuppressionReason(StrEnum):
    """Why a person must not be looked up."""

    ERASURE = "erasure"
    OPT_OUT = "opt_out"
    LEGAL = "legal"


@dataclass(frozen=True, slots=True)
class PersonHasher:
    """Hides people: without the pepper, a hash cannot be tried against known addresses.

    Attributes:
        pepper: the secret key of the hashes, 32 random bytes.
    """

    pepper: bytes = field(repr=False)

    def hashes_of(self, lead: LeadInput) -> tuple[bytes, ...]:
        """Return one hash for each thing that names the person; a match of any is the person."""
        return tuple(self._hash(name) for name in names_of(lead))

    def hash_of_memory(self, person: bytes) -> bytes:
        """Return the hash of what memory calls a person (`question.people_of`)."""
        return self._hash(f"memory\x1f{person.hex()}")

    def _hash(self, text: str) -> bytes:
        return hmac.digest(self.pepper, text.encode(), "sha256")


def plain_email(text: str) -> str:
    """Return the spelling of an address that counts: trimmed, lower case, its domain in ASCII."""
    if not text.isascii() and (address := read_email_address(text)) is not None:
        return address.key
    return text.strip().lower()


def names_of(lead: LeadInput) -> Iterator[str]:
    """Yield each thing that names the person, in the spelling in which it is compared."""
    if lead.email and (email := plain_email(lead.email)):
        yield f"email\x1f{email}"
    if lead.linkedin_url and (profile := plain_profile(lead.linkedin_url)):
        yield f"profile\x1f{profile}"
    if is_name(lead.first_name, lead.last_name):
        first, last = plain_text(lead.first_name), plain_text(lead.last_name)
        companies = filter(is_company, (lead.company_domain, lead.company_name))
        for company in set(map(plain_text, companies)):
            yield f"name\x1f{first}\x1f{last}\x1f{company}"


def without_fillers(lead: LeadInput) -> LeadInput:
    """Return a lead without what only fills a column, and which others have as well."""
    url, name = lead.linkedin_url, lead.company_name
    domain = lead.company_domain
    own = replace(
        lead,
        linkedin_url=url if url and plain_profile(url) else None,
        company_name=name if is_company(name) else None,
        company_domain=domain if is_company(domain) else None,
    )
    if is_name(lead.first_name, lead.last_name):
        return own
    return replace(own, first_name=None, last_name=None)


def plain_profile(url: str) -> str:
    """Return the one spelling of a person's page; nothing of whatever else a column holds."""
    path = bare_profile(plain_text(url))
    # What the signs spell may be in another case and form again.
    plain = (plain_text(decoded(path)) if "%" in path else path).rstrip("/")
    return plain if is_person_page(plain) else ""
