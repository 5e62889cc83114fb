"""Enrow: work emails, email verification and mobile numbers, all of them submitted, then read.

Emails are searched by the hundred. Bulk verifications and bulk phones do not give our reference
back, so those go one by one, which costs little: only submitting is limited, reading is not. Its
422 is an empty balance, and its "invalid" means not found when searching but dead when verifying.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from providers.contract import (
    NAME_AND_COMPANY,
    Auth,
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
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import Missing, NoAnswer, Outcome
from service.domain.value_outcome import email_outcome, phone_outcome, verification_outcome

Needs = tuple[tuple[str, ...], ...]

_PATHS: Final = {
    Capability.FIND_EMAIL: "/email/find/bulk",
    Capability.VERIFY_EMAIL: "/email/verify/single",
    Capability.FIND_PHONE: "/phone/single",
}
_WHOM: Final = (*NAME_AND_COMPANY, ("linkedin_url",))
# Stated as unlimited; this much is our own courtesy.
_READ_LIMITS: Final = Limits(requests_per_minute=3_000, concurrency=16)


def submit_batch(rows: Sequence[Row], _reference: str, callback_url: str | None) -> VendorRequest:
    """Search the addresses of a batch; a row's `custom` is a text there, its reference."""
    searches = [_whom(row.lead, Capability.FIND_EMAIL) | {"custom": row.reference} for row in rows]
    settings = _settings(callback_url)
    return post(_PATHS[Capability.FIND_EMAIL], {"searches": searches, "settings": settings})


def submit_one(
    capability: Capability, rows: Sequence[Row], _reference: str, callback_url: str | None
) -> VendorRequest:
    """Ask about the only row there is; its `custom` is an object here."""
    (row,) = rows
    asked = _whom(row.lead, capability) | {"custom": {"row": row.reference}}
    return post(_PATHS[capability], asked | {"settings": _settings(callback_url)})


def read_batch(answer: VendorAnswer) -> Mapping[str, Outcome] | NotReady:
    """Read a batch; an end without results is not believed, and the deadline bounds the wait."""
    body = _read_answer(answer)
    general, results = body.object_or_none("general"), body.objects("results")
    is_ongoing = general is not None and general.text_or_none("status") == "ongoing"
    if answer.status == 202 or is_ongoing or not results:  # noqa: PLR2004
        return NotReady()
    read = partial(read_result, Capability.FIND_EMAIL)
    return read_rows(results, lambda result: result.text_or_none("custom"), read)


def read_one(capability: Capability, answer: VendorAnswer) -> Mapping[str, Outcome] | NotReady:
    """Read the only row there is."""
    body = _read_answer(answer)
    if answer.status == 202 or body.text_or_none("qualification") == "ongoing":  # noqa: PLR2004
        return NotReady()
    read = partial(read_result, capability)
    return read_rows([body], lambda result: result.object("custom").text("row"), read)


def read_result(capability: Capability, result: JsonObject) -> Outcome:
    """Read a row; verdicts have no shades, because it claims to see through accept-all servers."""
    email, word = result.text_or_none("email"), result.text_or_none("qualification")
    match capability, word:
        case Capability.FIND_EMAIL, "valid":
            return email_outcome(email, "deliverable")
        case Capability.VERIFY_EMAIL, "valid":
            return verification_outcome(email, "deliverable", "accepted_email")
        case Capability.VERIFY_EMAIL, "invalid":
            return verification_outcome(email, "undeliverable", "no_mailbox")
        case Capability.FIND_PHONE, "found":
            return phone_outcome(result.text_or_none("number"), result.text_or_none("country"))
        case _, "invalid" | "not_found":
            return Missing()
    return NoAnswer(raw_reason("qualification", word))


def _read_answer(answer: VendorAnswer) -> JsonObject:
    if answer.status == 422:  # noqa: PLR2004
        raise OutOfCredit
    return read_object(answer, statuses=(200, 201, 202))


def _whom(lead: LeadInput, capability: Capability) -> dict[str, Any]:
    if capability is Capability.VERIFY_EMAIL:
        return {"email": lead.email}
    name: dict[str, Any] = {"fullname": f"{lead.first_name} {lead.last_name}"}
    if capability is Capability.FIND_PHONE:
        if lead.linkedin_url:
            return {"linkedin_url": lead.linkedin_url}
        name = {"firstname": lead.first_name, "lastname": lead.last_name}
    company = "company_domain" if lead.company_domain else "company_name"
    return name | {company: lead.company_domain or lead.company_name}


def _settings(callback_url: str | None) -> dict[str, Any] | None:
    # It calls https alone; another URL would make it refuse what it can do without any.
    is_called = (callback_url or "").startswith("https://")
    return {"webhook": callback_url} if is_called else None


def _offer(capability: Capability, needs: Needs, poll_s: float, max_s: float, price: int) -> Offer:
    is_batch = capability is Capability.FIND_EMAIL
    missing = price if capability is Capability.VERIFY_EMAIL else 0  # what is missing is refunded
    shape = Submitted(
        batch_max=100 if is_batch else 1,
        submit=submit_batch if is_batch else partial(submit_one, capability),
        read_handle=lambda answer: _read_answer(answer).handle("id"),
        poll=lambda handle: get(_PATHS[capability], id=handle),
        read=read_batch if is_batch else partial(read_one, capability),
        first_poll_after_s=poll_s,
        poll_every_s=poll_s,
        poll_limits=_READ_LIMITS,
        callback_handle=lambda body: body.handle_or_none("id"),
    )
    return Offer(capability, needs, shape, max_s, price_found=price, price_missing=missing)


PROVIDER: Final = Provider(
    slug="enrow",
    name="Enrow",
    base_url="https://api.enrow.io",
    auth=Auth("header", "x-api-key"),
    limits=Limits(requests_per_minute=600, requests_per_second=10, concurrency=10),
    # Credits are reserved by each submission, and nothing says that a repeat reserves none.
    repeats="cheap",
    source="stated, 2026-11: docs.enrow.io and the vendor's own MCP server; pace is inferred",
    key_check=get("/account/info"),
    offers=(
        _offer(Capability.FIND_EMAIL, NAME_AND_COMPANY, 10.0, 600.0, 1_000),
        _offer(Capability.VERIFY_EMAIL, (("email",),), 3.0, 120.0, 250),
        _offer(Capability.FIND_PHONE, _WHOM, 10.0, 300.0, 50_000),
    ),
)
