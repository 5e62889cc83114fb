"""Prospeo: work email and mobile number of a person, each in one synchronous call.

Every failure, a person it does not know among them, is an `error_code` in the body; the HTTP
status beside it says little, so the code is read first.
"""

from collections.abc import Mapping
from typing import Any, Final

from providers.contract import (
    NAME_AND_COMPANY,
    Auth,
    BrokenAnswer,
    CredentialsRejected,
    Direct,
    JsonObject,
    Limits,
    Offer,
    OutOfCredit,
    Provider,
    RequestRefused,
    Throttled,
    VendorAnswer,
    VendorDown,
    VendorRequest,
    get,
    post,
    raise_for_status,
    raw_reason,
    read_object,
)
from providers.vocabulary import found_email
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import Missing, NoAnswer, Outcome, RejectedInput
from service.domain.phone_number import region_of
from service.domain.value_outcome import phone_outcome
from service.domain.verdict import VerdictStatus

_PATH: Final = "/enrich-person"
_VERDICTS: Final[Mapping[str, VerdictStatus]] = {"VERIFIED": "deliverable", "UNVERIFIED": "risky"}
# What is left of a rate, and in how many seconds there is more; the longer wait comes first.
_RATES: Final = (
    ("x-daily-request-left", "x-daily-reset-seconds"),
    ("x-minute-request-left", "x-minute-reset-seconds"),
)
_SECONDS_DIGITS_MAX: Final = 6


def find_request(lead: LeadInput) -> VendorRequest:
    """Ask for a verified address: an unverified one costs the same, and would only be doubted."""
    return post(_PATH, {"only_verified_email": True, "data": _person(lead)})


def phone_request(lead: LeadInput) -> VendorRequest:
    """Ask for a mobile number; a person without one is no match, which costs nothing."""
    person = _person(lead) | ({"email": lead.email} if lead.email else {})
    return post(_PATH, {"enrich_mobile": True, "only_verified_mobile": True, "data": person})


def read_find(answer: VendorAnswer, lead: LeadInput) -> Outcome:
    """Read the address and whether the vendor verified it."""
    if (failed := _read_error(answer)) is not None:
        return failed
    email = read_object(answer, leads=[lead]).object("person").object_or_none("email")
    if email is None:
        return Missing()
    address, word = email.text_or_none("email"), email.side_text("status")
    return _hidden(email) or found_email(address, word, _VERDICTS)


def read_phone(answer: VendorAnswer, lead: LeadInput) -> Outcome:
    """Read the mobile number in its international spelling, where there is one."""
    if (failed := _read_error(answer)) is not None:
        return failed
    mobile = read_object(answer, leads=[lead]).object("person").object_or_none("mobile")
    if mobile is None:
        return Missing()
    international = mobile.phone_or_none("mobile_international", prefix="+")
    number = international or mobile.phone_or_none("mobile")
    region = region_of(mobile.side_text("mobile_country_code")) or region_of(lead.country)
    return _hidden(mobile) or _doubted(mobile, number) or phone_outcome(number, region)


def _hidden(value: JsonObject) -> NoAnswer | None:
    # What is not revealed is masked with stars, and a star may stand in a real address.
    return NoAnswer("not_revealed") if value.side_flag("revealed") is False else None


def _doubted(mobile: JsonObject, number: str | None) -> NoAnswer | None:
    word = mobile.side_text("status")
    if word is None or word.upper() == "VERIFIED":
        return None
    return NoAnswer(raw_reason("status", word), has_value=number is not None)


def _person(lead: LeadInput) -> dict[str, Any]:
    known = {
        "first_name": lead.first_name,
        "last_name": lead.last_name,
        "company_website": lead.company_domain,
        "company_name": lead.company_name,
        "linkedin_url": lead.linkedin_url,
    }
    return {name: text for name, text in known.items() if text}


def _read_error(answer: VendorAnswer) -> Outcome | None:
    match code := _error_code(answer):
        case "NO_MATCH":
            return Missing()
        case "INVALID_DATAPOINTS":
            return RejectedInput("refused_by_vendor")
        case "INVALID_REQUEST":
            raise RequestRefused
        case "INSUFFICIENT_CREDITS":
            raise OutOfCredit
        case "INVALID_API_KEY" | "ACCOUNT_RESTRICTED":
            raise CredentialsRejected
        case "INTERNAL_ERROR":
            raise VendorDown
    if answer.status == 429 or code in {"RATE_LIMITED", "RATE_LIMIT_EXCEEDED"}:  # noqa: PLR2004
        raise Throttled(_wait_s(answer))
    raise_for_status(answer)
    return None if code is None else NoAnswer(raw_reason("error", code))


def _error_code(answer: VendorAnswer) -> str | None:
    # What stands before the vendor, such as a proxy, answers in other shapes.
    try:
        return answer.object().text_or_none("error_code")
    except BrokenAnswer:
        return None


def _wait_s(answer: VendorAnswer) -> float | None:
    for left, reset in _RATES:
        seconds = answer.headers.get(reset, "")
        is_number = seconds.isascii() and seconds.isdigit() and len(seconds) <= _SECONDS_DIGITS_MAX
        if answer.headers.get(left) == "0" and is_number:
            return float(seconds)
    return answer.retry_after_s()


def _offer(capability: Capability, shape: Direct, price: int, *more: tuple[str, ...]) -> Offer:
    needs = (*NAME_AND_COMPANY, ("linkedin_url",), *more)
    return Offer(capability, needs, shape, price_found=price)


PROVIDER: Final = Provider(
    slug="prospeo",
    name="Prospeo",
    base_url="https://api.prospeo.io",
    auth=Auth("header", "X-KEY"),
    # Set by the plan and told only in the answers' headers, which say how long to wait.
    limits=Limits(requests_per_minute=300, requests_per_second=5, concurrency=5),
    repeats="free",  # stated: enriching the same person again is free
    source="stated, 2026-11: prospeo.io/api-docs; the status beside each error code is inferred",
    version=2,
    key_check=get("/account-information"),
    key_proof=("response",),
    offers=(
        _offer(Capability.FIND_EMAIL, Direct(find_request, read_find), 1_000),
        _offer(Capability.FIND_PHONE, Direct(phone_request, read_phone), 10_000, ("email",)),
    ),
)
