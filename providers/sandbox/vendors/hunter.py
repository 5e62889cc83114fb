"""Hunter's wire format: `X-API-KEY`; 403 is too fast, 429 is out of quota, 202 is ask again."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from providers.sandbox.domains import domain_at
from providers.sandbox.quota import Quota
from providers.sandbox.truth import (
    Person,
    Verdict,
    draw,
    is_opted_out,
    known_email,
    vendor_verdict,
)
from providers.sandbox.vendor import Ask, Refusal, Reply, Route
from providers.sandbox.world import SandboxWorld

FIND_CHARGE: Final = 1_000
VERIFY_CHARGE: Final = 500
SLOW_SHARE: Final = 0.10
SLOW_S: Final = 5.0
PENDING_MAX: Final = 100_000

_FINDER: Final = Quota("finder", ((15, 1.0), (500, 60.0)))
_VERIFIER: Final = Quota("verifier", ((10, 1.0), (300, 60.0)))
_ACCOUNT: Final = Quota("account", ((10, 1.0),))
_DURATION_S_MIN, _DURATION_S_MAX = 3, 20
_STATUSES: Final = {
    Verdict.VALID: ("valid", "deliverable", 96),
    Verdict.INVALID: ("invalid", "undeliverable", 4),
    Verdict.CATCH_ALL: ("accept_all", "risky", 62),
    Verdict.UNKNOWN: ("unknown", "risky", 40),
}
_REFUSALS: Final = {
    Refusal.NO_KEY: (401, "authentication_failed", "An API key is required"),
    Refusal.BAD_KEY: (401, "authentication_failed", "This API key belongs to nobody"),
    Refusal.RATE_LIMITED: (403, "rate_limit_exceeded", "Requests arrive too fast"),
    Refusal.OUT_OF_CREDITS: (429, "usage_limit_reached", "The plan's quota is used up"),
    Refusal.UNREADABLE: (400, "wrong_params", "The request cannot be read"),
    Refusal.NO_ROUTE: (404, "not_found", "There is nothing at this path"),
}


def build(world: SandboxWorld) -> "Hunter":
    """Return this vendor in that world."""
    return Hunter(world)


class Hunter:
    """Email finder, email verifier and account."""

    slug = "hunter"
    prefix = "/hunter/v2"

    def __init__(self, world: SandboxWorld) -> None:
        self._world = world
        self._ready_at_s: dict[tuple[str, str], float] = {}

    def routes(self) -> Sequence[Route]:
        """Return the three routes."""
        return (
            Route("GET", "/email-finder", "find_email", self._find, _FINDER, 1.0, is_paid=True),
            Route(
                "GET", "/email-verifier", "verify_email", self._verify, _VERIFIER, 1.5, is_paid=True
            ),
            Route("GET", "/account", "account", self._account, _ACCOUNT, 0.2),
        )

    def read_key(self, ask: Ask) -> str:
        """Return the key from the header, the bearer or the query."""
        bearer = ask.headers.get("Authorization", "").removeprefix("Bearer ")
        return ask.headers.get("X-API-KEY") or bearer or ask.query.get("api_key", "")

    def refuse(self, refusal: Refusal, ask: Ask, *, retry_after_s: int = 0) -> Reply:  # noqa: ARG002 - nothing here depends on either
        """Return Hunter's list of errors; it sends no hint when to come back."""
        return _error(*_REFUSALS[refusal])

    def _find(self, ask: Ask) -> Reply:
        person = Person.named(
            ask.text("first_name"),
            ask.text("last_name"),
            full_name=ask.text("full_name"),
            domain=ask.text("domain"),
            company_name=ask.text("company"),
        )
        if not person.domain:
            return _error(400, "wrong_params", "A domain or a company is required")
        if not (person.first and person.last):
            return _error(400, "wrong_params", "A first and a last name are required")
        duration = ask.text("max_duration")
        if duration and not (
            duration.isdecimal() and _DURATION_S_MIN <= int(duration) <= _DURATION_S_MAX
        ):
            return _error(400, "wrong_params", "max_duration must be 3 to 20")
        if is_opted_out(person):
            return _error(451, "claimed_email", "This person asked not to be processed")
        email = known_email(self.slug, person)
        sequence = self._world.books.record(
            self.slug,
            "find_email",
            "missing" if email is None else "found",
            key=ask.key,
            identity=person.identity,
            charge_thousandths=0 if email is None else FIND_CHARGE,
        )
        body = {"data": _find_data(ask, person, email), "meta": {"params": dict(ask.query)}}
        return Reply(200, body, delivers=(sequence,))

    def _verify(self, ask: Ask) -> Reply:
        email = ask.text("email").lower()
        if email.count("@") != 1 or email.startswith("@") or email.endswith("@"):
            return _error(400, "wrong_params", "A valid email is required")
        now_s = self._world.pace.now_s()
        if self._is_pending(ask.key, email, now_s):
            return Reply(202, {"data": {"email": email, "status": None}})
        verdict = vendor_verdict(email)
        if verdict is Verdict.UNKNOWN:
            return _error(222, "verification_failed", "The mail server gave no clear answer")
        sequence = self._world.books.record(
            self.slug,
            "verify_email",
            verdict,
            key=ask.key,
            identity=email,
            charge_thousandths=VERIFY_CHARGE,
        )
        body = {"data": _verify_data(email, verdict), "meta": {"params": {"email": email}}}
        return Reply(200, body, delivers=(sequence,))

    def _is_pending(self, key: str, email: str, now_s: float) -> bool:
        """Tell whether Hunter is still asking; a finished check is forgotten when it is told."""
        if draw("hunter.slow", email) >= SLOW_SHARE:
            return False
        if len(self._ready_at_s) >= PENDING_MAX:
            self._ready_at_s.clear()
        ready_at_s = self._ready_at_s.setdefault((key, email), now_s + SLOW_S)
        if ready_at_s > now_s:
            return True
        del self._ready_at_s[(key, email)]
        return False

    def _account(self, ask: Ask) -> Reply:
        left = int(self._world.balance(self.slug, ask.key))
        used = int(self._world.books.spent_credits(self.slug, ask.key))
        meter = {"used": used, "available": left}
        body = {
            "email": "owner@sandbox.leadfall",
            "plan_name": "Sandbox",
            "plan_level": 1,
            "reset_date": "2030-01-01",
            "team_id": 1,
            "requests": {"searches": meter, "verifications": meter, "credits": meter},
        }
        return Reply(200, {"data": body})


def _error(status: int, error_id: str, details: str) -> Reply:
    return Reply(status, {"errors": [{"id": error_id, "code": status, "details": details}]})


def _find_data(ask: Ask, person: Person, email: str | None) -> dict[str, Any]:
    data: dict[str, Any] = {
        "first_name": ask.text("first_name") or person.first,
        "last_name": ask.text("last_name") or person.last,
        "email": email,
        "score": None,
        "domain": person.domain,
        "accept_all": None,
        "company": ask.text("company") or None,
        "position": None,
        "twitter": None,
        "linkedin_url": None,
        "phone_number": None,
        "sources": [],
        "verification": {"date": None, "status": None},
    }
    if email is not None:
        verdict = vendor_verdict(email)
        status, _, score = _STATUSES[verdict]
        today = datetime.now(UTC).date().isoformat()
        data["score"] = score
        data["accept_all"] = verdict is Verdict.CATCH_ALL
        data["verification"] = {"date": today, "status": status}
    return data


def _verify_data(email: str, verdict: Verdict) -> dict[str, Any]:
    domain = domain_at(email.rpartition("@")[2])
    has_exchangers = domain is not None and domain.takes_mail
    status, result, score = _STATUSES[verdict]
    return {
        "status": status,
        "result": result,
        "score": score,
        "email": email,
        "regexp": True,
        "gibberish": False,
        "disposable": False,
        "webmail": False,
        "mx_records": has_exchangers,
        "smtp_server": has_exchangers,
        "smtp_check": verdict in {Verdict.VALID, Verdict.CATCH_ALL},
        "accept_all": verdict is Verdict.CATCH_ALL,
        "block": False,
        "sources": [],
    }
