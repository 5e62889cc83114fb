"""What a provider is asked, reduced to a hash: equal questions can share one answer."""

import hashlib
import re
from collections.abc import Iterable
from typing import Final

from service.domain.kinds import Capability
from service.domain.lead_input import INPUT_FIELDS, LeadInput

SHARED: Final = 0
"""The scope of answers that the operator's keys paid for: every workspace may use them."""

_SPACES: Final = re.compile(r"\s+")


def question_of(
    capability: Capability, provider: str, version: int, scope: int, lead: LeadInput
) -> bytes:
    """Return the hash of a question: 32 bytes, the same for every spelling of the same input.

    Args:
        scope: a workspace whose own key asks, or `SHARED`.
    """
    parts = [capability, provider, str(version), str(scope)]
    parts += [_plain(getattr(lead, name)) for name in INPUT_FIELDS]
    return _hash(parts)


def person_of(lead: LeadInput) -> bytes:
    """Return the hash by which everything remembered of a person is found: 32 bytes.

    Name and company name a person; without them the address or the profile does.
    """
    named = [lead.first_name, lead.last_name, lead.company_domain or lead.company_name]
    if all(named):
        return _hash(_plain(part) for part in named)
    return _hash([_plain(lead.email or lead.linkedin_url)])


def _plain(text: str | None) -> str:
    return _SPACES.sub(" ", (text or "").strip()).casefold()


def _hash(parts: Iterable[str]) -> bytes:
    return hashlib.sha256("\x1f".join(parts).encode()).digest()
