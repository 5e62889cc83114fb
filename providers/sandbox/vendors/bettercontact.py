"""BetterContact's wire format: up to 100 people in a request, then 202 until it has terminated."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import orjson

from providers.sandbox.books import CREDIT
from providers.sandbox.fields import is_web_url, list_in, object_in, text_in
from providers.sandbox.quota import Quota
from providers.sandbox.submissions import Contact, Submission, Submissions, SubmittedRow, Terms
from providers.sandbox.truth import Person, Verdict, vendor_verdict
from providers.sandbox.vendor import Ask, Refusal, Reply, Route
from providers.sandbox.world import SandboxWorld

BATCH_MAX: Final = 100
TERMS: Final = Terms(
    charges={"find_email": 1_000, "find_phone": 10_000},
    is_repeat_free=False,
    ready_s=(15.0, 60.0),
)

_QUOTA: Final = Quota("all", ((100, 60.0),))
_ACCOUNT: Final = Quota("account", ((100, 1.0),))
_PATH: Final = "/async"
_STATUSES: Final = {
    Verdict.VALID: "deliverable",
    Verdict.INVALID: "undeliverable",
    Verdict.CATCH_ALL: "catch_all",
    Verdict.UNKNOWN: "catch_all_not_safe",
}
_REFUSALS: Final = {
    Refusal.NO_KEY: (401, "API key is missing"),
    Refusal.BAD_KEY: (401, "API key is not valid"),
    Refusal.OUT_OF_CREDITS: (402, "Not enough credits"),
    Refusal.UNREADABLE: (400, "The body is not JSON"),
    Refusal.NO_ROUTE: (404, "Not found"),
}


def build(world: SandboxWorld) -> "BetterContact":
    """Return this vendor in that world."""
    return BetterContact(world)


class BetterContact:
    """Enrichment requests, their results, and the account."""

    slug = "bettercontact"
    prefix = "/bettercontact/api/v2"

    def __init__(self, world: SandboxWorld) -> None:
        self._world = world
        self._submissions = Submissions(world, self.slug, TERMS)

    def routes(self) -> Sequence[Route]:
        """Return the routes: one limit for submitting and reading, none worth the name besides."""
        return (
            Route("POST", _PATH, "submit", self._submit, _QUOTA, 0.4, is_paid=True),
            Route("GET", _PATH + "/{request_id}", "read", self._read, _QUOTA, 0.2),
            Route("GET", "/account", "account", self._account, _ACCOUNT, 0.1),
        )

    def read_key(self, ask: Ask) -> str:
        """Return the key from its header."""
        return ask.headers.get("X-API-Key", "")

    def refuse(self, refusal: Refusal, ask: Ask, *, retry_after_s: int = 0) -> Reply:  # noqa: ARG002 - this vendor sends no such header
        """Return an error, which is plain text where requests come too fast."""
        if refusal is Refusal.RATE_LIMITED:
            return Reply(429, b"Retry later\n")
        return _error(*_REFUSALS[refusal])

    def _submit(self, ask: Ask) -> Reply:
        people = list_in(ask.body, "data")
        if not 1 <= len(people) <= BATCH_MAX:
            return _error(400, f"data must hold 1 to {BATCH_MAX} leads")
        webhook = ask.body.get("webhook")
        if not is_web_url(webhook) or not all(map(_is_usable, people)):
            return _error(422, "data has unusable values")
        asked = {
            "find_email": ask.body.get("enrich_email_address", True),
            "find_phone": ask.body.get("enrich_phone_number", False),
        }
        wanted = tuple(capability for capability, is_asked in asked.items() if is_asked is True)
        submission = self._submissions.add(ask.key, "", [_read_row(row, wanted) for row in people])
        if webhook is not None:
            compose = partial(self._compose_callback, submission)
            self._submissions.call_back(webhook, submission.contacts, compose)
        message = "The request is being processed"
        return Reply(201, {"success": True, "id": submission.submission_id, "message": message})

    def _read(self, ask: Ask) -> Reply:
        submission = self._submissions.find(ask.key, ask.path["request_id"])
        if submission is None:
            return _error(406, "No such request")
        if submission.ready_at_s > self._world.pace.now_s():
            return Reply(202, {"id": submission.submission_id, "status": "processing"})
        return Reply(200, self._result(submission), delivers=submission.sequences)

    def _account(self, ask: Ask) -> Reply:
        left = self._world.balance(self.slug, ask.key)
        body = {"success": True, "credits_left": left, "email": "owner@sandbox.leadfall"}
        return Reply(200, body)

    def _result(self, submission: Submission) -> dict[str, Any]:
        rows = [_row(contact) for contact in submission.contacts]
        found = sum(row["enriched"] for row in rows)
        charged = sum(contact.charge_thousandths for contact in submission.contacts)
        return {
            "id": submission.submission_id,
            "status": "terminated",
            "credits_consumed": charged // CREDIT,
            "credits_left": int(self._world.balance(self.slug, submission.key)),
            "summary": {"total": len(rows), "valid": found, "not_found": len(rows) - found},
            "data": rows,
        }

    def _compose_callback(self, submission: Submission) -> tuple[bytes, Mapping[str, str]]:
        """Return the result again; nothing signs it."""
        return orjson.dumps(self._result(submission)), {}


def _error(status: int, message: str) -> Reply:
    return Reply(status, {"success": False, "message": message})


def _is_usable(row: object) -> bool:
    has_names = text_in(row, "first_name") and text_in(row, "last_name")
    return bool(has_names and (text_in(row, "company") or text_in(row, "company_domain")))


def _read_row(row: Mapping[str, Any], wanted: tuple[str, ...]) -> SubmittedRow:
    person = Person.named(
        text_in(row, "first_name"),
        text_in(row, "last_name"),
        domain=text_in(row, "company_domain"),
        company_name=text_in(row, "company"),
    )
    custom = object_in(row, "custom_fields")
    return SubmittedRow(row, person, wanted, "/".join(map(str, custom.values())))


def _row(contact: Contact) -> dict[str, Any]:
    email, phone = contact.email, contact.phone
    custom = object_in(contact.given, "custom_fields").items()
    return {
        "enriched": email is not None or phone is not None,
        "contact_first_name": contact.given["first_name"],
        "contact_last_name": contact.given["last_name"],
        "contact_email_address": email,
        "contact_email_address_status": (
            "not_found" if email is None else _STATUSES[vendor_verdict(email)]
        ),
        "contact_phone_number": phone,
        "custom_fields": [
            {"name": name, "value": value, "position": position}
            for position, (name, value) in enumerate(custom)
        ],
    }
