"""ZeroBounce: email verification. A failure may be an `error` in words with HTTP 200 or 400.

The key goes into the query, since the vendor reads no header. Beware of 403: it is the vendor's
shield against too many bad requests, which lifts after an hour, and not a wrong key.
"""

from collections.abc import Mapping
from typing import Final

from providers.complaint import error_code, error_words, raise_for_words
from providers.contract import (
    Auth,
    BrokenAnswer,
    Direct,
    Limits,
    Offer,
    Provider,
    Throttled,
    VendorAnswer,
    VendorRequest,
    get,
    raise_for_status,
    raw_reason,
    read_object,
)
from providers.vocabulary import Verdict, raise_for_another
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import NoAnswer, Outcome
from service.domain.value_outcome import verification_outcome

_CHECK_S: Final = 25
_SHIELD_S: Final = 3_600.0

_VERDICTS: Final[Mapping[str, Verdict]] = {
    "valid": ("deliverable", "accepted_email"),
    "invalid": ("undeliverable", "no_mailbox"),
    "catch-all": ("risky", "catch_all"),
    # There is a mailbox, but whoever owns it punishes those who write to it.
    "spamtrap": ("undeliverable", "domain_refuses"),
    "abuse": ("undeliverable", "domain_refuses"),
    "unknown": ("unknown", "unclear_reply"),
}
# Where the second word says more than the first.
_FINER_VERDICTS: Final[Mapping[tuple[str, str], Verdict]] = {
    ("invalid", "failed_syntax_check"): ("undeliverable", "invalid_syntax"),
    ("invalid", "no_dns_entries"): ("undeliverable", "no_such_domain"),
    ("invalid", "unroutable_ip_address"): ("undeliverable", "no_mail_host"),
    ("invalid", "does_not_accept_mail"): ("undeliverable", "domain_refuses"),
    ("invalid", "mailbox_quota_exceeded"): ("risky", "mailbox_full"),
    ("do_not_mail", "role_based"): ("risky", "role"),
    ("do_not_mail", "role_based_catch_all"): ("risky", "catch_all"),
    ("do_not_mail", "disposable"): ("risky", "disposable"),
    ("do_not_mail", "mx_forward"): ("risky", "catch_all"),
    ("do_not_mail", "global_suppression"): ("undeliverable", "domain_refuses"),
    ("do_not_mail", "possible_trap"): ("undeliverable", "domain_refuses"),
    ("do_not_mail", "toxic"): ("undeliverable", "domain_refuses"),
}


def verify_request(lead: LeadInput) -> VendorRequest:
    """Ask for a live check; the address somebody signed up from is not known, and may be empty."""
    query = {"email": lead.email or "", "ip_address": "", "timeout": str(_CHECK_S)}
    return VendorRequest("GET", "/validate", query=query)


def read_verify(answer: VendorAnswer, lead: LeadInput) -> Outcome:
    """Read the verdict from the status, and from the one below it where that says more."""
    if (failed := _read_error(answer, lead)) is not None:
        return failed
    checked = read_object(answer, leads=[lead])
    status = checked.text("status").lower()
    detail = (checked.side_text("sub_status") or "").lower()
    verdict = _FINER_VERDICTS.get((status, detail)) or _VERDICTS.get(status)
    raise_for_another(lead.email, checked.text_or_none("address"))
    if verdict is None:
        prefix, word = (status, detail) if status == "do_not_mail" else ("status", status)
        return NoAnswer(raw_reason(prefix, word))
    return verification_outcome(lead.email, *verdict)


def _read_error(answer: VendorAnswer, lead: LeadInput) -> NoAnswer | None:
    if answer.status == 403:  # noqa: PLR2004
        raise Throttled(answer.retry_after_s(), usual_wait_s=_SHIELD_S)
    words = _error_words(answer, lead)
    raise_for_words(words, answer.retry_after_s())
    raise_for_status(answer)
    if not words:
        return None
    return NoAnswer(raw_reason("error", error_code(answer.object(), "error")))


def _error_words(answer: VendorAnswer, lead: LeadInput) -> str:
    try:
        return error_words(answer.object(), "error", leads=[lead])  # a text or a list of texts
    except BrokenAnswer:
        return ""


PROVIDER: Final = Provider(
    slug="zerobounce",
    name="ZeroBounce",
    base_url="https://api.zerobounce.net/v2",
    auth=Auth("query", "api_key"),
    limits=Limits(requests_per_minute=480_000, requests_per_second=8_000, concurrency=50),
    # An address is charged for each time; only the verdict `unknown` is said to be free.
    repeats="cheap",
    source="stated, 2026-11: zerobounce.net/docs; the bodies of failures are inferred",
    version=2,
    key_check=get("/getcredits"),
    key_proof=("Credits",),
    offers=(
        Offer(
            Capability.VERIFY_EMAIL,
            needs=(("email",),),
            shape=Direct(verify_request, read_verify),
            deadline_s=35.0,
            price_found=1_000,
        ),
    ),
)
