"""NeverBounce's wire format: the key in the query, every failure an HTTP 200 with a `status`."""

from collections.abc import Sequence
from typing import Final

from providers.sandbox.quota import Quota
from providers.sandbox.truth import Verdict, vendor_verdict
from providers.sandbox.vendor import Ask, Refusal, Reply, Route
from providers.sandbox.world import SandboxWorld

VERIFY_CHARGE: Final = 1_000
LATENCY_S: Final = 0.8
EXECUTION_MS: Final = 499

_QUOTA: Final = Quota("application", ((600, 60.0),))
_RESULTS: Final = {
    Verdict.VALID: "valid",
    Verdict.INVALID: "invalid",
    Verdict.CATCH_ALL: "catchall",
    Verdict.UNKNOWN: "unknown",
}
_REFUSALS: Final = {
    Refusal.NO_KEY: ("auth_failure", "Missing required parameter 'key'"),
    Refusal.BAD_KEY: ("auth_failure", "Invalid API key"),
    Refusal.RATE_LIMITED: ("throttle_triggered", "Too many requests in a short time"),
    Refusal.OUT_OF_CREDITS: ("general_failure", "Insufficient credits"),
    Refusal.UNREADABLE: ("general_failure", "The request cannot be read"),
}


def build(world: SandboxWorld) -> "NeverBounce":
    """Return this vendor in that world."""
    return NeverBounce(world)


class NeverBounce:
    """Single check and account."""

    slug = "neverbounce"
    prefix = "/neverbounce/v4.2"

    def __init__(self, world: SandboxWorld) -> None:
        self._world = world

    def routes(self) -> Sequence[Route]:
        """Return the two routes."""
        return (
            Route(
                "GET", "/single/check", "verify_email", self._check, _QUOTA, LATENCY_S, is_paid=True
            ),
            Route("GET", "/account/info", "account", self._account, _QUOTA, 0.2),
        )

    def read_key(self, ask: Ask) -> str:
        """Return the key from the query; no header is read."""
        return ask.query.get("key", "")

    def refuse(self, refusal: Refusal, ask: Ask, *, retry_after_s: int = 0) -> Reply:  # noqa: ARG002 - nothing here depends on either
        """Return a 200 that says no; only a path that is not there is a 404."""
        if refusal is Refusal.NO_ROUTE:
            return Reply(404, {"message": "Not found"})
        return _failed(*_REFUSALS[refusal])

    def _check(self, ask: Ask) -> Reply:
        email = ask.text("email").lower()
        if not email:
            return _failed("general_failure", "Missing required parameter 'email'")
        verdict = vendor_verdict(email) if email.count("@") == 1 else Verdict.INVALID
        sequence = self._world.books.record(
            self.slug,
            "verify_email",
            verdict,
            key=ask.key,
            identity=email,
            charge_thousandths=VERIFY_CHARGE,
        )
        body = {
            "status": "success",
            "result": _RESULTS[verdict],
            "flags": [],
            "suggested_correction": "",
            "execution_time": EXECUTION_MS,
        }
        return Reply(200, body, delivers=(sequence,))

    def _account(self, ask: Ask) -> Reply:
        left = int(self._world.balance(self.slug, ask.key))
        used = int(self._world.books.spent_credits(self.slug, ask.key))
        body = {
            "status": "success",
            "credits_info": {
                "paid_credits_used": used,
                "free_credits_used": 0,
                "paid_credits_remaining": left,
                "free_credits_remaining": 0,
            },
            "job_counts": {"completed": 0, "under_review": 0, "queued": 0, "processing": 0},
            "execution_time": EXECUTION_MS,
        }
        return Reply(200, body)


def _failed(status: str, message: str) -> Reply:
    return Reply(200, {"status": status, "message": message, "execution_time": EXECUTION_MS})
