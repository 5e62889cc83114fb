"""Prospeo's wire format: `X-KEY`; a failure is an `error_code`, and so is a single miss."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from providers.sandbox.books import CREDIT, person_hash
from providers.sandbox.fields import list_in, text_in
from providers.sandbox.quota import Quota
from providers.sandbox.truth import (
    Person,
    Verdict,
    known_email,
    known_phone,
    known_phone_of_address,
    known_valid_email,
    person_of_profile,
    vendor_verdict,
)
from providers.sandbox.vendor import TEXT_LENGTH_MAX, Ask, Refusal, Reply, Route
from providers.sandbox.world import SandboxWorld

FIND_CHARGE: Final = 1_000
PHONE_CHARGE: Final = 10_000
LATENCY_S: Final = 0.8
BULK_LATENCY_S: Final = 2.5
BULK_ROWS_MAX: Final = 50
PAID_MAX: Final = 1_000_000

_PER_MINUTE: Final = 300
_QUOTA: Final = Quota("all", ((5, 1.0), (_PER_MINUTE, 60.0)))
_REFUSALS: Final = {
    Refusal.NO_KEY: (401, "INVALID_API_KEY"),
    Refusal.BAD_KEY: (401, "INVALID_API_KEY"),
    Refusal.RATE_LIMITED: (429, "RATE_LIMITED"),
    Refusal.OUT_OF_CREDITS: (400, "INSUFFICIENT_CREDITS"),
    Refusal.UNREADABLE: (400, "INVALID_REQUEST"),
    Refusal.NO_ROUTE: (404, "INVALID_REQUEST"),
}


@dataclass(frozen=True, slots=True)
class _LookedUp:
    """A question about one person, booked; `found` is None where the person is not known."""

    sequence: int
    charge_thousandths: int
    found: dict[str, Any] | None = None


def build(world: SandboxWorld) -> "Prospeo":
    """Return this vendor in that world."""
    return Prospeo(world)


class Prospeo:
    """Person enrichment, single and in bulk, with or without a mobile number, and the account."""

    slug = "prospeo"
    prefix = "/prospeo"

    def __init__(self, world: SandboxWorld) -> None:
        self._world = world
        self._paid: set[int] = set()

    def routes(self) -> Sequence[Route]:
        """Return the three routes; each record of a bulk counts as a request."""
        account = Quota("account", ((_PER_MINUTE, 60.0),))
        return (
            Route(
                "POST", "/enrich-person", "enrich", self._enrich, _QUOTA, LATENCY_S, is_paid=True
            ),
            Route(
                "POST",
                "/bulk-enrich-person",
                "enrich_bulk",
                self._enrich_bulk,
                _QUOTA,
                BULK_LATENCY_S,
                is_paid=True,
                rows=lambda body: max(1, len(list_in(body, "data"))),
            ),
            Route("GET", "/account-information", "account", self._account, account, 0.2),
        )

    def read_key(self, ask: Ask) -> str:
        """Return the key from its header."""
        return ask.headers.get("X-KEY", "")

    def refuse(self, refusal: Refusal, ask: Ask, *, retry_after_s: int = 0) -> Reply:  # noqa: ARG002 - nothing here depends on the request
        """Return the error code; of a rate, also what is left of it and until when."""
        rate = {"x-minute-request-left": "0", "x-minute-reset-seconds": str(retry_after_s)}
        return _error(*_REFUSALS[refusal], headers=rate if retry_after_s else {})

    def _enrich(self, ask: Ask) -> Reply:
        given = ask.body.get("data") if isinstance(ask.body, dict) else None
        if not isinstance(given, dict):
            return _error(400, "INVALID_REQUEST")
        looked_up = self._look_up(ask, given)
        if looked_up is None:
            return _error(400, "INVALID_DATAPOINTS")
        delivers = (looked_up.sequence,)
        if looked_up.found is None:
            return _error(400, "NO_MATCH", delivers=delivers)
        return Reply(200, {"error": False} | looked_up.found, delivers=delivers)

    def _enrich_bulk(self, ask: Ask) -> Reply:
        records = list_in(ask.body, "data")
        names = [text_in(record, "identifier") for record in records]
        is_named = len(set(names)) == len(names) and all(map(_is_identifier, names))
        if not (is_named and 1 <= len(names) <= BULK_ROWS_MAX):
            return _error(400, "INVALID_REQUEST")
        looked_up = {
            name: self._look_up(ask, record, name)
            for name, record in zip(names, records, strict=True)
        }
        answered = {name: each for name, each in looked_up.items() if each is not None}
        body = {
            "error": False,
            "total_cost": sum(each.charge_thousandths for each in answered.values()) // CREDIT,
            "matched": [
                {"identifier": name} | each.found
                for name, each in answered.items()
                if each.found is not None
            ],
            "not_matched": [name for name, each in answered.items() if each.found is None],
            "invalid_datapoints": [name for name, each in looked_up.items() if each is None],
        }
        return Reply(200, body, delivers=[each.sequence for each in answered.values()])

    def _look_up(
        self, ask: Ask, given: Mapping[str, Any], reference: str | None = None
    ) -> "_LookedUp | None":
        """Book and answer a question about one person; None where nobody is named."""
        person, email = _read_person(given)
        if not (person.is_whole or email):
            return None
        if ask.body.get("enrich_mobile") is True:
            return self._phone(ask, person, email, reference)
        return self._email(ask, person, reference)

    def _email(self, ask: Ask, person: Person, reference: str | None) -> "_LookedUp":
        only_verified = ask.body.get("only_verified_email") is True
        address = (known_valid_email if only_verified else known_email)(self.slug, person)
        booked = self._record(
            "find_email", ask, person.identity, address, FIND_CHARGE, reference=reference
        )
        if address is None:
            return booked
        is_valid = vendor_verdict(address) is Verdict.VALID
        email = {
            "status": "VERIFIED" if is_valid else "UNVERIFIED",
            "revealed": True,
            "email": address,
            "verification_method": "SMTP",
            "email_mx_provider": None,
        }
        mobile = {"status": None, "revealed": False, "mobile": None}
        return _match(booked, person, email, mobile)

    def _phone(self, ask: Ask, person: Person, email: str, reference: str | None) -> "_LookedUp":
        if person.is_whole:
            identity, number = person.identity, known_phone(self.slug, person)
        else:
            identity, number = email, known_phone_of_address(self.slug, email)
        booked = self._record(
            "find_phone", ask, identity, number, PHONE_CHARGE, reference=reference
        )
        if number is None:
            return booked
        mobile = {
            "status": "VERIFIED",
            "revealed": True,
            "mobile": number,
            "mobile_national": f"({number[2:5]}) {number[5:8]}-{number[8:]}",
            "mobile_international": f"+1 {number[2:5]}-{number[5:8]}-{number[8:]}",
            "mobile_country": "United States",
            "mobile_country_code": "US",
        }
        return _match(booked, person, None, mobile)

    def _record(
        self,
        capability: str,
        ask: Ask,
        identity: str,
        value: str | None,
        price: int,
        *,
        reference: str | None,
    ) -> "_LookedUp":
        """Book the question; what the key has paid for before is free."""
        mark = person_hash(f"{ask.key}|{capability}|{identity}")
        charge = 0 if value is None or mark in self._paid else price
        if value is not None and len(self._paid) < PAID_MAX:
            self._paid.add(mark)
        sequence = self._world.books.record(
            self.slug,
            capability,
            "missing" if value is None else "found",
            key=ask.key,
            identity=identity,
            charge_thousandths=charge,
            reference=reference,
        )
        return _LookedUp(sequence, charge)

    def _account(self, ask: Ask) -> Reply:
        body = {
            "current_plan": "SANDBOX",
            "remaining_credits": int(self._world.balance(self.slug, ask.key)),
            "used_credits": int(self._world.books.spent_credits(self.slug, ask.key)),
            "next_quota_renewal_days": 30,
            "next_quota_renewal_date": "2030-01-01 00:00:00+00:00",
        }
        return Reply(200, {"error": False, "response": body})


def _read_person(given: Mapping[str, Any]) -> tuple[Person, str]:
    """Return whom the datapoints name, by name and company or else by profile, and the address."""

    def text(name: str) -> str:
        value = given.get(name)
        return value.strip()[:TEXT_LENGTH_MAX] if isinstance(value, str) else ""

    named = Person.named(
        text("first_name"),
        text("last_name"),
        full_name=text("full_name"),
        domain=text("company_website"),
        company_name=text("company_name"),
    )
    person = named if named.is_whole else person_of_profile(text("linkedin_url")) or named
    return person, text("email").lower()


def _is_identifier(name: str) -> bool:
    return name.isascii() and name.isalnum()


def _match(
    booked: _LookedUp, person: Person, email: dict[str, Any] | None, mobile: dict[str, Any]
) -> _LookedUp:
    found = {
        "free_enrichment": booked.charge_thousandths == 0,
        "person": {
            "first_name": person.first,
            "last_name": person.last,
            "full_name": f"{person.first} {person.last}".strip(),
            "email": email,
            "mobile": mobile,
        },
        "company": {"website": person.domain or None},
    }
    return replace(booked, found=found)


def _error(
    status: int,
    code: str,
    *,
    headers: Mapping[str, str] | None = None,
    delivers: Sequence[int] = (),
) -> Reply:
    return Reply(status, {"error": True, "error_code": code}, headers or {}, delivers)
