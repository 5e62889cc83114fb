"""NeverBounce: email verification. Its failures are answers with HTTP 200 and a `status` in words.

The key goes into the query, since the vendor reads no header.
"""

from collections.abc import Mapping
from typing import Final

from providers.complaint import is_about_credit, plain_words
from providers.contract import (
    Auth,
    CredentialsRejected,
    Direct,
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
    raw_reason,
    read_object,
)
from providers.vocabulary import Verdict, verified_email
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import NoAnswer, Outcome

# The vendor gives up first, so that a check that is paid for is not left without an answer.
_CHECK_S: Final = 20

_VERDICTS: Final[Mapping[str, Verdict]] = {
    "valid": ("deliverable", "accepted_email"),
    "invalid": ("undeliverable", "no_mailbox"),
    "catchall": ("risky", "catch_all"),
    "disposable": ("risky", "disposable"),
    "unknown": ("unknown", "unclear_reply"),
}


def verify_request(lead: LeadInput) -> VendorRequest:
    """Ask for a live check of the address."""
    return get("/single/check", email=lead.email, timeout=str(_CHECK_S))


def read_verify(answer: VendorAnswer, lead: LeadInput) -> Outcome:
    """Read the verdict; the answer does not repeat the address."""
    checked = read_object(answer, leads=[lead])
    status = checked.text("status")
    if status != "success":
        return _read_failure(status, plain_words(checked.side_text("message") or "", [lead]))
    return verified_email(lead.email, checked.text("result"), _VERDICTS, prefix="result")


def _read_failure(status: str, words: str) -> NoAnswer:
    match status:
        case "auth_failure" | "bad_referrer":
            raise CredentialsRejected
        case "throttle_triggered":
            raise Throttled
        case "temp_unavail":
            raise VendorDown
        case "general_failure" if is_about_credit(words):
            raise OutOfCredit
        case "general_failure":
            raise RequestRefused
        case _:
            return NoAnswer(raw_reason("error", status))


PROVIDER: Final = Provider(
    slug="neverbounce",
    name="NeverBounce",
    base_url="https://api.neverbounce.com/v4.2",
    auth=Auth("query", "key"),
    # Set for each application in the vendor's account, and told nowhere else.
    limits=Limits(requests_per_minute=600, concurrency=20),
    repeats="cheap",  # stated: every check is charged, repeats too
    source="stated, 2026-11: developers.neverbounce.com; the words for no credit are inferred",
    key_check=get("/account/info"),
    key_proof=("credits_info", "job_counts"),
    offers=(
        Offer(
            Capability.VERIFY_EMAIL,
            needs=(("email",),),
            shape=Direct(verify_request, read_verify),
            price_found=1_000,
            price_missing=1_000,
            price_unknown=1_000,
        ),
    ),
)
