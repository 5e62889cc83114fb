"""What a find teaches about the company's addresses."""

from service.domain.email_address import read_email_address
from service.domain.email_patterns import PatternHit, pattern_of
from service.domain.lead_input import LeadInput
from service.domain.outcome import Found, Outcome


def lesson_of(lead: LeadInput, outcome: Outcome) -> PatternHit | None:
    """Return the pattern that a confirmed address follows, and its domain.

    None unless the address is deliverable, belongs to a company and names the person in exactly
    one of the known ways: a risky address may not exist.
    """
    if not isinstance(outcome, Found) or outcome.value.get("verdict") != "deliverable":
        return None
    address = read_email_address(str(outcome.value.get("email") or ""))
    if address is None or address.free or address.disposable:
        return None
    pattern = pattern_of(lead.first_name or "", lead.last_name or "", address.local)
    return None if pattern is None else PatternHit(address.domain, pattern)
