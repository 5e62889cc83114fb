"""Icypeas: work emails and email verification, up to 100 rows in one bulk search, then read.

Reading is scarce (30 times a minute, whatever is read), so even one lookup goes by bulk search: one
read then answers a hundred. A 200 can be a refusal, and running out of credit is a row's status.
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from providers.complaint import error_words, is_about_credit, raise_for_error
from providers.contract import (
    NAME_AND_COMPANY,
    Auth,
    BrokenAnswer,
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
    post,
    raw_reason,
    read_any_object,
    read_rows,
)
from providers.vocabulary import Verdict, found_email, verified_email
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import NoAnswer, Outcome, RejectedInput

_ROWS_MAX: Final = 100  # what one page of a read holds
_READ: Final = "/bulk-single-searchs/read"
# The limit of reading is the account's, so both offers share this one object.
_READ_LIMITS: Final = Limits(requests_per_minute=30, concurrency=2)
_RUNNING: Final = frozenset({"NONE", "SCHEDULED", "IN_PROGRESS"})
_ANSWERED: Final = frozenset({"FOUND", "DEBITED", "NOT_FOUND", "DEBITED_NOT_FOUND"})
_UNANSWERED: Final[Mapping[str, Outcome]] = {
    "BAD_INPUT": RejectedInput("refused_by_vendor"),
    "INSUFFICIENT_FUNDS": NoAnswer("out_of_credit"),
    "ABORTED": NoAnswer("cancelled_by_vendor"),
}
# It has no word for a server that takes everything: it finds "probable" there, or cannot tell.
_CERTAINTIES: Final[Mapping[str, Verdict]] = {
    "ultra_sure": ("deliverable", "accepted_email"),
    "very_sure": ("deliverable", "accepted_email"),
    "sure": ("deliverable", "accepted_email"),
    "probable": ("risky", "catch_all"),
    "undeliverable": ("undeliverable", "no_mailbox"),
    # Of an address to verify it means that the vendor cannot tell.
    "not_found": ("unknown", "unclear_reply"),
}
_COUNT: Final = re.compile(r"[0-9]{1,3}")


def submit(
    capability: Capability, rows: Sequence[Row], reference: str, callback_url: str | None
) -> VendorRequest:
    """Start a bulk search; each row's own id also says how many rows there are to wait for."""
    callback = {"webhookUrlBulkDone": callback_url} if callback_url else {}
    custom = {"externalIds": [f"{row.reference}/{len(rows)}" for row in rows], **callback}
    task, data = "email-verification", [[row.lead.email] for row in rows]
    if capability is Capability.FIND_EMAIL:
        task, data = "email-search", [_columns(row.lead) for row in rows]
    return post("/bulk-search", {"name": reference, "task": task, "data": data, "custom": custom})


def read_results(
    capability: Capability, answer: VendorAnswer, leads: Sequence[LeadInput]
) -> Mapping[str, Outcome] | NotReady:
    """Read each row, once all of them are there and none is running any more."""
    items = _read_success(answer, leads).rows("items")
    statuses = {_status(item) for item in items}
    if statuses & _RUNNING or len(items) < max(map(_count, items), default=1):
        return NotReady()
    if statuses == {"INSUFFICIENT_FUNDS"}:
        raise OutOfCredit
    return read_rows(items, _reference, partial(read_item, capability))


def read_item(capability: Capability, item: JsonObject) -> Outcome:
    """Read the first address of a row, which is the best, and how certain the vendor is of it."""
    status = item.text_or_none("status") or ""
    results = item.object_or_none("results")
    best = next(iter(results.objects("emails")), None) if results else None
    if status in _UNANSWERED:
        return _UNANSWERED[status]
    # The vendor wants any other status taken as an end; without an address it says nothing to us.
    if best is None and status not in _ANSWERED:
        return NoAnswer(raw_reason("status", status))
    email = best.text_or_none("email") if best else None
    certainty = best.side_text("certainty") if best else "not_found"
    if capability is Capability.FIND_EMAIL:
        found = None if certainty == "not_found" else email
        return found_email(found, certainty, _CERTAINTIES, prefix="certainty")
    return verified_email(email, certainty, _CERTAINTIES, prefix="certainty")


def _columns(lead: LeadInput) -> list[str | None]:
    return [lead.first_name, lead.last_name, lead.company_domain or lead.company_name]


def _status(item: JsonObject) -> str | None:
    try:
        return item.text_or_none("status")
    except BrokenAnswer:
        return None


def _count(item: JsonObject) -> int:
    """Return of how many rows this is one, as far as it says so."""
    try:
        count = _own_id(item)[1]
    except BrokenAnswer:
        return 1
    return int(count) if _COUNT.fullmatch(count) else 1


def _reference(item: JsonObject) -> str | None:
    return _own_id(item)[0] or None


def _own_id(item: JsonObject) -> tuple[str, str]:
    own = item.object_or_none("userData")
    reference, _, count = ((own.text_or_none("externalId") if own else None) or "").rpartition("/")
    return reference, count


def _read_success(answer: VendorAnswer, leads: Sequence[LeadInput]) -> JsonObject:
    body = read_any_object(answer)
    if body.flag_or_none("success") is False:
        # How an account without credit is refused is not documented, only the errors' names are.
        words = error_words(body, "error", "errors", "message", leads=leads)
        raise OutOfCredit if is_about_credit(words) else RequestRefused
    raise_for_error(body, answer.retry_after_s(), leads)
    return body


def _name_callback(body: JsonObject) -> str | None:
    data = body.object_or_none("data")
    return data.handle_or_none("file") if data else None


def _offer(
    capability: Capability, needs: tuple[tuple[str, ...], ...], *, found: int, empty: int
) -> Offer:
    shape = Submitted(
        batch_max=_ROWS_MAX,
        submit=partial(submit, capability),
        read_handle=lambda answer, leads: _read_success(answer, leads).handle("file"),
        poll=lambda file: post(_READ, {"mode": "bulk", "file": file, "limit": _ROWS_MAX}),
        read=partial(read_results, capability),
        first_poll_after_s=10.0,
        poll_every_s=10.0,
        poll_limits=_READ_LIMITS,
        callback_handle=_name_callback,
    )
    return Offer(
        capability,
        needs,
        shape,
        deadline_s=300.0,
        price_found=found,
        price_missing=empty,
        price_unknown=empty,
    )


PROVIDER: Final = Provider(
    slug="icypeas",
    name="Icypeas",
    base_url="https://app.icypeas.com/api",
    auth=Auth("header", "Authorization"),
    limits=Limits(requests_per_minute=60, requests_per_second=1, concurrency=1),
    # No idempotency key, and nothing says that the same search is free a second time.
    repeats="cheap",
    source="stated, 2026-11: api-doc.icypeas.com; prices, and how no credit is said, are inferred",
    version=2,
    key_check=post(_READ, {"mode": "single", "limit": 1}),
    key_proof=("items", "success"),
    offers=(
        _offer(Capability.FIND_EMAIL, NAME_AND_COMPANY, found=1_000, empty=0),
        _offer(Capability.VERIFY_EMAIL, (("email",),), found=100, empty=100),
    ),
)
