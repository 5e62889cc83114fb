"""Enrow: work emails, email verification and mobile numbers, all of them submitted, then read.

All of it goes in bulk, since only submitting is limited and reading is not. A search for an email
gives our reference back, a verification the address itself. A search for a phone is shown without
the `custom` that it is said to give back, but with what was asked; so its `custom` says whom it is
about, in words that what was asked comes to as well. Its 422 is an empty balance, and its "invalid"
means not found when searching but dead when verifying.
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
from service.domain.plain_text import plain_text
from service.domain.suppression import plain_profile
from service.domain.value_outcome import phone_outcome
from service.domain.verdict import VerdictStatus

Needs = tuple[tuple[str, ...], ...]
_Submit = Callable[[Sequence[Row], str, str | None], VendorRequest]
_Read = Callable[[VendorAnswer, Sequence[LeadInput]], Mapping[str, Outcome] | NotReady]

_PATHS: Final = {
    Capability.FIND_EMAIL: "/email/find/bulk",
    Capability.VERIFY_EMAIL: "/email/verify/bulk",
    Capability.FIND_PHONE: "/phone/bulk",
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
# Each reserves 50 credits: a balance too small for all of them is refused for every one, and of a
# lost answer nobody knows the end of any.
_PHONES_MAX: Final = 10
_WHOM: Final = (*NAME_AND_COMPANY, ("linkedin_url",))
_ASKED: Final = ("linkedin_url", "firstname", "lastname", "company_domain", "company_name")
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


def submit_phones(rows: Sequence[Row], _reference: str, callback_url: str | None) -> VendorRequest:
    """Search the phones of a batch, of each person once."""
    asked = {_person(row): _whom(row.lead, Capability.FIND_PHONE) for row in rows}
    searches = [whom | {"custom": person} for person, whom in asked.items()]
    settings = _settings(callback_url)
    return post(_PATHS[Capability.FIND_PHONE], {"searches": searches, "settings": settings})


def read_batch(
    capability: Capability,
    name: Callable[[JsonObject], str | None],
    answer: VendorAnswer,
    leads: Sequence[LeadInput],
) -> Mapping[str, Outcome] | NotReady:
    """Read a batch; an end without results is not believed, and the deadline bounds the wait.

    Args:
        name: which row a result is of.
    """
    if answer.status == 202:  # noqa: PLR2004
        return NotReady()
    body = _read_answer(answer, leads)
    general, results = body.object_or_none("general"), body.rows("results")
    is_ongoing = general is not None and general.text_or_none("status") == "ongoing"
    if is_ongoing or not results:
        return NotReady()
    return read_rows(results, name, partial(read_result, capability))


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


def _named_address(result: JsonObject) -> str | None:
    address = result.text_or_none("email")
    return address.lower() if address else None


def _named_person(result: JsonObject) -> str | None:
    asked = result.side_object("params")
    custom = plain_text(result.side_text("custom"))
    return custom or _words_for({name: asked.side_text(name) for name in _ASKED})


def _address(row: Row) -> str:
    return (row.lead.email or "").lower()


def _person(row: Row) -> str:
    return _words_for(_whom(row.lead, Capability.FIND_PHONE)) or ""


def _words_for(asked: Mapping[str, str | None]) -> str | None:
    """Return what was asked about a phone in its plainest words, which tell it from any other."""
    if profile := asked.get("linkedin_url"):
        return plain_profile(profile) or plain_text(profile)
    named = [plain_text(asked.get(name)) for name in _ASKED]
    return " / ".join(filter(None, named)) or None


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


_read_searches: Final = partial(
    read_batch, Capability.FIND_EMAIL, lambda result: result.text_or_none("custom")
)
_read_addresses: Final = partial(read_batch, Capability.VERIFY_EMAIL, _named_address)
_read_phones: Final = partial(read_batch, Capability.FIND_PHONE, _named_person)
# Rows at once, how they are submitted and read, and what the results call them.
_HOW: Final[Mapping[Capability, tuple[int, _Submit, _Read, Callable[[Row], str]]]] = {
    Capability.FIND_EMAIL: (_ROWS_MAX, submit_searches, _read_searches, _reference),
    Capability.VERIFY_EMAIL: (_ROWS_MAX, submit_addresses, _read_addresses, _address),
    Capability.FIND_PHONE: (_PHONES_MAX, submit_phones, _read_phones, _person),
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
