"""LeadMagic: work email, email verification and mobile numbers, each in one synchronous call.

Its words for a verdict have changed between releases, so those of all releases are understood.
"""

from collections.abc import Mapping
from typing import Final

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
    read_object,
)
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import Outcome, RejectedInput
from service.domain.phone_number import region_of
from service.domain.value_outcome import email_outcome, phone_outcome, verification_outcome
from service.domain.verdict import VerdictReason, VerdictStatus

_VERDICTS: Final[Mapping[str, tuple[VerdictStatus, VerdictReason]]] = {
    "valid": ("deliverable", "accepted_email"),
    "valid_catch_all": ("risky", "catch_all"),
    "catch_all": ("risky", "catch_all"),
    "invalid": ("undeliverable", "no_mailbox"),
    "not_found": ("undeliverable", "no_mailbox"),
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


def read_find(answer: VendorAnswer, _lead: LeadInput) -> Outcome:
    """Read the address and its verdict."""
    if (rejected := _read_refusal(answer)) is not None:
        return rejected
    found = read_object(answer)
    verdict, _ = _read_verdict(found, "status")
    return email_outcome(found.text_or_none("email"), verdict)


def read_verify(answer: VendorAnswer, lead: LeadInput) -> Outcome:
    """Read the verdict; an undecided one on a catch-all domain is risky, not unknown."""
    if (rejected := _read_refusal(answer)) is not None:
        return rejected
    checked = read_object(answer)
    verdict, reason = _read_verdict(checked, "email_status")
    return verification_outcome(checked.text_or_none("email") or lead.email, verdict, reason)


def read_phone(answer: VendorAnswer, lead: LeadInput) -> Outcome:
    """Read the number; one without a country code cannot be placed and counts as unreadable."""
    if (rejected := _read_refusal(answer)) is not None:
        return rejected
    return phone_outcome(read_object(answer).text_or_none("mobile_number"), region_of(lead.country))


def _read_refusal(answer: VendorAnswer) -> RejectedInput | None:
    return RejectedInput("refused_by_vendor") if answer.status in {400, 422} else None


def _read_verdict(answer: JsonObject, field: str) -> tuple[VerdictStatus, VerdictReason]:
    decided = _VERDICTS.get(answer.text_or_none(field) or "")
    if decided is not None:
        return decided
    catch_all = answer.flag("is_domain_catch_all")
    return ("risky", "catch_all") if catch_all else ("unknown", "unclear_reply")


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
    key_check=get("/v1/credits"),
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
