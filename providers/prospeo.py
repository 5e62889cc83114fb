"""Prospeo: work email and mobile number of a person, or of many, in one synchronous call.

Every failure, a person it does not know among them, is an `error_code` in the body; the HTTP
status beside it says little, so the code is read first. A bulk tells in three lists who is known,
who is not and whose datapoints do not suffice. It spares requests and no part of the rate, which
counts each of its records: so it is kept short, and has a share of the rate for itself.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from providers.contract import (
    NAME_AND_COMPANY,
    Auth,
    Batched,
    BrokenAnswer,
    CredentialsRejected,
    Direct,
    JsonObject,
    Limits,
    Offer,
    OutOfCredit,
    Provider,
    RequestRefused,
    Row,
    Throttled,
    VendorAnswer,
    VendorDown,
    VendorRequest,
    get,
    post,
    raise_for_status,
    raw_reason,
    read_object,
    read_rows,
)
from providers.vocabulary import found_email
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import Missing, NoAnswer, Outcome, RejectedInput
from service.domain.phone_number import region_of
from service.domain.value_outcome import phone_outcome
from service.domain.verdict import VerdictStatus

_PATH: Final = "/enrich-person"
_BULK_PATH: Final = "/bulk-enrich-person"
# The vendor takes 50. More than these would be no faster, and one lost answer would leave more.
_BULK_ROWS_MAX: Final = 10
_BULK_S: Final = 60.0
_BULK_USUAL_S: Final = 5.0
# Together the 300 records a minute that the smaller plans allow: most of them are left to those
# who are asked about alone, among them all sync callers.
_SINGLES_PER_MINUTE: Final = 240
_BULKS_PER_MINUTE: Final = 6
_WANT_EMAIL: Final = {"only_verified_email": True}
_WANT_PHONE: Final = {"enrich_mobile": True, "only_verified_mobile": True}
_VERDICTS: Final[Mapping[str, VerdictStatus]] = {"VERIFIED": "deliverable", "UNVERIFIED": "risky"}
# What is left of a rate, and in how many seconds there is more; the longer wait comes first.
_RATES: Final = (
    ("x-daily-request-left", "x-daily-reset-seconds"),
    ("x-minute-request-left", "x-minute-reset-seconds"),
)
_SECONDS_DIGITS_MAX: Final = 6
_REGION_BEHIND: Final = re.compile(r"[A-Z]{2}$")


def find_request(lead: LeadInput) -> VendorRequest:
    """Ask for a verified address: an unverified one costs the same, and would only be doubted."""
    return post(_PATH, _WANT_EMAIL | {"data": _person(lead)})


def phone_request(lead: LeadInput) -> VendorRequest:
    """Ask for a mobile number; a person without one is no match, which costs nothing."""
    return post(_PATH, _WANT_PHONE | {"data": _person_to_call(lead)})


def bulk_find_request(rows: Sequence[Row]) -> VendorRequest:
    """Ask for the verified addresses of many."""
    people = [{"identifier": _identifier(row)} | _person(row.lead) for row in rows]
    return post(_BULK_PATH, _WANT_EMAIL | {"data": people})


def bulk_phone_request(rows: Sequence[Row]) -> VendorRequest:
    """Ask for the mobile numbers of many."""
    people = [{"identifier": _phone_identifier(row)} | _person_to_call(row.lead) for row in rows]
    return post(_BULK_PATH, _WANT_PHONE | {"data": people})


def read_find(answer: VendorAnswer, lead: LeadInput) -> Outcome:
    """Read the address and whether the vendor verified it."""
    if (failed := _read_error(answer)) is not None:
        return failed
    return read_email(read_object(answer, leads=[lead]))


def read_phone(answer: VendorAnswer, lead: LeadInput) -> Outcome:
    """Read the mobile number in its international spelling, where there is one."""
    if (failed := _read_error(answer)) is not None:
        return failed
    return read_mobile(read_object(answer, leads=[lead]), region_of(lead.country))


def read_bulk(
    read: Callable[[JsonObject], Outcome], answer: VendorAnswer, leads: Sequence[LeadInput]
) -> Mapping[str, Outcome]:
    """Read who is known, with `read`, who is not, and whose datapoints do not suffice.

    A failure of the whole says nothing of each: whoever is in it is asked about again, for free.
    """
    match _read_error(answer):
        case RejectedInput():
            raise RequestRefused
        case Missing() | NoAnswer():
            raise BrokenAnswer("the answer tells of an error")
    body = read_object(answer, leads=leads)
    body.require("matched", "not_matched", "invalid_datapoints")
    outcomes: dict[str, Outcome] = dict.fromkeys(body.listed_texts("not_matched"), Missing())
    refused = body.listed_texts("invalid_datapoints")
    outcomes |= dict.fromkeys(refused, RejectedInput("refused_by_vendor"))
    return outcomes | read_rows(body.rows("matched"), _identifier_of, read)


def read_email(match: JsonObject) -> Outcome:
    """Read the address of a person who is known."""
    email = match.object("person").object_or_none("email")
    if email is None:
        return Missing()
    address, word = email.text_or_none("email"), email.side_text("status")
    return _hidden(email) or found_email(address, word, _VERDICTS)


def read_mobile(match: JsonObject, region: str | None) -> Outcome:
    """Read the mobile number of a person who is known.

    Args:
        region: of the lead, in which a number is read that comes without any country.
    """
    mobile = match.object("person").object_or_none("mobile")
    if mobile is None:
        return Missing()
    international = mobile.phone_or_none("mobile_international", prefix="+")
    number = international or mobile.phone_or_none("mobile")
    region = region_of(mobile.side_text("mobile_country_code")) or region
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


def _person_to_call(lead: LeadInput) -> dict[str, Any]:
    return _person(lead) | ({"email": lead.email} if lead.email else {})


def _identifier(row: Row) -> str:
    # Of letters and digits, which is all that the vendor allows there.
    return row.reference.replace(".", "x")


def _phone_identifier(row: Row) -> str:
    # With the lead's region, since nothing else in a result tells whose country it is to be.
    return _identifier(row) + (region_of(row.lead.country) or "")


def _identifier_of(match: JsonObject) -> str | None:
    return match.side_text("identifier")


def _read_named_mobile(match: JsonObject) -> Outcome:
    region = _REGION_BEHIND.search(match.side_text("identifier") or "")
    return read_mobile(match, region and region.group())


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


def _offer(
    capability: Capability, price: int, single: Direct, bulk: Batched, *more: tuple[str, ...]
) -> Offer:
    needs = (*NAME_AND_COMPANY, ("linkedin_url",), *more)
    limits = Limits(requests_per_minute=_BULKS_PER_MINUTE, concurrency=5)
    offer = Offer(capability, needs, single, price_found=price)
    return offer.with_bulk(bulk, deadline_s=_BULK_S, limits=limits)


PROVIDER: Final = Provider(
    slug="prospeo",
    name="Prospeo",
    base_url="https://api.prospeo.io",
    auth=Auth("header", "X-KEY"),
    # Those of the smaller plans, less what is left to the bulk. The answers' headers say how long
    # to wait where there is less. Of the 5 a second one is left to the bulk as well.
    limits=Limits(requests_per_minute=_SINGLES_PER_MINUTE, requests_per_second=4, concurrency=5),
    repeats="free",  # stated: enriching the same person again is free
    source="stated, 2026-11: prospeo.io/api-docs, help.prospeo.io (each record of a bulk counts as"
    " a request); the status beside each error code, and what a second's rate counts of a bulk, are"
    " inferred",
    version=2,
    key_check=get("/account-information"),
    key_proof=("response",),
    offers=(
        _offer(
            Capability.FIND_EMAIL,
            1_000,
            Direct(find_request, read_find),
            Batched(
                _BULK_ROWS_MAX,
                bulk_find_request,
                partial(read_bulk, read_email),
                _BULK_USUAL_S,
                _identifier,
            ),
        ),
        _offer(
            Capability.FIND_PHONE,
            10_000,
            Direct(phone_request, read_phone),
            Batched(
                _BULK_ROWS_MAX,
                bulk_phone_request,
                partial(read_bulk, _read_named_mobile),
                _BULK_USUAL_S,
                _phone_identifier,
            ),
            ("email",),
        ),
    ),
)
