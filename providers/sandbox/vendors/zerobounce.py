"""ZeroBounce's wire format: the key in query or body, `error` in words, 403 for its shield."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from providers.sandbox.domains import domain_at
from providers.sandbox.fields import list_in, text_in
from providers.sandbox.keys import Account, account_of
from providers.sandbox.quota import Quota
from providers.sandbox.truth import Verdict, vendor_verdict
from providers.sandbox.vendor import Ask, Refusal, Reply, Route
from providers.sandbox.world import SandboxWorld

VERIFY_CHARGE: Final = 1_000
LATENCY_S: Final = 1.2
BATCH_LATENCY_S: Final = 20.0
BATCH_MAX: Final = 100

_BATCH: Final = "email_batch"
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

# These are told in the list of a batch's failures.
_OF_A_BATCH: Final = frozenset({Refusal.NO_KEY, Refusal.BAD_KEY, Refusal.OUT_OF_CREDITS})
_ALL: Final = "all"


def build(world: SandboxWorld) -> "ZeroBounce":
    """Return this vendor in that world."""
    return ZeroBounce(world)


class ZeroBounce:
    """Validation, single and of a batch, and credits."""

    slug = "zerobounce"
    prefix = "/zerobounce/v2"

    def __init__(self, world: SandboxWorld) -> None:
        self._world = world

    def routes(self) -> Sequence[Route]:
        """Return the three routes; a batch has a limit of its own."""
        credits_quota = Quota("credits", ((100, 60.0),))
        batch_quota = Quota("batch", ((5, 60.0),))
        return (
            Route(
                "GET", "/validate", "verify_email", self._validate, _QUOTA, LATENCY_S, is_paid=True
            ),
            Route(
                "POST",
                "/validatebatch",
                "verify_batch",
                self._validate_batch,
                batch_quota,
                BATCH_LATENCY_S,
                is_paid=True,
            ),
            Route("GET", "/getcredits", "account", self._credits, credits_quota, 0.2),
        )

    def read_key(self, ask: Ask) -> str:
        """Return the key from the query, or from the body of a batch; no header is read."""
        return text_in(ask.body, "api_key") or ask.query.get("api_key", "")

    def refuse(self, refusal: Refusal, ask: Ask, *, retry_after_s: int = 0) -> Reply:  # noqa: ARG002 - this vendor sends no such header
        """Return an error in words; a wrong key and an empty account share theirs.

        Asked for its credits, a wrong key has less than none.
        """
        if refusal in _OF_A_BATCH and _is_batch(ask):
            return Reply(200, {_BATCH: [], "errors": [_failed(_ALL, _KEY_OR_CREDITS)]})
        if refusal is Refusal.BAD_KEY and "email" not in ask.query:
            return Reply(200, {"Credits": "-1"})
        return Reply(*_REFUSALS[refusal])

    def _validate(self, ask: Ask) -> Reply:
        email = ask.text("email").lower()
        if not email:
            return Reply(400, {"error": "Missing parameter: email."})
        if "ip_address" not in ask.query:
            return Reply(400, {"error": "Missing parameter: ip_address."})
        sequence, checked = self._check(ask, email)
        return Reply(200, checked, delivers=(sequence,))

    def _validate_batch(self, ask: Ask) -> Reply:
        batch = list_in(ask.body, _BATCH)
        if not 1 <= len(batch) <= BATCH_MAX:
            return Reply(400, {"Message": f"Missing parameter: {_BATCH}."})
        emails = [text_in(each, "email_address").lower() for each in batch]
        checked = [self._check(ask, email) for email in emails if email]
        missing = _failed("unknown", f"Missing {_BATCH} key: email_address.")
        body = {
            _BATCH: [each for _, each in checked],
            "errors": [missing for email in emails if not email],
        }
        return Reply(200, body, delivers=[sequence for sequence, _ in checked])

    def _check(self, ask: Ask, email: str) -> tuple[int, dict[str, Any]]:
        """Book a validation; return its sequence and what is told of the address."""
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
        return sequence, _checked(email, status, detail)

    def _credits(self, ask: Ask) -> Reply:
        is_known = account_of(ask.key) is not Account.UNKNOWN
        left = int(self._world.balance(self.slug, ask.key)) if is_known else -1
        return Reply(200, {"Credits": str(left)})


def _is_batch(ask: Ask) -> bool:
    return isinstance(ask.body, dict) and _BATCH in ask.body


def _failed(email: str, error: str) -> dict[str, str]:
    return {"error": error, "email_address": email}


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
