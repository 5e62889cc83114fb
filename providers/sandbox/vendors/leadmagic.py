"""LeadMagic's wire format: `X-API-Key`, answers at once, 429 with Retry-After."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from providers.sandbox.books import CREDIT
from providers.sandbox.domains import Reception, domain_at
from providers.sandbox.quota import Quota
from providers.sandbox.truth import (
    Person,
    Verdict,
    known_email,
    known_phone,
    known_phone_of_address,
    person_of_profile,
    vendor_verdict,
)
from providers.sandbox.vendor import Ask, Refusal, Reply, Route
from providers.sandbox.world import SandboxWorld

FIND_CHARGE: Final = 1_000
VERIFY_CHARGE: Final = 250
PHONE_CHARGE: Final = 5_000
LATENCY_S: Final = 0.3

_PER_MINUTE: Final = 3_000
_ADDRESS_LENGTH_MIN: Final = 3
_REFUSALS: Final = {
    Refusal.NO_KEY: (401, "authentication_error", "API key missing", "unauthorized"),
    Refusal.BAD_KEY: (401, "authentication_error", "API key not known", "unauthorized"),
    Refusal.RATE_LIMITED: (429, "rate_limit_error", "Too many requests", "rate_limited"),
    Refusal.OUT_OF_CREDITS: (402, "billing_error", "Not enough credits", "insufficient_credits"),
    Refusal.UNREADABLE: (400, "validation_error", "Body is not JSON", "validation_error"),
    Refusal.NO_ROUTE: (404, "not_found_error", "No such route", "not_found"),
}


def build(world: SandboxWorld) -> "LeadMagic":
    """Return this vendor in that world."""
    return LeadMagic(world)


class LeadMagic:
    """Email finder, email validation, mobile finder and credits."""

    slug = "leadmagic"
    prefix = "/leadmagic"

    def __init__(self, world: SandboxWorld) -> None:
        self._world = world

    def routes(self) -> Sequence[Route]:
        """Return the three paid routes and the account's."""
        return (
            _paid("/v1/people/email-finder", "find_email", self._find),
            _paid("/v1/people/email-validation", "verify_email", self._verify),
            _paid("/v1/people/mobile-finder", "find_phone", self._find_phone),
            Route("GET", "/v1/credits", "account", self._credits, _quota("account"), LATENCY_S),
        )

    def read_key(self, ask: Ask) -> str:
        """Return the key from its header."""
        return ask.headers.get("X-API-Key", "")

    def refuse(self, refusal: Refusal, ask: Ask, *, retry_after_s: int = 0) -> Reply:  # noqa: ARG002 - nothing here depends on the request
        """Return LeadMagic's list of errors with the request's id."""
        headers = {"Retry-After": str(retry_after_s)} if retry_after_s else {}
        return _error(*_REFUSALS[refusal], headers=headers)

    def _find(self, ask: Ask) -> Reply:
        # A domain is also taken where the company's name belongs.
        person = Person.named(
            ask.text("first_name"),
            ask.text("last_name"),
            full_name=ask.text("full_name"),
            domain=ask.text("domain"),
            company_name=ask.text("company_name"),
        )
        if not person.domain:
            return _invalid("domain or company_name is required")
        if not (person.first and person.last):
            return _invalid("first_name and last_name, or full_name, are required")
        email = known_email(self.slug, person)
        charge = 0 if email is None else FIND_CHARGE
        sequence = self._record("find_email", email, ask, person.identity, charge)
        body = {
            "email": email,
            "status": None if email is None else _find_status(email),
            "credits_consumed": charge // CREDIT,
            "message": "No email found." if email is None else "Valid email found.",
            "first_name": ask.text("first_name") or person.first,
            "last_name": ask.text("last_name") or person.last,
            "domain": person.domain,
            "employment_verified": False,
            **_mail_facts(person.domain),
        }
        return Reply(200, body, delivers=(sequence,))

    def _verify(self, ask: Ask) -> Reply:
        email = ask.text("email").lower()
        if email.count("@") != 1 or len(email.strip("@")) < _ADDRESS_LENGTH_MIN:
            return _invalid("email is required")
        verdict = vendor_verdict(email)
        decided = verdict in {Verdict.VALID, Verdict.INVALID}
        charge = VERIFY_CHARGE if decided else 0
        sequence = self._world.books.record(
            self.slug,
            "verify_email",
            verdict,
            key=ask.key,
            identity=email,
            charge_thousandths=charge,
        )
        body = {
            "email": email,
            "email_status": str(verdict) if decided else "unknown",
            "credits_consumed": charge / CREDIT,
            "message": "Email checked." if decided else "Email could not be decided.",
            **_mail_facts(email.rpartition("@")[2]),
        }
        return Reply(200, body, delivers=(sequence,))

    def _find_phone(self, ask: Ask) -> Reply:
        profile = ask.text("profile_url")
        email = ask.text("work_email") or ask.text("personal_email")
        if not (profile or email):
            return _invalid("profile_url, work_email or personal_email is required")
        if profile:
            person = person_of_profile(profile)
            identity = profile if person is None else person.identity
            phone = None if person is None else known_phone(self.slug, person)
        else:
            identity = email.lower()
            phone = known_phone_of_address(self.slug, email)
        charge = 0 if phone is None else PHONE_CHARGE
        sequence = self._record("find_phone", phone, ask, identity, charge)
        body = {
            "profile_url": profile or None,
            "email": email or None,
            "mobile_number": phone,
            "credits_consumed": charge // CREDIT,
            "message": "No mobile number found." if phone is None else "Mobile number found.",
        }
        return Reply(200, body, delivers=(sequence,))

    def _credits(self, ask: Ask) -> Reply:
        left = self._world.balance(self.slug, ask.key)
        body = {"credits": left, "is_frozen": False, "credits_frozen": 0, "credits_liquid": left}
        return Reply(200, body)

    def _record(
        self, capability: str, value: str | None, ask: Ask, identity: str, charge: int
    ) -> int:
        outcome = "missing" if value is None else "found"
        return self._world.books.record(
            self.slug,
            capability,
            outcome,
            key=ask.key,
            identity=identity,
            charge_thousandths=charge,
        )


def _quota(name: str) -> Quota:
    return Quota(name, ((_PER_MINUTE, 60.0),))


def _paid(path: str, name: str, answer: Any) -> Route:
    return Route("POST", path, name, answer, _quota(name), LATENCY_S, is_paid=True)


def _find_status(email: str) -> str:
    return "valid_catch_all" if vendor_verdict(email) is Verdict.CATCH_ALL else "valid"


def _mail_facts(domain_name: str) -> dict[str, Any]:
    domain = domain_at(domain_name)
    exchangers = () if domain is None else domain.exchangers
    records = [{"priority": 10 * (n + 1), "exchange": host} for n, host in enumerate(exchangers)]
    return {
        "has_mx": bool(exchangers),
        "mx_record": exchangers[0] if exchangers else None,
        "mx_provider": None if domain is None else domain.esp,
        "mx_records_full": records,
        "mx_security_gateway": domain is not None and domain.gateway is not None,
        "mx_gateway": None if domain is None else domain.gateway,
        "is_domain_catch_all": domain is not None and domain.reception is Reception.CATCH_ALL,
    }


def _invalid(title: str) -> Reply:
    return _error(400, "validation_error", title, "validation_error")


def _error(
    status: int, kind: str, title: str, code: str, *, headers: dict[str, str] | None = None
) -> Reply:
    error = {"type": kind, "title": title, "status": status, "code": code, "docs": ""}
    meta = {"request_id": str(uuid4()), "timestamp": datetime.now(UTC).isoformat()}
    body = {"success": False, "errors": [error], "meta": meta}
    return Reply(status, body, headers or {})
