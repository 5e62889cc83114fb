"""ZeroBounce: email verification. A failure may be an `error` in words with HTTP 200 or 400.

The key goes into the query, since the vendor reads no header, and into the body of a bulk, which
has a host of its own. A bulk tells its failures in a list, by address or of `all`. Beware of 403:
it is the vendor's shield against too many bad requests, which lifts after an hour, and not a wrong
key.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from providers.complaint import error_code, error_words, raise_for_words
from providers.contract import (
    Auth,
    Batched,
    BrokenAnswer,
    Direct,
    JsonObject,
    Limits,
    Offer,
    Provider,
    Row,
    Throttled,
    VendorAnswer,
    VendorFault,
    VendorRequest,
    get,
    post,
    raise_for_status,
    raw_reason,
    read_any_object,
    read_object,
    read_rows,
)
from providers.vocabulary import Verdict, raise_for_another
from service.domain.email_address import read_email_address
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import NoAnswer, Outcome
from service.domain.value_outcome import verification_outcome

_CHECK_S: Final = 25
_SHIELD_S: Final = 3_600.0
_BULK_URL: Final = "https://bulkapi.zerobounce.net/v2"
# Some pages allow 200; the one about limits allows these.
_BULK_ROWS_MAX: Final = 100
_BULK_CHECK_S: Final = 60
_BULK_USUAL_S: Final = 20.0
_BULK_BLOCK_S: Final = 600.0
# What a failure calls the whole of a bulk.
_ALL: Final = "all"

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


def bulk_request(rows: Sequence[Row]) -> VendorRequest:
    """Ask about each address once, however many rows it is of: it is charged each time."""
    addresses = {_name_of(row): row.lead.email or "" for row in rows}
    batch = [{"email_address": address, "ip_address": ""} for address in addresses.values()]
    asked = post("/validatebatch", {"email_batch": batch, "timeout": _BULK_CHECK_S})
    return replace(asked, base_url=_BULK_URL, key_field="api_key")


def read_verify(answer: VendorAnswer, lead: LeadInput) -> Outcome:
    """Read the verdict on the address asked about."""
    if (failed := _read_error(answer, [lead])) is not None:
        return failed
    return read_check(read_object(answer, leads=[lead]), lead.email)


def read_bulk(answer: VendorAnswer, leads: Sequence[LeadInput]) -> Mapping[str, Outcome]:
    """Read the verdicts by address, and the failures of those that have none.

    What is checked is paid for: a complaint about the key beside it costs only the others.
    """
    if answer.status == 429:  # noqa: PLR2004
        raise Throttled(answer.retry_after_s(), usual_wait_s=_BULK_BLOCK_S)
    asked = {_plain(lead.email): lead for lead in leads}
    if (failed := _read_error(answer, leads)) is not None:
        return dict.fromkeys(asked, failed)
    body = read_any_object(answer)
    results = body.rows("email_batch")
    checked = read_rows(
        results,
        lambda row: _among(asked, row.text_or_none("address")),
        lambda row: read_check(row, asked[_plain(row.text("address"))].email),
    )
    if not checked:
        raise_for_words(error_words(body, "errors", leads=leads), answer.retry_after_s())
    outcomes = _read_failures(body, asked) | checked
    if not (outcomes or results):
        raise BrokenAnswer("nobody is told of")
    return outcomes


def read_check(checked: JsonObject, asked: str | None) -> Outcome:
    """Read the verdict from the status, and from the one below it where that says more."""
    status = checked.text("status").lower()
    detail = (checked.side_text("sub_status") or "").lower()
    verdict = _FINER_VERDICTS.get((status, detail)) or _VERDICTS.get(status)
    raise_for_another(asked, checked.text_or_none("address"))
    if verdict is None:
        prefix, word = (status, detail) if status == "do_not_mail" else ("status", status)
        return NoAnswer(raw_reason(prefix, word))
    return verification_outcome(asked, *verdict)


def _read_failures(body: JsonObject, asked: Mapping[str, LeadInput]) -> dict[str, Outcome]:
    try:
        rows = body.rows("errors")
    except BrokenAnswer:
        return {}
    of_all: dict[str, Outcome] = {}
    of_one: dict[str, Outcome] = {}
    for row in rows:
        name = row.side_text("email_address")
        if name == _ALL and not of_all:
            of_all = dict.fromkeys(asked, _read_failure(row, asked.values()))
        elif (plain := _among(asked, name)) is not None:
            of_one[plain] = _read_failure(row, [asked[plain]])
    return of_all | of_one


def _read_failure(row: JsonObject, leads: Iterable[LeadInput]) -> NoAnswer:
    try:
        raise_for_words(error_words(row, "error", leads=leads))
    except VendorFault as fault:
        return NoAnswer(fault.slug)
    return NoAnswer(raw_reason("error", error_code(row, "error")))


def _name_of(row: Row) -> str:
    return _plain(row.lead.email)


def _among(asked: Collection[str], address: str | None) -> str | None:
    return plain if (plain := _plain(address)) in asked else None


def _plain(address: str | None) -> str:
    text = (address or "").strip()
    known = read_email_address(text)
    return text.casefold() if known is None else known.key


def _read_error(answer: VendorAnswer, leads: Sequence[LeadInput]) -> NoAnswer | None:
    if answer.status == 403:  # noqa: PLR2004
        raise Throttled(answer.retry_after_s(), usual_wait_s=_SHIELD_S)
    words = _error_words(answer, leads)
    raise_for_words(words, answer.retry_after_s())
    raise_for_status(answer)
    if not words:
        return None
    return NoAnswer(raw_reason("error", error_code(answer.object(), "error")))


def _error_words(answer: VendorAnswer, leads: Sequence[LeadInput]) -> str:
    try:
        return error_words(answer.object(), "error", leads=leads)  # a text or a list of texts
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
    source="stated, 2026-11: zerobounce.net/docs and the vendor's own clients (the failures of a"
    " bulk); the bodies of other failures and what a bulk usually takes are inferred; of the limits"
    " of a bulk, which differ by page, the lower are kept",
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
        ).with_bulk(
            Batched(_BULK_ROWS_MAX, bulk_request, read_bulk, _BULK_USUAL_S, _name_of),
            deadline_s=90.0,  # stated: up to 70 s
            limits=Limits(requests_per_minute=5, concurrency=5),
        ),
    ),
)
