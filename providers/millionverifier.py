"""MillionVerifier: email verification. Its failures are answers with an `error` in words.

The key goes into the query, since the vendor reads no header. Its `quality` may say good where its
`result` says invalid, so only `result` is read. Many addresses go as a file to another host, which
calls the key otherwise. What became of the file is told by itself, where an `error` is the file's
and no failure; then its report is fetched, which is CSV and names the addresses.
"""

import csv
from collections.abc import Mapping, Sequence
from io import StringIO
from itertools import islice
from typing import Final

from providers.complaint import error_code, error_words, raise_for_words
from providers.contract import (
    Auth,
    BrokenAnswer,
    CredentialsRejected,
    Direct,
    JsonObject,
    Limits,
    NotReady,
    Offer,
    Provider,
    RequestRefused,
    Row,
    Submitted,
    VendorAnswer,
    VendorDown,
    VendorFile,
    VendorRequest,
    get,
    raise_for_status,
    raw_reason,
    read_object,
    read_rows,
)
from providers.vocabulary import Verdict, verified_email
from service.domain.csv_rows import read_csv_rows
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import NoAnswer, Outcome, RejectedInput

_BULK_URL: Final = "https://bulkapi.millionverifier.com/bulkapi/v2"
_BULK_KEY: Final = "key"
_ROWS_MAX: Final = 100
# Ten times what a report of ours has.
_LINES_READ_MAX: Final = 1_000
_BULK_DEADLINE_S: Final = 600.0
# Neither how long a small file takes nor any limit of files is published: this is our own courtesy.
_FIRST_LOOK_S: Final = 20.0
_LOOK_EVERY_S: Final = 5.0
_UPLOAD_LIMITS: Final = Limits(requests_per_minute=60, concurrency=4)
_LOOK_LIMITS: Final = Limits(requests_per_minute=300, concurrency=8)
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
    return read_result(read_object(answer, leads=[lead]), lead.email)


def submit_file(rows: Sequence[Row], reference: str, _callback_url: str | None) -> VendorRequest:
    """Upload the addresses, each of them once; each that is new costs, whatever else is known."""
    text = StringIO()
    addresses = {_address(row): row.lead.email for row in rows}
    csv.writer(text, lineterminator="\n").writerows([["email"], *zip(addresses.values())])
    file = VendorFile("file_contents", f"{reference}.csv", text.getvalue())
    return VendorRequest("POST", "/upload", file=file, base_url=_BULK_URL, key_query=_BULK_KEY)


def read_upload(answer: VendorAnswer, leads: Sequence[LeadInput]) -> str:
    """Read what the file is called; one that is refused may have a name as well."""
    if _read_words(answer, leads):
        raise_for_status(answer)
        raise RequestRefused
    return read_object(answer, leads=leads).handle("file_id")


def read_file(
    answer: VendorAnswer, leads: Sequence[LeadInput]
) -> Mapping[str, Outcome] | NotReady | VendorRequest:
    """Read what became of the file, or its report; of one that was stopped there is a report too.

    A status that is not known is believed to pass, and the deadline bounds the wait.
    """
    file = _object_or_none(answer)
    if file is not None and not file.says("file_id"):
        _read_words(answer, leads)
        read_object(answer, leads=leads)
        raise BrokenAnswer("neither a file nor its report")
    raise_for_status(answer)
    if file is None:
        return read_report(answer, leads)
    match (file.side_text("status") or "").lower():
        case "finished" | "canceled":
            return _bulk_get("/download", file.handle("file_id"), filter="all")
        case "error":
            return {_plain(lead.email): NoAnswer("status_error") for lead in leads}
    return NotReady()


def read_report(answer: VendorAnswer, leads: Sequence[LeadInput]) -> Mapping[str, Outcome]:
    """Read the rows of a report, each of which names its address.

    Raises:
        BrokenAnswer: it is no report.
    """
    try:
        text = answer.body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BrokenAnswer("the report is not UTF-8") from None
    lines = list(islice(read_csv_rows(StringIO(text, newline="")), _LINES_READ_MAX + 1))
    names = [cell.strip().lower() for cell in lines[0].cells] if lines else []
    if not {"email", "result"} <= set(names) or len(lines) > _LINES_READ_MAX:
        raise BrokenAnswer("not the report of a file of ours")
    results = [JsonObject(dict(zip(names, row.cells, strict=False))) for row in lines[1:]]
    asked = {_plain(lead.email): lead.email for lead in leads}

    def read(row: JsonObject) -> Outcome:
        email = row.text("email")
        return read_result(row, asked.get(_plain(email), email))

    return read_rows(results, lambda row: _plain(row.text_or_none("email")) or None, read)


def read_result(checked: JsonObject, asked: str | None) -> Outcome:
    """Read the verdict on an address."""
    result = checked.text("result").lower()
    named = checked.text_or_none("email")
    return verified_email(asked, result, _VERDICTS, named=named, prefix="result")


def _address(row: Row) -> str:
    return _plain(row.lead.email)


def _plain(address: str | None) -> str:
    return (address or "").lower()


def _bulk_get(path: str, file_id: str, **query: str) -> VendorRequest:
    query["file_id"] = file_id
    return VendorRequest("GET", path, query, base_url=_BULK_URL, key_query=_BULK_KEY)


def _read_error(answer: VendorAnswer, lead: LeadInput) -> Outcome | None:
    words = _read_words(answer, [lead])
    if "email" in words:
        return RejectedInput("refused_by_vendor")
    raise_for_status(answer)
    if not words:
        return None
    return NoAnswer(raw_reason("error", error_code(answer.object(), "error")))


def _read_words(answer: VendorAnswer, leads: Sequence[LeadInput]) -> list[str]:
    """Return the words of the error, if they are about nothing but what was asked."""
    # The same failure has been seen spelled with blanks and with underscores.
    body = _object_or_none(answer)
    text = error_words(body, "error", leads=leads) if body is not None else ""
    raise_for_words(text, answer.retry_after_s())
    words = text.split()
    if "ip" in words and "blocked" in words:
        raise CredentialsRejected
    if "internal" in words:
        raise VendorDown
    return words


def _object_or_none(answer: VendorAnswer) -> JsonObject | None:
    # What stands before the vendor, such as a proxy, answers in other shapes.
    try:
        return answer.object()
    except BrokenAnswer:
        return None


PROVIDER: Final = Provider(
    slug="millionverifier",
    name="MillionVerifier",
    base_url="https://api.millionverifier.com/api/v3",
    auth=Auth("query", "api"),
    # Unpublished; integrators have stayed unhindered with 20 requests at once.
    limits=Limits(requests_per_minute=1_200, concurrency=20),
    repeats="cheap",  # nothing says that a repeat is free
    source=(
        "stated, 2026-11: developer.millionverifier.com; what is not charged, the pace of files and"
        " the columns of their reports are inferred"
    ),
    version=2,
    key_check=get("/credits"),
    key_proof=("credits",),
    offers=(
        Offer(
            Capability.VERIFY_EMAIL,
            needs=(("email",),),
            shape=Direct(verify_request, read_verify),
            price_found=1_000,
        ).with_bulk(
            Submitted(
                batch_max=_ROWS_MAX,
                submit=submit_file,
                read_handle=read_upload,
                poll=lambda file_id: _bulk_get("/fileinfo", file_id),
                read=read_file,
                first_poll_after_s=_FIRST_LOOK_S,
                poll_every_s=_LOOK_EVERY_S,
                poll_limits=_LOOK_LIMITS,
                name_of=_address,
            ),
            deadline_s=_BULK_DEADLINE_S,
            limits=_UPLOAD_LIMITS,
        ),
    ),
)
