"""LeadMagic's wire format: `X-API-Key`, 429 with Retry-After; answers at once, or jobs of rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from providers.sandbox.books import CREDIT
from providers.sandbox.domains import Reception, domain_at
from providers.sandbox.fields import list_in
from providers.sandbox.quota import Quota
from providers.sandbox.truth import (
    Person,
    Verdict,
    draw,
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
ROWS_MAX: Final = 500_000
ROW_READY_S: Final = (5.0, 30.0)
JOBS_MAX: Final = 100_000
HTTP_OK: Final = 200

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


@dataclass(frozen=True, slots=True)
class JobRow:
    """A row of a job with the answer that it would have had by itself, shown once it is ready."""

    given: Mapping[str, Any] = field(repr=False)
    reply: Reply = field(repr=False)
    ready_at_s: float


@dataclass(frozen=True, slots=True)
class Job:
    """Rows handed in together by one key."""

    key: str = field(repr=False)
    product: str
    rows: tuple[JobRow, ...]


def build(world: SandboxWorld) -> "LeadMagic":
    """Return this vendor in that world."""
    return LeadMagic(world)


class LeadMagic:
    """Email finder, email validation, mobile finder, each also for rows in a job, and credits."""

    slug = "leadmagic"
    prefix = "/leadmagic"

    def __init__(self, world: SandboxWorld) -> None:
        self._world = world
        self._jobs: dict[str, Job] = {}
        self._products: Mapping[str, Callable[[Ask, float | None], Reply]] = {
            "email_finder": self._find,
            "email_validation": self._verify,
            "mobile_finder": self._find_phone,
        }

    def routes(self) -> Sequence[Route]:
        """Return the three paid routes, those of jobs and the account's."""
        return (
            _paid("/v1/people/email-finder", "find_email", self._find),
            _paid("/v1/people/email-validation", "verify_email", self._verify),
            _paid("/v1/people/mobile-finder", "find_phone", self._find_phone),
            Route(
                "POST", "/bulk/submit", "submit", self._submit, _quota("bulk"), 0.5, is_paid=True
            ),
            Route(
                "GET", "/bulk/jobs/{job}/results", "read", self._results, _quota("bulk"), LATENCY_S
            ),
            Route("GET", "/v1/credits", "account", self._credits, _quota("account"), LATENCY_S),
        )

    def read_key(self, ask: Ask) -> str:
        """Return the key from its header."""
        return ask.headers.get("X-API-Key", "")

    def refuse(self, refusal: Refusal, ask: Ask, *, retry_after_s: int = 0) -> Reply:  # noqa: ARG002 - nothing here depends on the request
        """Return LeadMagic's list of errors with the request's id."""
        headers = {"Retry-After": str(retry_after_s)} if retry_after_s else {}
        return _error(*_REFUSALS[refusal], headers=headers)

    def _submit(self, ask: Ask) -> Reply:
        product, rows = ask.text("product"), list_in(ask.body, "rows")
        if product not in self._products:
            return _invalid("product is not known")
        if not 1 <= len(rows) <= ROWS_MAX or not all(isinstance(row, dict) for row in rows):
            return _invalid("rows is missing or not valid")
        job = Job(ask.key, product, tuple(self._look_up(ask, product, row) for row in rows))
        if len(self._jobs) >= JOBS_MAX:
            del self._jobs[next(iter(self._jobs))]
        name = str(uuid4())
        self._jobs[name] = job
        return Reply(202, {"job_id": name, "status": "queued", "total_rows": len(rows)})

    def _look_up(self, ask: Ask, product: str, row: Mapping[str, Any]) -> JobRow:
        shortest_s, longest_s = ROW_READY_S
        about = "|".join(map(str, row.values()))
        spread_s = (longest_s - shortest_s) * draw("ready", self.slug, about)
        ready_at_s = self._world.pace.now_s() + shortest_s + spread_s
        reply = self._products[product](replace(ask, body=row), ready_at_s)
        return JobRow(row, reply, ready_at_s)

    def _results(self, ask: Ask) -> Reply:
        job = self._jobs.get(ask.path["job"])
        if job is None or job.key != ask.key:
            return _error(*_REFUSALS[Refusal.NO_ROUTE])
        offset, limit = (_count(ask.text(name)) for name in ("offset", "limit"))
        now_s = self._world.pace.now_s()
        page = list(enumerate(job.rows))[offset : offset + limit]
        rows = [_job_row(job, index, row, is_ready=row.ready_at_s <= now_s) for index, row in page]
        delivers = [
            sequence
            for _, row in page
            if row.ready_at_s <= now_s
            for sequence in row.reply.delivers
        ]
        return Reply(200, {"rows": rows, "limit": limit, "offset": offset}, delivers=delivers)

    def _find(self, ask: Ask, ready_at_s: float | None = None) -> Reply:
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
        sequence = self._record(
            "find_email", email, ask, person.identity, charge=charge, ready_at_s=ready_at_s
        )
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

    def _verify(self, ask: Ask, ready_at_s: float | None = None) -> Reply:
        email = ask.text("email").lower()
        if email.count("@") != 1 or len(email.strip("@")) < _ADDRESS_LENGTH_MIN:
            return _invalid("email is required")
        verdict = vendor_verdict(email)
        decided = verdict in {Verdict.VALID, Verdict.INVALID}
        charge = VERIFY_CHARGE if decided else 0
        sequence = self._record(
            "verify_email", verdict, ask, email, charge=charge, ready_at_s=ready_at_s
        )
        body = {
            "email": email,
            "email_status": str(verdict) if decided else "unknown",
            "credits_consumed": charge / CREDIT,
            "message": "Email checked." if decided else "Email could not be decided.",
            **_mail_facts(email.rpartition("@")[2]),
        }
        return Reply(200, body, delivers=(sequence,))

    def _find_phone(self, ask: Ask, ready_at_s: float | None = None) -> Reply:
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
        sequence = self._record(
            "find_phone", phone, ask, identity, charge=charge, ready_at_s=ready_at_s
        )
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
        self,
        capability: str,
        value: str | None,
        ask: Ask,
        identity: str,
        *,
        charge: int,
        ready_at_s: float | None,
    ) -> int:
        found = value if isinstance(value, Verdict) else "found"
        return self._world.books.record(
            self.slug,
            capability,
            "missing" if value is None else found,
            key=ask.key,
            identity=identity,
            charge_thousandths=charge,
            ready_at_s=None if ready_at_s is None else self._world.pace.real_s(ready_at_s),
        )


def _quota(name: str) -> Quota:
    return Quota(name, ((_PER_MINUTE, 60.0),))


def _paid(path: str, name: str, answer: Any) -> Route:
    return Route("POST", path, name, answer, _quota(name), LATENCY_S, is_paid=True)


def _job_row(job: Job, index: int, row: JobRow, *, is_ready: bool) -> dict[str, Any]:
    shown = {"row_index": index, "product": job.product, "lm_input": row.given, "lm_output": None}
    if not is_ready:
        return shown | {"status": "pending"}
    if row.reply.status != HTTP_OK:
        return shown | {"status": "failed", "error": row.reply.body["errors"][0]}
    return shown | {"status": "success", "lm_output": row.reply.body}


def _count(text: str) -> int:
    return int(text) if text.isdecimal() else 0


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
