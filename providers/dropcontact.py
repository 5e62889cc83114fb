"""Dropcontact: work emails and their verification, a batch in one request, then read.

"Not ready" is a 200 that says no success, as is an unknown request, so only the deadline bounds the
wait. A 403 is an empty account or a bad key. Phones come along when known, but are not looked for.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from providers.complaint import error_words, is_about_credit, raise_for_error, raise_for_words
from providers.contract import (
    NAME_AND_COMPANY,
    Auth,
    BrokenAnswer,
    CredentialsRejected,
    JsonObject,
    Limits,
    NotReady,
    Offer,
    OutOfCredit,
    Provider,
    RequestRefused,
    Row,
    Submitted,
    VendorAnswer,
    VendorRequest,
    get,
    post,
    read_any_object,
    read_rows,
)
from providers.vocabulary import Verdict, best_email, found_email, verified_email
from service.domain.email_address import is_same_address
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import Found, NoAnswer, Outcome

_PATH: Final = "/enrich/all"
# The first half of a qualification such as `nominative@pro`.
_VERDICTS: Final[Mapping[str, Verdict]] = {
    "nominative": ("deliverable", "accepted_email"),
    "catch_all": ("risky", "catch_all"),
    "generic": ("risky", "role"),
    "invalid": ("undeliverable", "no_mailbox"),
}
# What is told of a person beside the work address: a mailbox of the house, or one at home.
_NOT_A_WORK_EMAIL: Final = ("generic", "perso")


def submit(
    capability: Capability, rows: Sequence[Row], _reference: str, callback_url: str | None
) -> VendorRequest:
    """Ask about every row; its reference travels in its custom fields."""
    data = [_record(capability, row) for row in rows]
    return post(_PATH, {"data": data, "language": "en", "custom_callback_url": callback_url})


def read_handle(answer: VendorAnswer, leads: Sequence[LeadInput]) -> str:
    """Read the request's id."""
    body = _read_answer(answer, leads)
    if body.flag_or_none("success") is False:
        raise RequestRefused
    return body.handle("request_id")


def read_results(
    capability: Capability, answer: VendorAnswer, leads: Sequence[LeadInput]
) -> Mapping[str, Outcome] | NotReady:
    """Read each row of a request that is ready."""
    body = _read_answer(answer, leads)
    if body.flag_or_none("success") is False:
        return NotReady()
    if not body.says("data"):
        body.require("success")
    read = read_verify if capability is Capability.VERIFY_EMAIL else read_find
    return read_rows(body.rows("data"), lambda row: _custom(row).text_or_none("row"), read)


def read_find(row: JsonObject) -> Outcome:
    """Read the best address that is the person's own at work."""
    read = [_read_address(found) for found in row.rows("email")]
    return best_email([each for each in read if each is not None])


def _read_address(found: JsonObject) -> Outcome | None:
    kind, scope = _qualification(found)
    if kind in _NOT_A_WORK_EMAIL or scope in _NOT_A_WORK_EMAIL:
        return None
    try:
        email = found.text_or_none("email")
    except BrokenAnswer as fault:
        return NoAnswer(fault.slug)
    return found_email(email, kind or None, _VERDICTS, prefix="qualification")


def read_verify(row: JsonObject) -> Outcome:
    """Read the verdict on the address asked about; others that are told of prove nothing."""
    asked = _custom(row).text("email")
    read = [
        verified_email(asked, _qualification(found)[0] or None, _VERDICTS, prefix="qualification")
        for found in row.rows("email")
        if is_same_address(found.side_text("email") or "", asked)
    ]
    known = (each for each in read if isinstance(each, Found))
    return next(known, read[0] if read else NoAnswer("unknown_verdict"))


def _qualification(found: JsonObject) -> tuple[str, str]:
    """Return of what kind an address is, and where; on a domain that is none it is not valid."""
    said = (found.side_text("qualification") or "").lower()
    kind, _, scope = said.partition("@")
    return ("invalid" if scope == "invalid" else kind), scope


def _custom(row: JsonObject) -> JsonObject:
    return row.object("custom_fields")


def _read_answer(answer: VendorAnswer, leads: Sequence[LeadInput]) -> JsonObject:
    # Which trouble a 403 is stands in its text only, whose wording is not documented.
    if answer.status == 403 and is_about_credit(_words(answer, leads)):  # noqa: PLR2004
        raise OutOfCredit
    if answer.status == 400:  # noqa: PLR2004 - stated as trouble with the key or the account
        raise CredentialsRejected
    body = read_any_object(answer)
    # What is not ready says no success as well, and says nothing of a key or its account.
    if body.flag_or_none("success") is False:
        raise_for_words(_words(answer, leads), answer.retry_after_s())
    else:
        raise_for_error(body, answer.retry_after_s(), leads)
    return body


def _words(answer: VendorAnswer, leads: Sequence[LeadInput]) -> str:
    # What stands before the vendor, such as a proxy, answers in other shapes.
    try:
        return error_words(answer.object(), "reason", "detail", "error", "message", leads=leads)
    except BrokenAnswer:
        return ""


def _record(capability: Capability, row: Row) -> dict[str, Any]:
    if capability is Capability.VERIFY_EMAIL:
        custom = {"row": row.reference, "email": row.lead.email}
        return {"email": row.lead.email, "custom_fields": custom}
    known: dict[str, Any] = {
        "first_name": row.lead.first_name,
        "last_name": row.lead.last_name,
        "company": row.lead.company_name,
        "website": row.lead.company_domain,
        "linkedin": row.lead.linkedin_url,
    }
    known = {name: text for name, text in known.items() if text}
    return known | {"custom_fields": {"row": row.reference}}


def _offer(capability: Capability, needs: tuple[tuple[str, ...], ...], empty: int) -> Offer:
    shape = Submitted(
        batch_max=100,  # of the 250 it takes, because a record is long and an answer is bounded
        submit=partial(submit, capability),
        read_handle=read_handle,
        poll=lambda handle: get(f"{_PATH}/{handle}"),
        read=partial(read_results, capability),
        first_poll_after_s=30.0,
        poll_every_s=30.0,
    )
    return Offer(
        capability,
        needs,
        shape,
        deadline_s=600.0,
        price_found=1_000,
        price_missing=empty,
        price_unknown=empty,
    )


PROVIDER: Final = Provider(
    slug="dropcontact",
    name="Dropcontact",
    base_url="https://api.dropcontact.com/v1",
    auth=Auth("header", "X-Access-Token"),
    limits=Limits(requests_per_minute=3_600, requests_per_second=60, concurrency=10),
    # No idempotency key, and a verification is never refunded: asked twice, it is paid twice.
    repeats="cheap",
    source="stated, 2026-11: developer.dropcontact.com; its list of qualifications is in part "
    "inferred",
    version=2,
    key_check=get("/account/credits"),
    key_proof=("credits",),
    offers=(
        _offer(Capability.FIND_EMAIL, NAME_AND_COMPANY, empty=0),
        _offer(Capability.VERIFY_EMAIL, (("email",),), empty=1_000),
    ),
)
