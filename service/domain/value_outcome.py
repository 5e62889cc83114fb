"""What a value that a vendor gave amounts to: found, missing, or nothing that can be used."""

from typing import Any

from service.domain.email_address import read_email_address
from service.domain.outcome import Found, Missing, NoAnswer, Outcome
from service.domain.phone_number import parse_phone
from service.domain.verdict import VerdictReason, VerdictStatus


def email_outcome(
    text: str | None, verdict: VerdictStatus, confidence: float | None = None
) -> Outcome:
    """Return what an address found by a vendor amounts to; none, or a dead one, is missing.

    Args:
        text: the address as the vendor wrote it.
        verdict: the vendor's own; an address it calls undeliverable is not a find.
        confidence: 0.0-1.0; what lies outside is brought to the nearer end.
    """
    if text is None or verdict == "undeliverable":
        return Missing()
    address = read_email_address(text)
    if address is None:
        return NoAnswer("unreadable_email", has_value=True)
    value: dict[str, Any] = {"email": address.text, "verdict": verdict}
    if confidence is not None:
        value["confidence"] = min(max(confidence, 0.0), 1.0)
    return Found(value)


def verification_outcome(
    text: str | None, verdict: VerdictStatus, reason: VerdictReason
) -> Outcome:
    """Return what a vendor's verdict on an address amounts to; `unknown` is no answer.

    Args:
        text: the address as the vendor repeats it, which shows that it answered our question.
        verdict: the vendor's, in our words.
        reason: the nearest of ours.
    """
    if verdict == "unknown":
        return NoAnswer("unknown_verdict")
    address = None if text is None else read_email_address(text)
    if address is None:
        return NoAnswer("unreadable_email", has_value=True)
    return Found({"email": address.text, "verdict": verdict, "reason": reason})


def phone_outcome(text: str | None, region: str | None = None) -> Outcome:
    """Return what a number found by a vendor amounts to; no number is missing.

    Args:
        text: the number as the vendor wrote it.
        region: ISO 3166 letters for numbers without a country code.
    """
    if text is None:
        return Missing()
    if (phone := parse_phone(text, region)) is None:
        return NoAnswer("unreadable_phone", has_value=True)
    return Found({"phone": phone})
