"""Enrow: work emails, email verification and mobile numbers, all of them submitted, then read.

Emails are searched and verified by the hundred. A bulk verification does not give our reference
back, but the address itself. A bulk phone gives a place in the order and nothing that tells whose
number it is, so phones go one by one, which costs little: only submitting is limited, reading is
not. Its 422 is an empty balance, and its "invalid" means not found when searching but dead when
verifying.
"""

from collections.abc import Callable, Mapping, Sequence
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
from providers.vocabulary import Verdict, found_email, verified_email
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import Missing, NoAnswer, Outcome
from service.domain.value_outcome import phone_outcome
from service.domain.verdict import VerdictStatus

Needs = tuple[tuple[str, ...], ...]
_Submit = Callable[[Sequence[Row], str, str | None], VendorRequest]
_Read = Callable[[VendorAnswer, Sequence[LeadInput]], Mapping[str, Outcome] | NotReady]

_PATHS: Final = {
    Capability.FIND_EMAIL: "/email/find/bulk",
    Capability.VERIFY_EMAIL: "/email/verify/bulk",
    Capability.FIND_PHONE: "/phone/single",
}
_FIND_VERDICTS: Final[Mapping[str, VerdictStatus]] = {
    "valid": "deliverable",
    "invalid": "undeliverable",
    "not_found": "undeliverable",
}
_VERIFY_VERDICTS: Final[Mapping[str, Verdict]] = {
    "valid": ("deliverable", "accepted_email"),
    "invalid": ("undeliverable", "no_mailbox"),
}
_ROWS_MAX: Final = 100
_WHOM: Final = (*NAME_AND_COMPANY, ("linkedin_url",))
# Stated as unlimited; this much is our own courtesy.
_READ_LIMITS: Final = Limits(requests_per_minute=3_000, concurrency=16)


def submit_searches(
    rows: Sequence[Row], _reference: str, callback_url: str | None
) -> VendorRequest:
    """Search the addresses of a batch; a row's `custom` is a text there, its reference."""
    searches = [_whom(row.lead, Capability.FIND_EMAIL) | {"custom": row.reference} for row in rows]
    settings = _settings(callback_url)
    return post(_PATHS[Capability.FIND_EMAIL], {"searches": searches, "settings": settings})


def submit_addresses(
    rows: Sequence[Row], _reference: str, callback_url: str | None
) -> VendorRequest:
    """Verify the addresses of a batch, each of them once, under both of the names for them.

    The vendor's own pages and clients differ on that name, and it passes over the other.
    """
    addresses = list(dict.fromkeys(map(_address, rows)))
    named = {"emails": addresses, "verifications": addresses}
    body = named | {"settings": _settings(callback_url)}
    return post(_PATHS[Capability.VERIFY_EMAIL], body)


def submit_phone(rows: Sequence[Row], _reference: str, callback_url: str | None) -> VendorRequest:
    """Ask about the only row there is; its `custom` is a text, as in a batch."""
    (row,) = rows
    asked = _whom(row.lead, Capability.FIND_PHONE) | {"custom": row.reference}
    return post(_PATHS[Capability.FIND_PHONE], asked | {"settings": _settings(callback_url)})


def read_batch(
    capability: Capability, name: str, answer: VendorAnswer, leads: Sequence[LeadInput]
) -> Mapping[str, Outcome] | NotReady:
    """Read a batch; an end without results is not believed, and the deadline bounds the wait.

    Args:
        name: the field by which a result says which row it is of.
    """
    if answer.status == 202:  # noqa: PLR2004
        return NotReady()
    body = _read_answer(answer, leads)
    general, results = body.object_or_none("general"), body.rows("results")
    is_ongoing = general is not None and general.text_or_none("status") == "ongoing"
    if is_ongoing or not results:
        return NotReady()
    read = partial(read_result, capability)
    return read_rows(
        results, lambda result: (result.text_or_none(name) or "").lower() or None, read
    )


def read_phone(
    answer: VendorAnswer, leads: Sequence[LeadInput]
) -> Mapping[str, Outcome] | NotReady:
    """Read the only row there is."""
    if answer.status == 202:  # noqa: PLR2004
        return NotReady()
    body = _read_answer(answer, leads)
    if body.side_text("qualification") == "ongoing":
        return NotReady()
    body.require("qualification")
    read = partial(read_result, Capability.FIND_PHONE)
    return read_rows([body], _custom_of, read)


def read_result(capability: Capability, result: JsonObject) -> Outcome:
    """Read a row; verdicts have no shades, because it claims to see through accept-all servers."""
    email, word = result.text_or_none("email"), result.side_text("qualification") or ""
    match capability:
        case Capability.FIND_EMAIL:
            return found_email(email, word, _FIND_VERDICTS, prefix="qualification")
        case Capability.VERIFY_EMAIL:
            return verified_email(email, word, _VERIFY_VERDICTS, prefix="qualification")
    number = result.phone_or_none("number", prefix="+")
    match word.lower():
        case "found":
            return phone_outcome(number, result.side_text("country"))
        case "not_found":
            return Missing()
    return NoAnswer(raw_reason("qualification", word), has_value=number is not None)


def _read_answer(answer: VendorAnswer, leads: Sequence[LeadInput]) -> JsonObject:
    if answer.status == 422:  # noqa: PLR2004
        raise OutOfCredit
    return read_object(answer, statuses=(200, 201, 202), leads=leads)


def _custom_of(result: JsonObject) -> str | None:
    # An object before it was known to be a text; such a search may be under way still.
    return result.side_text("custom") or result.side_object("custom").side_text("row")


def _address(row: Row) -> str:
    return (row.lead.email or "").lower()


def _reference(row: Row) -> str:
    return row.reference


def _whom(lead: LeadInput, capability: Capability) -> dict[str, Any]:
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


_read_searches: Final = partial(read_batch, Capability.FIND_EMAIL, "custom")
_read_addresses: Final = partial(read_batch, Capability.VERIFY_EMAIL, "email")
# Rows at once, how they are submitted and read, and what the results call them.
_HOW: Final[Mapping[Capability, tuple[int, _Submit, _Read, Callable[[Row], str]]]] = {
    Capability.FIND_EMAIL: (_ROWS_MAX, submit_searches, _read_searches, _reference),
    Capability.VERIFY_EMAIL: (_ROWS_MAX, submit_addresses, _read_addresses, _address),
    Capability.FIND_PHONE: (1, submit_phone, read_phone, _reference),
}


def _offer(capability: Capability, needs: Needs, poll_s: float, max_s: float, price: int) -> Offer:
    batch_max, submit, read, name_of = _HOW[capability]
    empty = price if capability is Capability.VERIFY_EMAIL else 0  # what is missing is refunded
    shape = Submitted(
        batch_max=batch_max,
        submit=submit,
        read_handle=lambda answer, leads: _read_answer(answer, leads).handle("id"),
        poll=lambda handle: get(_PATHS[capability], id=handle),
        read=read,
        first_poll_after_s=poll_s,
        poll_every_s=poll_s,
        poll_limits=_READ_LIMITS,
        callback_handle=lambda body: body.handle_or_none("id"),
        name_of=name_of,
    )
    return Offer(
        capability,
        needs,
        shape,
        max_s,
        price_found=price,
        price_missing=empty,
        price_unknown=empty,
    )


PROVIDER: Final = Provider(
    slug="enrow",
    name="Enrow",
    base_url="https://api.enrow.io",
    auth=Auth("header", "x-api-key"),
    limits=Limits(requests_per_minute=600, requests_per_second=10, concurrency=10),
    # Credits are reserved by each submission, and nothing says that a repeat reserves none.
    repeats="cheap",
    source="stated, 2026-11: docs.enrow.io and the vendor's own MCP server; pace is inferred",
    version=2,
    key_check=get("/account/info"),
    key_proof=("credits",),
    offers=(
        _offer(Capability.FIND_EMAIL, NAME_AND_COMPANY, 10.0, 600.0, 1_000),
        _offer(Capability.VERIFY_EMAIL, (("email",),), 3.0, 120.0, 250),
        _offer(Capability.FIND_PHONE, _WHOM, 10.0, 300.0, 50_000),
    ),
)
