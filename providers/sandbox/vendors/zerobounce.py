"""ZeroBounce's wire format: the key in the query, `error` in words, 403 for its shield."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from providers.sandbox.domains import domain_at
from providers.sandbox.keys import Account, account_of
from providers.sandbox.quota import Quota
from providers.sandbox.truth import Verdict, vendor_verdict
from providers.sandbox.vendor import Ask, Refusal, Reply, Route
from providers.sandbox.world import SandboxWorld

VERIFY_CHARGE: Final = 1_000
LATENCY_S: Final = 1.2

_QUOTA: Final = Quota("validate", ((80_000, 10.0),))
_KEY_OR_CREDITS: Final = "Invalid API Key or your account ran out of credits"
_STATUSES: Final = {
    Verdict.VALID: ("valid", ""),
    Verdict.INVALID: ("invalid", "mailbox_not_found"),
    Verdict.CATCH_ALL: ("catch-all", ""),
    Verdict.UNKNOWN: ("unknown", "mail_server_did_not_respond"),
}
_REFUSALS: Final = {
    Refusal.NO_KEY: (200, {"error": "Missing parameter: api_key."}),
    Refusal.BAD_KEY: (400, {"error": _KEY_OR_CREDITS}),
    Refusal.RATE_LIMITED: (429, {"error": "Too many requests"}),
    Refusal.OUT_OF_CREDITS: (200, {"error": _KEY_OR_CREDITS}),
    Refusal.UNREADABLE: (400, {"error": "Bad request"}),
    Refusal.NO_ROUTE: (404, {"error": "Not found"}),
}


def build(world: SandboxWorld) -> "ZeroBounce":
    """Return this vendor in that world."""
    return ZeroBounce(world)


class ZeroBounce:
    """Single validation and credits."""

    slug = "zerobounce"
    prefix = "/zerobounce/v2"

    def __init__(self, world: SandboxWorld) -> None:
        self._world = world

    def routes(self) -> Sequence[Route]:
        """Return the two routes."""
        credits_quota = Quota("credits", ((100, 60.0),))
        return (
            Route(
                "GET", "/validate", "verify_email", self._validate, _QUOTA, LATENCY_S, is_paid=True
            ),
            Route("GET", "/getcredits", "account", self._credits, credits_quota, 0.2),
        )

    def read_key(self, ask: Ask) -> str:
        """Return the key from the query; no header is read."""
        return ask.query.get("api_key", "")

    def refuse(self, refusal: Refusal, ask: Ask, *, retry_after_s: int = 0) -> Reply:  # noqa: ARG002 - this vendor sends no such header
        """Return an error in words; a wrong key and an empty account share theirs.

        Asked for its credits, a wrong key has less than none.
        """
        if refusal is Refusal.BAD_KEY and "email" not in ask.query:
            return Reply(200, {"Credits": "-1"})
        return Reply(*_REFUSALS[refusal])

    def _validate(self, ask: Ask) -> Reply:
        email = ask.text("email").lower()
        if not email:
            return Reply(400, {"error": "Missing parameter: email."})
        if "ip_address" not in ask.query:
            return Reply(400, {"error": "Missing parameter: ip_address."})
        is_address = email.count("@") == 1
        verdict = vendor_verdict(email) if is_address else Verdict.INVALID
        sequence = self._world.books.record(
            self.slug,
            "verify_email",
            verdict,
            key=ask.key,
            identity=email,
            charge_thousandths=0 if verdict is Verdict.UNKNOWN else VERIFY_CHARGE,
        )
        status, detail = _STATUSES[verdict] if is_address else ("invalid", "failed_syntax_check")
        return Reply(200, _checked(email, status, detail), delivers=(sequence,))

    def _credits(self, ask: Ask) -> Reply:
        is_known = account_of(ask.key) is not Account.UNKNOWN
        left = int(self._world.balance(self.slug, ask.key)) if is_known else -1
        return Reply(200, {"Credits": str(left)})


def _checked(email: str, status: str, detail: str) -> dict[str, Any]:
    account, _, domain_name = email.rpartition("@")
    domain = domain_at(domain_name)
    exchangers = () if domain is None else domain.exchangers
    return {
        "address": email,
        "status": status,
        "sub_status": detail,
        "free_email": False,
        "did_you_mean": None,
        "account": account,
        "domain": domain_name,
        "domain_age_days": None,
        "smtp_provider": None if domain is None else domain.esp,
        "mx_found": "true" if exchangers else "false",
        "mx_record": exchangers[0] if exchangers else None,
        "catchall_domain": status == "catch-all",
        "firstname": None,
        "lastname": None,
        "gender": None,
        "country": None,
        "region": None,
        "city": None,
        "zipcode": None,
        "processed_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.000"),
    }
