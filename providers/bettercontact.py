"""BetterContact: work emails and mobile numbers from its own waterfall, 100 people in one request.

"Not ready" is a 202; a request that ran out of credit is on hold, resumes after a top-up and must
not be submitted again. A 402 may also mean that the plan lacks the feature.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from providers.complaint import error_words, is_about_credit, plain_words
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
    get,
    post,
    raw_reason,
    read_object,
    read_rows,
)
from providers.vocabulary import found_email
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import Missing, NoAnswer, Outcome
from service.domain.value_outcome import phone_outcome
from service.domain.verdict import VerdictStatus

_PATH: Final = "/async"
_RUNNING: Final = frozenset({"not_started", "processing"})
_VERDICTS: Final[Mapping[str, VerdictStatus]] = {
    "deliverable": "deliverable",
    "catch_all_safe": "deliverable",
    "catch_all": "risky",
    "catch_all_not_safe": "risky",
    "undeliverable": "undeliverable",
    "not_found": "undeliverable",
}

ReadContact = Callable[[JsonObject], Outcome]


def submit(
    wanted: Mapping[str, bool], rows: Sequence[Row], _reference: str, callback_url: str | None
) -> VendorRequest:
    """Ask for what is `wanted` of every row; its reference travels in its custom fields."""
    people = [_person(row) for row in rows]
    return post(_PATH, {"data": people, **wanted, "webhook": callback_url})


def read_handle(answer: VendorAnswer, leads: Sequence[LeadInput]) -> str:
    """Read the request's id."""
    return _read_answer(answer, leads).handle("id")


def read_results(
    read: ReadContact, answer: VendorAnswer, leads: Sequence[LeadInput]
) -> Mapping[str, Outcome] | NotReady:
    """Read each row with `read`; a status nobody has documented is read as an end."""
    if answer.status == 202:  # noqa: PLR2004
        return NotReady()
    body = _read_answer(answer, leads)
    status = body.text("status")
    if status in _RUNNING:
        return NotReady()
    if status == "on_hold":
        raise OutOfCredit
    empty = Missing() if status == "terminated" else NoAnswer(raw_reason("status", status))

    def read_row(contact: JsonObject) -> Outcome:
        outcome = read(contact)
        return empty if isinstance(outcome, Missing) else outcome

    return read_rows(body.rows("data"), _reference_of, read_row)


def read_email(contact: JsonObject) -> Outcome:
    """Read the address and the vendor's verdict on it."""
    email = contact.text_or_none("contact_email_address")
    status = contact.side_text("contact_email_address_status")
    return found_email(email, status, _VERDICTS)


def read_phone(contact: JsonObject) -> Outcome:
    """Read the number, which comes in E.164."""
    return phone_outcome(contact.phone_or_none("contact_phone_number", prefix="+"))


def _read_answer(answer: VendorAnswer, leads: Sequence[LeadInput]) -> JsonObject:
    # The wording of a 402 is not documented; only one about the plan alone spares the account.
    if answer.status == 402:  # noqa: PLR2004
        words = _words(answer, leads)
        is_the_plan = "plan" in words.split() and not is_about_credit(words)
        raise RequestRefused if is_the_plan else OutOfCredit
    return read_object(answer, statuses=(200, 201, 202), leads=leads)


def _words(answer: VendorAnswer, leads: Sequence[LeadInput]) -> str:
    try:
        return error_words(answer.object(), "error", "message", leads=leads)
    except BrokenAnswer:
        return plain_words(answer.body.decode(errors="replace"), leads)


def _reference_of(contact: JsonObject) -> str | None:
    # Sent as an object, custom fields come back as a list.
    fields = contact.objects("custom_fields")
    return next((f.text_or_none("value") for f in fields if f.text_or_none("name") == "row"), None)


def _person(row: Row) -> dict[str, Any]:
    known: dict[str, Any] = {
        "first_name": row.lead.first_name,
        "last_name": row.lead.last_name,
        "company": row.lead.company_name,
        "company_domain": row.lead.company_domain,
        "linkedin_url": row.lead.linkedin_url,
    }
    known = {name: text for name, text in known.items() if text}
    return known | {"custom_fields": {"row": row.reference}}


def _offer(capability: Capability, read: ReadContact, price: int, deadline_s: float) -> Offer:
    wanted = {
        "enrich_email_address": capability is Capability.FIND_EMAIL,
        "enrich_phone_number": capability is Capability.FIND_PHONE,
    }
    shape = Submitted(
        batch_max=100,
        submit=partial(submit, wanted),
        read_handle=read_handle,
        poll=lambda handle: get(f"{_PATH}/{handle}"),
        read=partial(read_results, read),
        # The vendor's own example polls every 5 s, which a few requests under way at once would
        # turn into more than it allows in a minute.
        first_poll_after_s=20.0,
        poll_every_s=20.0,
        callback_handle=lambda body: body.handle_or_none("id"),
    )
    return Offer(capability, NAME_AND_COMPANY, shape, deadline_s=deadline_s, price_found=price)


PROVIDER: Final = Provider(
    slug="bettercontact",
    name="BetterContact",
    base_url="https://app.bettercontact.rocks/api/v2",
    auth=Auth("header", "X-API-Key"),
    # Stated as 100 or 200 a minute by plan and as 60 on an older page: the lowest holds for all.
    limits=Limits(requests_per_minute=60, concurrency=4),
    # Stated: a submission is not idempotent, so the same people again are charged again.
    repeats="cheap",
    source="stated, 2026-11: doc.bettercontact.rocks; prices are inferred",
    version=2,
    key_check=get("/account"),
    key_proof=("credits_left", "email"),
    offers=(
        _offer(Capability.FIND_EMAIL, read_email, price=1_000, deadline_s=600.0),
        _offer(Capability.FIND_PHONE, read_phone, price=10_000, deadline_s=900.0),
    ),
)
