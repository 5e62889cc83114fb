"""Findymail: verified work emails, email verification and (mostly American) phone numbers.

A person it does not know is a 404, and an empty purse may be a 200 with an `error` in words.
"""

from typing import Final

from providers.complaint import error_code, error_words, is_about_nobody, raise_for_words
from providers.contract import (
    NAME_AND_COMPANY,
    Auth,
    BrokenAnswer,
    Direct,
    Limits,
    Offer,
    OutOfCredit,
    Provider,
    Throttled,
    VendorAnswer,
    VendorRequest,
    get,
    post,
    raise_for_status,
    raw_reason,
    read_object,
)
from providers.vocabulary import raise_for_another
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import Missing, NoAnswer, Outcome, RejectedInput
from service.domain.phone_number import region_of
from service.domain.value_outcome import email_outcome, phone_outcome, verification_outcome


def find_request(lead: LeadInput) -> VendorRequest:
    """Ask by name and company, else by profile; a company's name may stand for its domain."""
    company = lead.company_domain or lead.company_name
    if not (lead.first_name and lead.last_name and company):
        return post("/search/linkedin", {"linkedin_url": lead.linkedin_url})
    return post("/search/name", {"name": f"{lead.first_name} {lead.last_name}", "domain": company})


def read_find(answer: VendorAnswer, lead: LeadInput) -> Outcome:
    """Read the address, which is only ever told when the vendor has verified it."""
    if (failed := _read_error(answer, lead)) is not None:
        return failed
    body = read_object(answer, leads=[lead])
    body.require("contact")
    if not body.says("contact"):
        return Missing()
    return email_outcome(body.object("contact").text_or_none("email"), "deliverable")


def read_verify(answer: VendorAnswer, lead: LeadInput) -> Outcome:
    """Read a yes; a no says as little as no answer, because it also covers what it cannot tell."""
    if (failed := _read_error(answer, lead)) is not None:
        # That somebody is not known is no verdict on an address.
        return NoAnswer("error_not_found") if isinstance(failed, Missing) else failed
    checked = read_object(answer, leads=[lead])
    raise_for_another(lead.email, checked.text_or_none("email"))
    word = checked.side_text("verified")
    if word is not None and checked.side_flag("verified") is None:
        return NoAnswer(raw_reason("verified", word))
    if not checked.side_flag("verified"):
        return NoAnswer("unknown_verdict")
    return verification_outcome(lead.email, "deliverable", "accepted_email")


def read_phone(answer: VendorAnswer, lead: LeadInput) -> Outcome:
    """Read the number, which comes in E.164."""
    if (failed := _read_error(answer, lead)) is not None:
        return failed
    body = read_object(answer, leads=[lead])
    body.require("phone")
    return phone_outcome(body.phone_or_none("phone", prefix="+"), region_of(lead.country))


def _read_error(answer: VendorAnswer, lead: LeadInput) -> Outcome | None:
    words = _error_words(answer, lead)
    match answer.status:
        case 200 if words:
            raise_for_words(words, answer.retry_after_s())
            code = error_code(answer.object(), "error")
            return Missing() if is_about_nobody(words) else NoAnswer(raw_reason("error", code))
        case 404 if words is not None and "route" not in words.split():
            return Missing()
        case 422:
            return RejectedInput("refused_by_vendor")
        case 423:
            # Seen for too many requests, and for a subscription that is paused.
            is_paused = "paused" in (words or "").split()
            raise OutOfCredit if is_paused else Throttled(answer.retry_after_s())
    raise_for_status(answer)
    return None


def _error_words(answer: VendorAnswer, lead: LeadInput) -> str | None:
    """Return what the body says went wrong, "" for nothing, and None without a readable body."""
    try:
        body = answer.object()
    except BrokenAnswer:
        return None
    # A 200 may carry a friendly message; only `error` says that it failed.
    has_failed = answer.status != 200 or body.says("error")  # noqa: PLR2004
    return error_words(body, "error", "message", "detail", leads=[lead]) if has_failed else ""


PROVIDER: Final = Provider(
    slug="findymail",
    name="Findymail",
    base_url="https://app.findymail.com/api",
    auth=Auth("header", "Authorization", "Bearer "),
    # Only how many requests may be under way is published: 300. The rate is what keeps a hundred
    # of them busy at a second each.
    limits=Limits(requests_per_minute=6_000, concurrency=100),
    # Nothing says that a repeat is free, and a verification is charged every time.
    repeats="cheap",
    source="stated, 2026-11: app.findymail.com/docs; 404 and 423 bodies and phones are inferred",
    version=2,
    key_check=get("/credits"),
    key_proof=("credits", "verifier_credits"),
    offers=(
        Offer(
            Capability.FIND_EMAIL,
            needs=(*NAME_AND_COMPANY, ("linkedin_url",)),
            shape=Direct(find_request, read_find),
            deadline_s=60.0,
            price_found=1_000,
        ),
        Offer(
            Capability.VERIFY_EMAIL,
            needs=(("email",),),
            shape=Direct(lambda lead: post("/verify", {"email": lead.email}), read_verify),
            deadline_s=60.0,
            price_found=1_000,  # of a purse of their own, the verifier's credits
            price_missing=1_000,
            price_unknown=1_000,
        ),
        Offer(
            Capability.FIND_PHONE,
            needs=(("linkedin_url",),),
            shape=Direct(
                lambda lead: post("/search/phone", {"linkedin_url": lead.linkedin_url}), read_phone
            ),
            deadline_s=60.0,
            price_found=10_000,
        ),
    ),
)
