"""Prospeo's wire format: `X-KEY`; every failure is an `error_code`, a miss among them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from providers.sandbox.books import person_hash
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


def build(world: SandboxWorld) -> "Prospeo":
    """Return this vendor in that world."""
    return Prospeo(world)


class Prospeo:
    """Person enrichment, with or without a mobile number, and the account."""

    slug = "prospeo"
    prefix = "/prospeo"

    def __init__(self, world: SandboxWorld) -> None:
        self._world = world
        self._paid: set[int] = set()

    def routes(self) -> Sequence[Route]:
        """Return the two routes."""
        account = Quota("account", ((_PER_MINUTE, 60.0),))
        return (
            Route(
                "POST", "/enrich-person", "enrich", self._enrich, _QUOTA, LATENCY_S, is_paid=True
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
        body = ask.body if isinstance(ask.body, dict) else {}
        given = body.get("data")
        if not isinstance(given, dict):
            return _error(400, "INVALID_REQUEST")
        person, email = _read_person(given)
        if not (person.is_whole or email):
            return _error(400, "INVALID_DATAPOINTS")
        if body.get("enrich_mobile") is True:
            return self._phone(ask, person, email)
        return self._email(ask, person, only_verified=body.get("only_verified_email") is True)

    def _email(self, ask: Ask, person: Person, *, only_verified: bool) -> Reply:
        known = known_valid_email if only_verified else known_email
        address = known(self.slug, person)
        sequence, is_free = self._record("find_email", ask, person.identity, address, FIND_CHARGE)
        if address is None:
            return _error(400, "NO_MATCH", delivers=(sequence,))
        is_valid = vendor_verdict(address) is Verdict.VALID
        email = {
            "status": "VERIFIED" if is_valid else "UNVERIFIED",
            "revealed": True,
            "email": address,
            "verification_method": "SMTP",
            "email_mx_provider": None,
        }
        mobile = {"status": None, "revealed": False, "mobile": None}
        return _match(person, email, mobile, is_free=is_free, sequence=sequence)

    def _phone(self, ask: Ask, person: Person, email: str) -> Reply:
        if person.is_whole:
            identity, number = person.identity, known_phone(self.slug, person)
        else:
            identity, number = email, known_phone_of_address(self.slug, email)
        sequence, is_free = self._record("find_phone", ask, identity, number, PHONE_CHARGE)
        if number is None:
            return _error(400, "NO_MATCH", delivers=(sequence,))
        mobile = {
            "status": "VERIFIED",
            "revealed": True,
            "mobile": number,
            "mobile_national": f"({number[2:5]}) {number[5:8]}-{number[8:]}",
            "mobile_international": f"+1 {number[2:5]}-{number[5:8]}-{number[8:]}",
            "mobile_country": "United States",
            "mobile_country_code": "US",
        }
        return _match(person, None, mobile, is_free=is_free, sequence=sequence)

    def _record(
        self, capability: str, ask: Ask, identity: str, value: str | None, price: int
    ) -> tuple[int, bool]:
        """Book the question; return its sequence, and whether the key has paid for it before."""
        mark = person_hash(f"{ask.key}|{capability}|{identity}")
        is_free = mark in self._paid
        if value is not None and len(self._paid) < PAID_MAX:
            self._paid.add(mark)
        sequence = self._world.books.record(
            self.slug,
            capability,
            "missing" if value is None else "found",
            key=ask.key,
            identity=identity,
            charge_thousandths=0 if value is None or is_free else price,
        )
        return sequence, is_free

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


def _match(
    person: Person,
    email: dict[str, Any] | None,
    mobile: dict[str, Any],
    *,
    is_free: bool,
    sequence: int,
) -> Reply:
    body = {
        "error": False,
        "free_enrichment": is_free,
        "person": {
            "first_name": person.first,
            "last_name": person.last,
            "full_name": f"{person.first} {person.last}".strip(),
            "email": email,
            "mobile": mobile,
        },
        "company": {"website": person.domain or None},
    }
    return Reply(200, body, delivers=(sequence,))


def _error(
    status: int,
    code: str,
    *,
    headers: Mapping[str, str] | None = None,
    delivers: Sequence[int] = (),
) -> Reply:
    return Reply(status, {"error": True, "error_code": code}, headers or {}, delivers)
