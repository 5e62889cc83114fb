"""FullEnrich: work emails and mobile numbers, up to 100 people in one submission, then polled.

"Not ready" is a 400 with a code of its own, and a 402 on reading carries the results so far.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

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
from service.domain.outcome import Found, Missing, NoAnswer, Outcome
from service.domain.value_outcome import phone_outcome
from service.domain.verdict import VerdictStatus

_PATH: Final = "/contact/enrich/bulk"
_IN_PROGRESS: Final = "error.enrichment.in_progress"
_RUNNING: Final = frozenset({"CREATED", "IN_PROGRESS", "RATE_LIMIT"})
_VERDICTS: Final[Mapping[str, VerdictStatus]] = {
    "DELIVERABLE": "deliverable",
    "HIGH_PROBABILITY": "risky",
    "CATCH_ALL": "risky",
    "INVALID": "undeliverable",
    "INVALID_DOMAIN": "undeliverable",
    "UNVERIFIED": "unknown",
}
# What a row without a value means once the whole has ended so: only FINISHED says "looked at".
_EMPTY_ROWS: Final[Mapping[str, Outcome]] = {
    "FINISHED": Missing(),
    "CREDITS_INSUFFICIENT": NoAnswer("out_of_credit"),
    "CANCELED": NoAnswer("cancelled_by_vendor"),
}

ReadContact = Callable[[JsonObject], Outcome]


def submit(
    field: str, rows: Sequence[Row], reference: str, callback_url: str | None
) -> VendorRequest:
    """Ask for `field` of every row; each carries its reference along in `custom`."""
    people = [_person(row, field) for row in rows]
    return post(_PATH, {"name": reference, "data": people, "webhook_url": callback_url})


def read_results(
    read: ReadContact, answer: VendorAnswer, leads: Sequence[LeadInput]
) -> Mapping[str, Outcome] | NotReady:
    """Read each row with `read`; with no credit left, those found before it ran out."""
    if answer.status == 400 and answer.object().text_or_none("code") == _IN_PROGRESS:  # noqa: PLR2004
        return NotReady()
    ended_unpaid = answer.status == 402  # noqa: PLR2004
    results = answer.object() if ended_unpaid else read_object(answer, leads=leads)
    status = results.text_or_none("status") or ""
    if status in _RUNNING:
        return NotReady()
    if not status and not ended_unpaid:
        raise BrokenAnswer("not an enrichment")
    # A status nobody has documented is read as an end, since "not ready" has its own sign.
    empty = _EMPTY_ROWS.get(status, NoAnswer(raw_reason("status", status)))

    def read_row(row: JsonObject) -> Outcome:
        contact = row.object_or_none("contact_info")
        outcome = Missing() if contact is None else read(contact)
        return empty if isinstance(outcome, Missing) else outcome

    outcomes = read_rows(results.rows("data"), _reference_of, read_row)
    out_of_credit = ended_unpaid or status == "CREDITS_INSUFFICIENT"
    if out_of_credit and not any(isinstance(outcome, Found) for outcome in outcomes.values()):
        raise OutOfCredit
    return outcomes


def read_email(contact: JsonObject) -> Outcome:
    """Read the work email the vendor thinks most of, and how far it trusts it."""
    best = contact.object_or_none("most_probable_work_email")
    if best is None:
        return Missing()
    return found_email(best.text_or_none("email"), best.side_text("status"), _VERDICTS)


def read_phone(contact: JsonObject) -> Outcome:
    """Read the mobile number the vendor thinks most of."""
    best = contact.object_or_none("most_probable_phone")
    if best is None:
        return Missing()
    return phone_outcome(best.phone_or_none("number", prefix="+"), best.side_text("region"))


def _reference_of(row: JsonObject) -> str | None:
    custom = row.object_or_none("custom")
    return custom.text_or_none("row") if custom else None


def _person(row: Row, field: str) -> dict[str, Any]:
    known: dict[str, Any] = {
        "first_name": row.lead.first_name,
        "last_name": row.lead.last_name,
        "domain": row.lead.company_domain,
        "company_name": row.lead.company_name,
        "linkedin_url": row.lead.linkedin_url,
    }
    known = {name: text for name, text in known.items() if text}
    return known | {"enrich_fields": [field], "custom": {"row": row.reference}}


def _offer(capability: Capability, field: str, read: ReadContact, price: int) -> Offer:
    shape = Submitted(
        batch_max=100,
        submit=partial(submit, field),
        read_handle=lambda answer, leads: read_object(answer, leads=leads).handle("enrichment_id"),
        poll=lambda handle: get(f"{_PATH}/{handle}"),
        read=partial(read_results, read),
        # A person takes 30 to 90 s. The vendor would rather be polled every 5 minutes, because
        # polls use up its 60 requests a minute; the deadline does not leave that much time.
        callback_handle=lambda body: body.handle_or_none("id"),
        first_poll_after_s=60.0,
        poll_every_s=60.0,
    )
    needs = (*NAME_AND_COMPANY, ("linkedin_url",))
    return Offer(capability, needs, shape, deadline_s=900.0, price_found=price)


PROVIDER: Final = Provider(
    slug="fullenrich",
    name="FullEnrich",
    base_url="https://app.fullenrich.com/api/v2",
    auth=Auth("header", "Authorization", "Bearer "),
    limits=Limits(requests_per_minute=60, concurrency=4),
    repeats="free",  # stated: the same person is charged once within 3 months
    source="stated, 2026-11: docs.fullenrich.com/api/v2",
    version=2,
    key_check=get("/account/keys/verify"),
    key_proof=("workspace_id",),
    offers=(
        _offer(Capability.FIND_EMAIL, "contact.work_emails", read_email, price=1_000),
        _offer(Capability.FIND_PHONE, "contact.phones", read_phone, price=10_000),
    ),
)
