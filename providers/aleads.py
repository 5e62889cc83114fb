"""A-Leads: work email, email verification and phone numbers, each in one synchronous call.

Nothing here is from the vendor's own pages, which could not be read: it is what independent public
clients agree on. So values are looked for in every place where one of them has found them.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from providers.contract import (
    Auth,
    BrokenAnswer,
    Direct,
    JsonObject,
    Limits,
    Offer,
    OutOfCredit,
    Provider,
    VendorAnswer,
    VendorRequest,
    post,
    raise_for_status,
    raw_reason,
    read_object,
)
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import NoAnswer, Outcome, RejectedInput
from service.domain.phone_number import region_of
from service.domain.value_outcome import email_outcome, phone_outcome, verification_outcome
from service.domain.verdict import VerdictReason, VerdictStatus

_Verdict = tuple[VerdictStatus, VerdictReason]

_REFUSED: Final = range(400, 500)
_PROFILE: Final = re.compile(r"/in/([^/?#]+)")
_VERDICTS: Final[Mapping[str, _Verdict]] = {
    "valid": ("deliverable", "accepted_email"),
    "ok": ("deliverable", "accepted_email"),
    "good": ("deliverable", "accepted_email"),
    "catch_all": ("risky", "catch_all"),
    "invalid": ("undeliverable", "no_mailbox"),
    "unknown": ("unknown", "unclear_reply"),
}


def find_request(lead: LeadInput) -> VendorRequest:
    """Ask for a person's address by name and the bare host of the company's website."""
    name = {"first_name": lead.first_name, "last_name": lead.last_name}
    return post("/find-email", {"data": name | {"website": lead.company_domain}})


def phone_request(lead: LeadInput) -> VendorRequest:
    """Ask for a number by the name of the profile within its URL; a whole URL is taken as well."""
    url = lead.linkedin_url or ""
    named = _PROFILE.search(url)
    return post("/find-phone", {"data": {"linkedin_username": named[1] if named else url}})


def read_find(answer: VendorAnswer, _lead: LeadInput) -> Outcome:
    """Read the address; how good it is may be said in a word nobody has listed."""
    if (rejected := _read_refusal(answer)) is not None:
        return rejected
    found = _innermost(answer)
    verdict, _ = _read_verdict(found) or _VERDICTS["unknown"]
    return email_outcome(found.text_or_none("email"), verdict)


def read_verify(answer: VendorAnswer, lead: LeadInput) -> Outcome:
    """Read the verdict from whichever of its fields is there."""
    if (rejected := _read_refusal(answer)) is not None:
        return rejected
    checked = _innermost(answer)
    verdict = _read_verdict(checked)
    if verdict is None:
        word = checked.text_or_none("result") or checked.text_or_none("quality")
        return NoAnswer(raw_reason("result", word))
    return verification_outcome(checked.text_or_none("email") or lead.email, *verdict)


def read_phone(answer: VendorAnswer, lead: LeadInput) -> Outcome:
    """Read the number."""
    if (rejected := _read_refusal(answer)) is not None:
        return rejected
    found = _innermost(answer)
    number = found.text_or_none("phone_number") or found.text_or_none("phone")
    return phone_outcome(number, region_of(lead.country))


def _innermost(answer: VendorAnswer) -> JsonObject:
    whole = read_object(answer)
    data = whole.object_or_none("data") or whole
    return data.object_or_none("response") or data


def _read_verdict(checked: JsonObject) -> _Verdict | None:
    """Return the verdict, or None where there is only a word that is not known."""
    if checked.flag("catch_all_status"):
        return _VERDICTS["catch_all"]
    is_valid = checked.flag_or_none("is_valid")
    if is_valid is not None:
        return _VERDICTS["valid" if is_valid else "invalid"]
    words = [word for name in ("result", "quality") if (word := checked.text_or_none(name))]
    known = (_VERDICTS[word.lower()] for word in words if word.lower() in _VERDICTS)
    return next(known, None if words else _VERDICTS["unknown"])


def _read_refusal(answer: VendorAnswer) -> RejectedInput | None:
    """Read the status, or the one in the envelope where that alone tells of a failure."""
    status = _status_in_envelope(answer) if answer.status == 200 else answer.status  # noqa: PLR2004
    # How it says that there is no credit is not known; a refusal that speaks of credits is taken
    # for it, because the next lead would only be refused as well.
    if status in _REFUSED and b"credit" in answer.body.lower():
        raise OutOfCredit
    if status in {400, 422}:
        return RejectedInput("refused_by_vendor")
    raise_for_status(replace(answer, status=status))
    return None


def _status_in_envelope(answer: VendorAnswer) -> int:
    try:
        message = answer.object().object_or_none("message")
        return int(message.number_or_none("statusCode") or 200) if message else 200
    except (BrokenAnswer, OverflowError):
        return 200


def _offer(capability: Capability, shape: Direct, price: int, *needs: str) -> Offer:
    return Offer(capability, (needs,), shape, price_found=price)


_FIND: Final = Direct(find_request, read_find)
_VERIFY: Final = Direct(
    lambda lead: post("/verify-email", {"data": {"email": lead.email}}), read_verify
)
_PHONE: Final = Direct(phone_request, read_phone)

PROVIDER: Final = Provider(
    slug="aleads",
    name="A-Leads",
    base_url="https://api.a-leads.co/gateway/v1/search",
    auth=Auth("header", "x-api-key"),
    # Also 600 an hour and 6,000 a day, by the same clients; beyond them it throttles.
    limits=Limits(requests_per_minute=200, concurrency=10),
    repeats="cheap",  # nobody says that a repeat is free
    source="inferred, 2026-11: public clients; docs.a-leads.co could not be read",
    aliases=("a-leads",),
    key_check=None,  # the only requests known are charged for
    offers=(
        _offer(Capability.FIND_EMAIL, _FIND, 1_000, "first_name", "last_name", "company_domain"),
        _offer(Capability.VERIFY_EMAIL, _VERIFY, 1_000, "email"),
        _offer(Capability.FIND_PHONE, _PHONE, 15_000, "linkedin_url"),
    ),
)
