"""A-Leads: work email, email verification and phone numbers, each in one synchronous call.

Nothing here is from the vendor's own pages, which could not be read: it is what independent public
clients agree on. So values are looked for in every place where one of them has found them.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from providers.complaint import error_words, is_about_credit, raise_for_failure
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
    read_object,
)
from providers.vocabulary import Verdict, found_email, verified_email
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import Outcome, RejectedInput
from service.domain.phone_number import region_of
from service.domain.value_outcome import phone_outcome

_REFUSED: Final = range(400, 500)
_PROFILE: Final = re.compile(r"/in/([^/?#]+)")
_VERDICTS: Final[Mapping[str, Verdict]] = {
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


def read_find(answer: VendorAnswer, lead: LeadInput) -> Outcome:
    """Read the address; the words for how good it is are listed nowhere."""
    if (rejected := _read_refusal(answer, lead)) is not None:
        return rejected
    found = _innermost(answer, lead)
    email = found.text_or_none("email")
    # Its words for nobody are not known either; that there is no address says it.
    return found_email(email, email and _read_word(found), _VERDICTS, prefix="result")


def read_verify(answer: VendorAnswer, lead: LeadInput) -> Outcome:
    """Read the verdict from whichever of its fields is there."""
    if (rejected := _read_refusal(answer, lead)) is not None:
        return rejected
    checked = _innermost(answer, lead)
    named, word = checked.text_or_none("email"), _read_word(checked)
    return verified_email(lead.email, word, _VERDICTS, named=named, prefix="result")


def read_phone(answer: VendorAnswer, lead: LeadInput) -> Outcome:
    """Read the number."""
    if (rejected := _read_refusal(answer, lead)) is not None:
        return rejected
    found = _innermost(answer, lead)
    number = found.phone_or_none("phone_number") or found.phone_or_none("phone")
    return phone_outcome(number, region_of(lead.country))


def _innermost(answer: VendorAnswer, lead: LeadInput) -> JsonObject:
    whole = read_object(answer, leads=[lead])
    if _is_failure(whole):
        raise_for_failure(whole, answer.retry_after_s(), [lead])
    # Told in one of these places; a page that is none of the vendor's has none of them.
    whole.require("data", "response", "email", "phone_number", "phone", "result", "is_valid")
    data = whole.object_or_none("data") or whole
    return data.object_or_none("response") or data


def _is_failure(whole: JsonObject) -> bool:
    said = {text.lower() for text in whole.texts("message")}
    return "error" in said or whole.side_flag("success") is False


def _read_word(checked: JsonObject) -> str | None:
    """Return the first word that is known, else the first there is, of those said of an address."""
    if checked.side_flag("catch_all_status"):
        return "catch_all"
    is_valid = checked.side_flag("is_valid")
    if is_valid is not None:
        return "valid" if is_valid else "invalid"
    said = [checked.side_text(name) for name in ("result", "quality")]
    words = [word.lower() for word in said if word]
    return next((word for word in words if word in _VERDICTS), next(iter(words), None))


def _read_refusal(answer: VendorAnswer, lead: LeadInput) -> RejectedInput | None:
    """Read the status, or the one in the envelope where that alone tells of a failure."""
    status = _status_in_envelope(answer) if answer.status == 200 else answer.status  # noqa: PLR2004
    # How it says that there is no credit is not known; a refusal that speaks of credits is taken
    # for it, because the next lead would only be refused as well.
    if status in _REFUSED and is_about_credit(_words(answer, lead)):
        raise OutOfCredit
    if status in {400, 422}:
        return RejectedInput("refused_by_vendor")
    raise_for_status(replace(answer, status=status))
    return None


def _words(answer: VendorAnswer, lead: LeadInput) -> str:
    # What stands before the vendor, such as a proxy, answers in other shapes.
    try:
        return error_words(answer.object(), "message", "error", "errors", "detail", leads=[lead])
    except BrokenAnswer:
        return ""


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
    version=2,
    key_check=None,  # the only requests known are charged for
    offers=(
        _offer(Capability.FIND_EMAIL, _FIND, 1_000, "first_name", "last_name", "company_domain"),
        _offer(Capability.VERIFY_EMAIL, _VERIFY, 1_000, "email"),
        _offer(Capability.FIND_PHONE, _PHONE, 15_000, "linkedin_url"),
    ),
)
