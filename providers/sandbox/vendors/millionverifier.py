"""MillionVerifier's wire format: the key in the query, failures as `error` in words with 200."""

from collections.abc import Sequence
from typing import Any, Final

from providers.sandbox.quota import Quota
from providers.sandbox.truth import Verdict, vendor_verdict
from providers.sandbox.vendor import Ask, Refusal, Reply, Route
from providers.sandbox.world import SandboxWorld

VERIFY_CHARGE: Final = 1_000
LATENCY_S: Final = 1.0
TIMEOUT_S_DEFAULT: Final = 20
TIMEOUT_S_MIN, TIMEOUT_S_MAX = 2, 60

_QUOTA: Final = Quota("verify", ((1_200, 60.0),))
_RESULTS: Final = {
    Verdict.VALID: ("ok", 1, "good"),
    Verdict.CATCH_ALL: ("catch_all", 2, "risky"),
    Verdict.UNKNOWN: ("unknown", 3, "unknown"),
    Verdict.INVALID: ("invalid", 6, "bad"),
}
_REFUSALS: Final = {
    Refusal.NO_KEY: "No API key specified",
    Refusal.BAD_KEY: "Invalid API key",
    Refusal.OUT_OF_CREDITS: "Insufficient credits",
    Refusal.UNREADABLE: "Internal error",
}


def build(world: SandboxWorld) -> "MillionVerifier":
    """Return this vendor in that world."""
    return MillionVerifier(world)


class MillionVerifier:
    """Single verification and credits."""

    slug = "millionverifier"
    prefix = "/millionverifier/api/v3"

    def __init__(self, world: SandboxWorld) -> None:
        self._world = world

    def routes(self) -> Sequence[Route]:
        """Return the two routes."""
        return (
            Route("GET", "/", "verify_email", self._verify, _QUOTA, LATENCY_S, is_paid=True),
            Route("GET", "/credits", "account", self._credits, _QUOTA, 0.2),
        )

    def read_key(self, ask: Ask) -> str:
        """Return the key from the query; no header is read."""
        return ask.query.get("api", "")

    def refuse(self, refusal: Refusal, ask: Ask, *, retry_after_s: int = 0) -> Reply:
        """Return an error in words; how it throttles is not known, so that is plain HTTP."""
        match refusal:
            case Refusal.RATE_LIMITED:
                return Reply(429, {}, {"Retry-After": str(retry_after_s)} if retry_after_s else {})
            case Refusal.NO_ROUTE:
                return Reply(404, {})
            case _:
                return Reply(200, _body(ask.text("email"), error=_REFUSALS[refusal]))

    def _verify(self, ask: Ask) -> Reply:
        email = ask.text("email").lower()
        timeout = ask.text("timeout") or str(TIMEOUT_S_DEFAULT)
        if not email:
            return Reply(200, _body("", error="No email specified"))
        if not (timeout.isdecimal() and TIMEOUT_S_MIN <= int(timeout) <= TIMEOUT_S_MAX):
            return Reply(200, _body(email, error="Invalid timeout"))
        verdict = vendor_verdict(email) if email.count("@") == 1 else Verdict.INVALID
        is_decisive = verdict in {Verdict.VALID, Verdict.INVALID}
        sequence = self._world.books.record(
            self.slug,
            "verify_email",
            verdict,
            key=ask.key,
            identity=email,
            charge_thousandths=VERIFY_CHARGE if is_decisive else 0,
        )
        left = int(self._world.balance(self.slug, ask.key))
        return Reply(200, _body(email, verdict=verdict, left=left), delivers=(sequence,))

    def _credits(self, ask: Ask) -> Reply:
        left = int(self._world.balance(self.slug, ask.key))
        body = {"credits": left, "bulk_credits": left, "renewing_credits": 0, "plan": 0}
        return Reply(200, body)


def _body(
    email: str, *, verdict: Verdict | None = None, left: int = 0, error: str = ""
) -> dict[str, Any]:
    result, code, quality = ("", 0, "") if verdict is None else _RESULTS[verdict]
    return {
        "email": email,
        "quality": quality,
        "result": result,
        "resultcode": code,
        "subresult": result,
        "free": False,
        "role": False,
        "didyoumean": "",
        "credits": left,
        "executiontime": 1,
        "error": error,
        "livemode": True,
    }
