"""NeverBounce: email verification, one by one or as jobs. Its failures are answers with HTTP 200.

The key goes into the query, since the vendor reads no header. A job's results repeat the address,
which names them: it passes over an address that it was given twice. How it says that a job still
runs is not stated, so any failure to read results that is not about credit is taken for that, and
the deadline bounds the wait for a job that has failed.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from providers.complaint import is_about_credit, plain_words
from providers.contract import (
    Auth,
    BrokenAnswer,
    CredentialsRejected,
    Direct,
    JsonObject,
    Limits,
    NotReady,
    Offer,
    OutOfCredit,
    Provider,
    RequestRefused,
    Row,
    Submitted,
    Throttled,
    VendorAnswer,
    VendorDown,
    VendorRequest,
    get,
    post,
    raw_reason,
    read_object,
    read_rows,
)
from providers.vocabulary import Verdict, verified_email
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import NoAnswer, Outcome

# The vendor gives up first, so that a check that is paid for is not left without an answer.
_CHECK_S: Final = 20
# A job may be 25 MB; so many are one page of results, and jobs are few.
_ROWS_MAX: Final = 500
# Stated as the most there is: the vendor may count a row of names among the results.
_PAGE_ROWS: Final = 1_000
_FIRST_POLL_S: Final = 30.0
_POLL_S: Final = 20.0
_JOB_S: Final = 900.0
_JOB_ID_MAX: Final = 2**53
# Set for each application in the vendor's account, and told nowhere else.
_LIMITS: Final = Limits(requests_per_minute=600, concurrency=20)
# Stated as ten jobs an hour where they are small, and as 50 a day.
_JOB_LIMITS: Final = Limits(
    requests_per_minute=10, concurrency=1, requests_per_hour=10, requests_per_day=50
)

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
        _raise_for_failure(status, _words(checked, [lead]))
        return NoAnswer(raw_reason("error", status))
    return read_verdict(checked, lead.email)


def read_verdict(checked: JsonObject, asked: str | None, *, named: str | None = None) -> Outcome:
    """Read what was found of an address, in an answer about it alone or in a row of a job."""
    word = checked.text("result")
    return verified_email(asked, word, _VERDICTS, named=named, prefix="result")


def submit(rows: Sequence[Row], reference: str, callback_url: str | None) -> VendorRequest:
    """Start a job at once, with each address in it once."""
    addresses = {_key(row.lead.email): row.lead.email for row in rows}
    body = {
        "input_location": "supplied",
        "input": [{"email": address} for address in addresses.values()],
        "filename": reference,
        "auto_parse": True,
        "auto_start": True,
        "callback_url": callback_url,
    }
    return post("/jobs/create", body)


def read_handle(answer: VendorAnswer, leads: Sequence[LeadInput]) -> str:
    """Read the job's number."""
    body = read_object(answer, leads=leads)
    status = body.text("status")
    if status != "success":
        _raise_for_failure(status, _words(body, leads))
        raise BrokenAnswer("the answer tells of an error")
    handle = _job_id(body)
    if handle is None:
        raise BrokenAnswer("expected the number of a job")
    return handle


def read_results(
    answer: VendorAnswer, leads: Sequence[LeadInput]
) -> Mapping[str, Outcome] | NotReady:
    """Read each row; what is there is whole, since results are there once a job has finished."""
    body = read_object(answer, leads=leads)
    status = body.text("status")
    if status != "success":
        words = _words(body, leads)
        if status == "general_failure" and not is_about_credit(words):
            return NotReady()
        _raise_for_failure(status, words)
        raise BrokenAnswer("the answer tells of an error")
    rows = body.rows("results")
    if not rows:  # an end without results is not believed, and the deadline bounds the wait
        return NotReady()
    asked = {_key(lead.email): lead.email for lead in leads}
    return read_rows(rows, _key_of, partial(_read_row, asked))


def _read_row(asked: Mapping[str, str | None], row: JsonObject) -> Outcome:
    checked = row.object("verification")
    named = checked.side_object("address_info").side_text("original_email")
    key = _key_of(row)
    return read_verdict(checked, asked.get(key or "", key), named=named)


def _key_of(row: JsonObject) -> str | None:
    return _key(row.side_object("data").side_text("email")) or None


def _key(address: str | None) -> str:
    return (address or "").strip().lower()


def _job_id(body: JsonObject) -> str | None:
    number = body.side_number("job_id")
    is_number = number is not None and number.is_integer() and 0 < number <= _JOB_ID_MAX
    return f"{number:.0f}" if is_number else None


def _words(body: JsonObject, leads: Sequence[LeadInput]) -> str:
    return plain_words(body.side_text("message") or "", leads)


def _raise_for_failure(status: str, words: str) -> None:
    """Raise what a failure that the vendor documents means."""
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


_JOBS: Final = Submitted(
    batch_max=_ROWS_MAX,
    submit=submit,
    read_handle=read_handle,
    poll=lambda job: get("/jobs/results", job_id=job, items_per_page=str(_PAGE_ROWS)),
    read=read_results,
    first_poll_after_s=_FIRST_POLL_S,
    poll_every_s=_POLL_S,
    poll_limits=_LIMITS,
    callback_handle=_job_id,
    name_of=lambda row: _key(row.lead.email),
)

PROVIDER: Final = Provider(
    slug="neverbounce",
    name="NeverBounce",
    base_url="https://api.neverbounce.com/v4.2",
    auth=Auth("query", "key"),
    limits=_LIMITS,
    repeats="cheap",  # stated: every check is charged, repeats too
    source=(
        "stated, 2026-11: developers.neverbounce.com; the words for no credit and for a job that "
        "still runs are inferred"
    ),
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
        ).with_bulk(_JOBS, deadline_s=_JOB_S, limits=_JOB_LIMITS),
    ),
)
