"""Findymail's wire format: bearer key; only verified addresses, 404 for a person it does not know.

What is bought from an empty purse is a 402 at the finder and a 200 with an `error` at the verifier,
so that a client meets both ways in which the vendor is known to say it.
"""

from collections.abc import Sequence
from typing import Final

from providers.sandbox.keys import Account, account_of
from providers.sandbox.quota import Quota
from providers.sandbox.truth import (
    Person,
    Verdict,
    known_phone,
    known_valid_email,
    person_of_profile,
    vendor_verdict,
)
from providers.sandbox.vendor import Ask, Refusal, Reply, Route
from providers.sandbox.world import SandboxWorld

FIND_CHARGE: Final = 1_000
VERIFY_CHARGE: Final = 1_000
PHONE_CHARGE: Final = 10_000
LATENCY_S: Final = 1.5

_QUOTA: Final = Quota("all", ((6_000, 60.0),))
_REFUSALS: Final = {
    Refusal.NO_KEY: (401, {"message": "Unauthenticated."}),
    Refusal.BAD_KEY: (401, {"message": "Unauthenticated."}),
    Refusal.RATE_LIMITED: (429, {"message": "Too Many Attempts."}),
    Refusal.OUT_OF_CREDITS: (402, {"error": "Not enough credits"}),
    Refusal.UNREADABLE: (422, {"message": "The given data was invalid."}),
    Refusal.NO_ROUTE: (404, {"message": "The route could not be found."}),
}


def build(world: SandboxWorld) -> "Findymail":
    """Return this vendor in that world."""
    return Findymail(world)


class Findymail:
    """Search by name and by profile, verification, phones and credits."""

    slug = "findymail"
    prefix = "/findymail/api"

    def __init__(self, world: SandboxWorld) -> None:
        self._world = world

    def routes(self) -> Sequence[Route]:
        """Return all routes; the verifier tells of an empty purse by itself."""
        by_profile = self._find_by_profile
        return (
            Route(
                "POST", "/search/name", "find_email", self._find, _QUOTA, LATENCY_S, is_paid=True
            ),
            Route(
                "POST",
                "/search/linkedin",
                "find_email",
                by_profile,
                _QUOTA,
                LATENCY_S,
                is_paid=True,
            ),
            Route(
                "POST",
                "/search/business-profile",
                "find_email",
                by_profile,
                _QUOTA,
                LATENCY_S,
                is_paid=True,
            ),
            Route(
                "POST", "/search/phone", "find_phone", self._phone, _QUOTA, LATENCY_S, is_paid=True
            ),
            Route("POST", "/verify", "verify_email", self._verify, _QUOTA, LATENCY_S),
            Route("GET", "/credits", "account", self._credits, _QUOTA, 0.2),
        )

    def read_key(self, ask: Ask) -> str:
        """Return the bearer key."""
        return ask.headers.get("Authorization", "").removeprefix("Bearer ")

    def refuse(self, refusal: Refusal, ask: Ask, *, retry_after_s: int = 0) -> Reply:  # noqa: ARG002 - nothing here depends on the request
        """Return the status and the text that goes with it."""
        status, body = _REFUSALS[refusal]
        return Reply(status, body, {"Retry-After": str(retry_after_s)} if retry_after_s else {})

    def _find(self, ask: Ask) -> Reply:
        name, company = ask.text("name"), ask.text("domain")
        if not (name and company):
            return _invalid("name", "domain")
        return self._answer_find(ask, Person.named(full_name=name, company_name=company))

    def _find_by_profile(self, ask: Ask) -> Reply:
        url = ask.text("linkedin_url")
        if not url:
            return _invalid("linkedin_url")
        return self._answer_find(ask, person_of_profile(url) or Person("", "", url))

    def _answer_find(self, ask: Ask, person: Person) -> Reply:
        email = known_valid_email(self.slug, person)
        sequence = self._record("find_email", ask, person.identity, email, FIND_CHARGE)
        if email is None:
            return Reply(404, {"error": "Contact not found"}, delivers=(sequence,))
        name = f"{person.first} {person.last}"
        contact = {"name": name, "email": email, "domain": person.domain}
        return Reply(200, {"contact": contact}, delivers=(sequence,))

    def _phone(self, ask: Ask) -> Reply:
        url = ask.text("linkedin_url")
        if not url:
            return _invalid("linkedin_url")
        person = person_of_profile(url)
        phone = None if person is None else known_phone(self.slug, person)
        identity = url if person is None else person.identity
        sequence = self._record("find_phone", ask, identity, phone, PHONE_CHARGE)
        if phone is None:
            return Reply(404, {"error": "Phone not found"}, delivers=(sequence,))
        return Reply(200, {"phone": phone, "line_type": "mobile"}, delivers=(sequence,))

    def _verify(self, ask: Ask) -> Reply:
        email = ask.text("email").lower()
        if email.count("@") != 1:
            return _invalid("email")
        if account_of(ask.key) is Account.EMPTY:
            return Reply(200, {"error": "Not enough credits"})
        verdict = vendor_verdict(email)
        sequence = self._world.books.record(
            self.slug,
            "verify_email",
            verdict,
            key=ask.key,
            identity=email,
            charge_thousandths=VERIFY_CHARGE,
        )
        body = {"email": email, "verified": verdict is Verdict.VALID, "provider": None}
        return Reply(200, body, delivers=(sequence,))

    def _credits(self, ask: Ask) -> Reply:
        left = int(self._world.balance(self.slug, ask.key))
        return Reply(200, {"credits": left, "verifier_credits": left})

    def _record(
        self, capability: str, ask: Ask, identity: str, value: str | None, price: int
    ) -> int:
        return self._world.books.record(
            self.slug,
            capability,
            "missing" if value is None else "found",
            key=ask.key,
            identity=identity,
            charge_thousandths=0 if value is None else price,
        )


def _invalid(*names: str) -> Reply:
    errors = {name: [f"The {name} field is required."] for name in names}
    return Reply(422, {"message": "The given data was invalid.", "errors": errors})
