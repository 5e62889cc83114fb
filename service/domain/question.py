"""What a provider is asked, reduced to a hash: equal questions can share one answer."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Final

from service.domain.kinds import Capability
from service.domain.lead_input import INPUT_FIELDS, LeadInput
from service.domain.plain_text import composed_text, plain_text

SHARED: Final = 0
"""The scope of answers that the operator's keys paid for: every workspace may use them."""


def question_of(
    capability: Capability, provider: str, version: int, scope: int, told: Iterable[str]
) -> bytes:
    """Return the hash of a question: 32 bytes.

    Args:
        scope: a workspace whose own key asks, or `SHARED`.
        told: everything the provider is told, and nothing else.
    """
    return _hash([capability, provider, str(version), str(scope), *told])


def plain_lead(lead: LeadInput) -> LeadInput:
    """Return the lead in the spelling in which equal ones are equal; it is for comparing only.

    Letters are made small and not folded: `straße.example` and `strasse.example` are two domains.
    """
    given = ((name, getattr(lead, name)) for name in INPUT_FIELDS)
    return LeadInput(**{name: composed_text(text).lower() or None for name, text in given if text})


def person_of(lead: LeadInput) -> bytes:
    """Return the hash under which an answer about a person is remembered: 32 bytes.

    Name and company name a person; without them the address or the profile does.
    """
    return next(_people(lead))


def people_of(lead: LeadInput) -> list[bytes]:
    """Return every hash under which an answer about this person may be remembered.

    An answer is kept under the person of the lead it was first given for, and leads of which less,
    or more, is known share it where the vendor is told the same.
    """
    return list(_people(lead))


def _people(lead: LeadInput) -> Iterator[bytes]:
    name = (lead.first_name, lead.last_name)
    companies = [company for company in (lead.company_domain, lead.company_name) if company]
    named = [(*name, company) for company in companies if all(name)]
    known = [*named, *((text,) for text in (lead.email, lead.linkedin_url) if text)]
    return (_hash(map(plain_text, each)) for each in known or [(*name, *companies)])


def _hash(parts: Iterable[str]) -> bytes:
    return hashlib.sha256("\x1f".join(parts).encode()).digest()
