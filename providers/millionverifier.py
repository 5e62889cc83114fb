"""MillionVerifier: email verification. Its failures are answers with an `error` in words.

The key goes into the query, since the vendor reads no header. Its `quality` may say good where its
`result` says invalid, so only `result` is read.
"""

from collections.abc import Mapping
from typing import Final

from providers.complaint import error_code, error_words, raise_for_words
from providers.contract import (
    Auth,
    BrokenAnswer,
    CredentialsRejected,
    Direct,
    Limits,
    Offer,
    Provider,
    VendorAnswer,
    VendorDown,
    VendorRequest,
    get,
    raise_for_status,
    raw_reason,
    read_object,
)
from providers.vocabulary import Verdict, verified_email
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import NoAnswer, Outcome, RejectedInput

_CHECK_S: Final = 20  # its own default, said aloud; it wants five seconds more to answer in

_VERDICTS: Final[Mapping[str, Verdict]] = {
    "ok": ("deliverable", "accepted_email"),
    "catch_all": ("risky", "catch_all"),
    "disposable": ("risky", "disposable"),
    "invalid": ("undeliverable", "no_mailbox"),
    "unknown": ("unknown", "unclear_reply"),
}


def verify_request(lead: LeadInput) -> VendorRequest:
    """Ask for a live check of the address."""
    return get("/", email=lead.email, timeout=str(_CHECK_S))


def read_verify(answer: VendorAnswer, lead: LeadInput) -> Outcome:
    """Read the verdict; which status goes with which failure is not known, so words come first."""
    if (failed := _read_error(answer, lead)) is not None:
        return failed
    checked = read_object(answer, leads=[lead])
    result = checked.text("result").lower()
    named = checked.text_or_none("email")
    return verified_email(lead.email, result, _VERDICTS, named=named, prefix="result")


def _read_error(answer: VendorAnswer, lead: LeadInput) -> Outcome | None:
    # The same failure has been seen spelled with blanks and with underscores.
    text = _error_words(answer, lead)
    raise_for_words(text, answer.retry_after_s())
    words = text.split()
    if "ip" in words and "blocked" in words:
        raise CredentialsRejected
    if "internal" in words:
        raise VendorDown
    if "email" in words:
        return RejectedInput("refused_by_vendor")
    raise_for_status(answer)
    if not words:
        return None
    return NoAnswer(raw_reason("error", error_code(answer.object(), "error")))


def _error_words(answer: VendorAnswer, lead: LeadInput) -> str:
    # What stands before the vendor, such as a proxy, answers in other shapes.
    try:
        return error_words(answer.object(), "error", leads=[lead])
    except BrokenAnswer:
        return ""


PROVIDER: Final = Provider(
    slug="millionverifier",
    name="MillionVerifier",
    base_url="https://api.millionverifier.com/api/v3",
    auth=Auth("query", "api"),
    # Unpublished; integrators have stayed unhindered with 20 requests at once.
    limits=Limits(requests_per_minute=1_200, concurrency=20),
    repeats="cheap",  # nothing says that a repeat is free
    source="stated, 2026-11: developer.millionverifier.com; what is not charged is inferred",
    version=2,
    key_check=get("/credits"),
    key_proof=("credits",),
    offers=(
        Offer(
            Capability.VERIFY_EMAIL,
            needs=(("email",),),
            shape=Direct(verify_request, read_verify),
            price_found=1_000,
        ),
    ),
)
