"""LeadMagic: work email, email verification and mobile numbers, each in one synchronous call.

Its words for a verdict have changed between releases, so those of all releases are understood.
Its bulk jobs are not used: what comes back of them is not published.
"""

from collections.abc import Mapping
from typing import Final

from providers.complaint import error_words, is_about_nobody, raise_for_failure, raise_for_words
from providers.contract import (
    NAME_AND_COMPANY,
    Auth,
    Direct,
    JsonObject,
    Limits,
    Offer,
    Provider,
    VendorAnswer,
    VendorRequest,
    get,
    post,
    read_any_object,
)
from providers.vocabulary import Verdict, found_email, verified_email
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import Outcome, RejectedInput
from service.domain.phone_number import region_of
from service.domain.value_outcome import phone_outcome

_VERDICTS: Final[Mapping[str, Verdict]] = {
    "valid": ("deliverable", "accepted_email"),
    "valid_catch_all": ("risky", "catch_all"),
    "catch_all": ("risky", "catch_all"),
    "invalid": ("undeliverable", "no_mailbox"),
    "not_found": ("undeliverable", "no_mailbox"),
    "unknown": ("unknown", "unclear_reply"),
}


def find_request(lead: LeadInput) -> VendorRequest:
    """Ask for a person's address at a company, by domain where one is known."""
    return post(
        "/v1/people/email-finder",
        {
            "first_name": lead.first_name,
            "last_name": lead.last_name,
            "domain": lead.company_domain,
            "company_name": lead.company_name,
        },
    )


def phone_request(lead: LeadInput) -> VendorRequest:
    """Ask for a mobile number by profile and address; a name and a company are not enough."""
    return post(
        "/v1/people/mobile-finder", {"profile_url": lead.linkedin_url, "work_email": lead.email}
    )


def read_find(answer: VendorAnswer, lead: LeadInput) -> Outcome:
    """Read the address and its verdict."""
    if (rejected := _read_refusal(answer)) is not None:
        return rejected
    found = _read_success(answer, lead, "email")
    word = _decided(found.side_text("status"), found)
    return found_email(found.text_or_none("email"), word, _VERDICTS)


def read_verify(answer: VendorAnswer, lead: LeadInput) -> Outcome:
    """Read the verdict; an undecided one on a catch-all domain is risky, not unknown."""
    if (rejected := _read_refusal(answer)) is not None:
        return rejected
    checked = _read_success(answer, lead, "email_status", "email")
    named = checked.text_or_none("email")
    word = _decided(checked.text_or_none("email_status"), checked)
    return verified_email(lead.email, word, _VERDICTS, named=named)


def read_phone(answer: VendorAnswer, lead: LeadInput) -> Outcome:
    """Read the number; one without a country code cannot be placed and counts as unreadable."""
    if (rejected := _read_refusal(answer)) is not None:
        return rejected
    return phone_outcome(
        _read_success(answer, lead, "mobile_number").phone_or_none("mobile_number"),
        region_of(lead.country),
    )


def _read_success(answer: VendorAnswer, lead: LeadInput, *told: str) -> JsonObject:
    """Return the body; it has one of the fields `told`, or says in words that there is nobody."""
    body = read_any_object(answer)
    # That there is nobody is said so, whatever flag stands beside; the text is not stated.
    words = error_words(body, "message", "error", "errors", leads=[lead])
    is_missing = is_about_nobody(words)
    if body.says("error") or body.says("errors") or body.side_flag("success") is False:
        raise_for_words(words, answer.retry_after_s())
        if not is_missing:
            raise_for_failure(body, answer.retry_after_s(), [lead])
    if not is_missing:
        body.require(*told)
    return body


def _read_refusal(answer: VendorAnswer) -> RejectedInput | None:
    return RejectedInput("refused_by_vendor") if answer.status in {400, 422} else None


def _decided(word: str | None, answer: JsonObject) -> str | None:
    is_undecided = word is None or word == "unknown"
    return "catch_all" if is_undecided and answer.side_flag("is_domain_catch_all") else word


PROVIDER: Final = Provider(
    slug="leadmagic",
    name="LeadMagic",
    base_url="https://api.leadmagic.io",
    auth=Auth("header", "X-API-Key"),
    # Stated as 3,000 a minute today and as 1,000 on older pages: the lower holds for both.
    limits=Limits(requests_per_minute=1_000, concurrency=50),
    # No idempotency key and no free repeats: a second request for the same hit is charged again.
    repeats="cheap",
    source="stated, 2026-11: leadmagic.io/docs/v1 and the vendor's OpenAPI file",
    version=2,
    key_check=get("/v1/credits"),
    key_proof=("credits",),
    offers=(
        Offer(
            Capability.FIND_EMAIL,
            needs=NAME_AND_COMPANY,
            shape=Direct(find_request, read_find),
            price_found=1_000,
        ),
        Offer(
            Capability.VERIFY_EMAIL,
            needs=(("email",),),
            shape=Direct(
                lambda lead: post("/v1/people/email-validation", {"email": lead.email}),
                read_verify,
            ),
            price_found=250,
        ),
        Offer(
            Capability.FIND_PHONE,
            needs=(("linkedin_url",), ("email",)),
            shape=Direct(phone_request, read_phone),
            price_found=5_000,
        ),
    ),
)
