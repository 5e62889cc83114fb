"""A-Leads' wire format, as far as public clients show it: `x-api-key`, everything inside `data`."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from providers.sandbox.quota import Quota
from providers.sandbox.truth import (
    Person,
    Verdict,
    known_email,
    known_phone,
    person_of_profile,
    vendor_verdict,
)
from providers.sandbox.vendor import TEXT_LENGTH_MAX, Ask, Refusal, Reply, Route
from providers.sandbox.world import SandboxWorld

FIND_CHARGE: Final = 1_000
VERIFY_CHARGE: Final = 1_000
PHONE_CHARGE: Final = 15_000
LATENCY_S: Final = 1.0

# The hour's 600 and the day's 6,000 are left out: they would end every larger run in throttling.
_QUOTA: Final = Quota("all", ((200, 60.0),))
_NOTHING_SAID: Final = {"quality": None, "result": None, "catch_all_status": None}
_WORDS: Final[dict[Verdict, dict[str, Any]]] = {
    Verdict.VALID: {"quality": "good", "result": "ok", "catch_all_status": False},
    Verdict.INVALID: {"quality": "bad", "result": "invalid", "catch_all_status": False},
    Verdict.CATCH_ALL: {"quality": "good", "result": "ok", "catch_all_status": True},
    Verdict.UNKNOWN: _NOTHING_SAID,
}
_IS_VALID: Final = {Verdict.VALID: True, Verdict.CATCH_ALL: True, Verdict.INVALID: False}
_REFUSALS: Final = {
    Refusal.NO_KEY: (401, "The API key is missing"),
    Refusal.BAD_KEY: (401, "The API key is not known"),
    Refusal.RATE_LIMITED: (429, "Too many requests"),
    Refusal.OUT_OF_CREDITS: (402, "Not enough credits"),
    Refusal.UNREADABLE: (400, "The body is not JSON"),
    Refusal.NO_ROUTE: (404, "No such route"),
}


def build(world: SandboxWorld) -> "ALeads":
    """Return this vendor in that world."""
    return ALeads(world)


class ALeads:
    """Email finder, email verifier and phone finder; no account route is known."""

    slug = "aleads"
    prefix = "/aleads/gateway/v1/search"

    def __init__(self, world: SandboxWorld) -> None:
        self._world = world

    def routes(self) -> Sequence[Route]:
        """Return the three paid routes."""
        return (
            _paid("/find-email", "find_email", self._find),
            _paid("/verify-email", "verify_email", self._verify),
            _paid("/find-phone", "find_phone", self._phone),
        )

    def read_key(self, ask: Ask) -> str:
        """Return the key from its header."""
        return ask.headers.get("x-api-key", "")

    def refuse(self, refusal: Refusal, ask: Ask, *, retry_after_s: int = 0) -> Reply:  # noqa: ARG002 - no hint when to come back is known
        """Return the envelope with the reason in it."""
        return _refused(*_REFUSALS[refusal])

    def _find(self, ask: Ask) -> Reply:
        first, last = _text(ask, "first_name"), _text(ask, "last_name")
        website = _text(ask, "website")
        if not (first and last and website):
            return _refused(400, "first_name, last_name and website are required")
        person = Person.named(first, last, domain=website)
        email = known_email(self.slug, person)
        sequence = self._record("find_email", ask, person.identity, email, FIND_CHARGE)
        words = _NOTHING_SAID if email is None else _WORDS[vendor_verdict(email)]
        response = {"email": email, "first_name": first, "last_name": last, **words}
        return _answered(response, sequence)

    def _verify(self, ask: Ask) -> Reply:
        email = _text(ask, "email").lower()
        if email.count("@") != 1:
            return _refused(400, "email is required")
        verdict = vendor_verdict(email)
        sequence = self._world.books.record(
            self.slug,
            "verify_email",
            verdict,
            key=ask.key,
            identity=email,
            charge_thousandths=0 if verdict is Verdict.UNKNOWN else VERIFY_CHARGE,
        )
        response = {"is_valid": _IS_VALID.get(verdict), "esp": None, **_WORDS[verdict]}
        return _answered(response, sequence)

    def _phone(self, ask: Ask) -> Reply:
        profile = _text(ask, "linkedin_username")
        if not profile:
            return _refused(400, "linkedin_username is required")
        # The name of a profile is taken as well as its whole URL.
        person = person_of_profile(profile if "/in/" in profile else f"/in/{profile}")
        phone = None if person is None else known_phone(self.slug, person)
        identity = profile if person is None else person.identity
        sequence = self._record("find_phone", ask, identity, phone, PHONE_CHARGE)
        return _answered({"phone_number": phone}, sequence)

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


def _paid(path: str, name: str, answer: Any) -> Route:
    return Route("POST", path, name, answer, _QUOTA, LATENCY_S, is_paid=True)


def _text(ask: Ask, name: str) -> str:
    given = ask.body.get("data") if isinstance(ask.body, dict) else None
    value = given.get(name) if isinstance(given, dict) else None
    return value.strip()[:TEXT_LENGTH_MAX] if isinstance(value, str) else ""


def _answered(response: Mapping[str, Any], sequence: int) -> Reply:
    message = {"status": "success", "statusCode": 200, "description": "ok"}
    return Reply(200, {"message": message, "data": {"response": response}}, delivers=(sequence,))


def _refused(status: int, description: str) -> Reply:
    message = {"status": "error", "statusCode": status, "description": description}
    return Reply(status, {"message": message})
