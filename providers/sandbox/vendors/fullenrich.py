"""FullEnrich's wire format: submit up to 100 contacts, then poll or be called back.

Not ready is HTTP 400 with a code of its own; out of credits is a result with HTTP 402.
"""

import hmac
from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import sha1
from typing import Any, Final

import orjson

from providers.sandbox.books import CREDIT, person_hash
from providers.sandbox.keys import Account, account_of
from providers.sandbox.quota import Quota
from providers.sandbox.submissions import Contact, Submission, Submissions, SubmittedRow, Terms
from providers.sandbox.truth import Person, Verdict, person_of_profile, vendor_verdict
from providers.sandbox.vendor import Ask, Refusal, Reply, Route
from providers.sandbox.world import SandboxWorld

BATCH_MAX: Final = 100
CUSTOM_KEYS_MAX: Final = 10
CUSTOM_LENGTH_MAX: Final = 100
TERMS: Final = Terms(
    charges={"find_email": 1_000, "find_phone": 10_000},
    is_repeat_free=True,
    ready_s=(30.0, 90.0),
)

# Personal addresses may be asked for, but nobody in this world has one.
_CAPABILITIES: Final = {
    "contact.work_emails": "find_email",
    "contact.phones": "find_phone",
    "contact.personal_emails": None,
}
_QUOTA: Final = Quota("all", ((60, 60.0),))
_PATH: Final = "/contact/enrich/bulk"
_STATUSES: Final = {
    Verdict.VALID: "DELIVERABLE",
    Verdict.INVALID: "INVALID",
    Verdict.CATCH_ALL: "CATCH_ALL",
    Verdict.UNKNOWN: "HIGH_PROBABILITY",
}
_REFUSALS: Final = {
    Refusal.BAD_KEY: (401, "error.api.key", "The API key is not valid"),
    Refusal.RATE_LIMITED: (429, "error.rate.limit", "Too many requests, wait one minute"),
    Refusal.OUT_OF_CREDITS: (402, "error.credits", "Not enough credits"),
    Refusal.UNREADABLE: (400, "error.enrichment.data.empty", "The body is not readable"),
    Refusal.NO_ROUTE: (404, "error.not_found", "No such route"),
}


def build(world: SandboxWorld) -> "FullEnrich":
    """Return this vendor in that world."""
    return FullEnrich(world)


class FullEnrich:
    """Bulk enrichment, its results, and the account."""

    slug = "fullenrich"
    prefix = "/fullenrich/api/v2"

    def __init__(self, world: SandboxWorld) -> None:
        self._world = world
        self._submissions = Submissions(world, self.slug, TERMS)

    def routes(self) -> Sequence[Route]:
        """Return the four routes, all under one limit."""
        return (
            Route("POST", _PATH, "submit", self._submit, _QUOTA, 0.3),
            Route("GET", _PATH + "/{enrichment_id}", "read", self._read, _QUOTA, 0.2),
            Route("GET", "/account/keys/verify", "account", self._verify_key, _QUOTA, 0.1),
            Route("GET", "/account/credits", "account", self._credits, _QUOTA, 0.1),
        )

    def read_key(self, ask: Ask) -> str:
        """Return the bearer, or "" when there is none."""
        scheme, _, key = ask.headers.get("Authorization", "").partition(" ")
        return key.strip() if scheme == "Bearer" else ""

    def refuse(self, refusal: Refusal, ask: Ask, *, retry_after_s: int = 0) -> Reply:  # noqa: ARG002 - this vendor sends no such header
        """Return a code and a message; a missing key and another scheme are told apart."""
        if refusal is Refusal.NO_KEY:
            if ask.headers.get("Authorization"):
                return _error(401, "error.authorization.not_bearer", "Bearer expected")
            return _error(401, "error.authorization.not_set", "Authorization is missing")
        return _error(*_REFUSALS[refusal])

    def _submit(self, ask: Ask) -> Reply:
        body = ask.body if isinstance(ask.body, dict) else {}
        fault = _find_fault(body)
        if fault is not None:
            return _error(400, f"error.enrichment.{fault}", "The enrichment is not valid")
        rows = [_read_row(body["name"], row) for row in body["data"]]
        submission = self._submissions.add(ask.key, body["name"], rows)
        if account_of(ask.key) is not Account.EMPTY:
            self._schedule_callbacks(submission, body)
        return Reply(200, {"enrichment_id": submission.submission_id})

    def _read(self, ask: Ask) -> Reply:
        submission = self._submissions.find(ask.key, ask.path["enrichment_id"])
        if submission is None:
            return _error(404, "error.enrichment.not_found", "No such enrichment")
        if account_of(ask.key) is Account.EMPTY:
            return Reply(402, _result(submission, "CREDITS_INSUFFICIENT", submission.contacts))
        now_s = self._world.pace.now_s()
        if submission.ready_at_s <= now_s:
            result = _result(submission, "FINISHED", submission.contacts)
            return Reply(200, result, delivers=submission.sequences)
        if ask.text("forceResults") == "true":
            ready = tuple(c for c in submission.contacts if c.ready_at_s <= now_s)
            return Reply(200, _result(submission, "IN_PROGRESS", ready))
        message = "Enrichment is not ready, try again in 30 seconds"
        return _error(400, "error.enrichment.in_progress", message)

    def _schedule_callbacks(self, submission: Submission, body: Mapping[str, Any]) -> None:
        whole = submission.contacts
        if (url := body.get("webhook_url")) is not None:
            self._submissions.call_back(url, whole, partial(_sign, submission, "FINISHED", whole))
        if (url := _contact_url(body)) is not None:
            for one in whole:
                compose = partial(_sign, submission, "IN_PROGRESS", (one,))
                self._submissions.call_back(url, (one,), compose)

    def _verify_key(self, ask: Ask) -> Reply:
        return Reply(200, {"workspace_id": f"{person_hash(ask.key):016x}"})

    def _credits(self, ask: Ask) -> Reply:
        return Reply(200, {"balance": self._world.balance(self.slug, ask.key)})


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"code": code, "message": message})


def _find_fault(body: Mapping[str, Any]) -> str | None:
    """Return the last part of the error code for a body that is not valid, else None."""
    if not _is_text(body.get("name")):
        return "name.empty"
    rows = body.get("data")
    if not isinstance(rows, list) or not 1 <= len(rows) <= BATCH_MAX:
        return "data.empty"
    if not all(_is_web_url(url) for url in (body.get("webhook_url"), _contact_url(body))):
        return "webhook_url"
    return next((fault for row in rows if (fault := _find_row_fault(row))), None)


def _find_row_fault(row: object) -> str | None:
    if not isinstance(row, dict):
        return "data.empty"
    wanted = row.get("enrich_fields")
    custom = row.get("custom") or {}
    values = list(custom.values()) if isinstance(custom, dict) else []
    needs_names = not _is_text(row.get("linkedin_url"))
    has_company = _is_text(row.get("domain")) or _is_text(row.get("company_name"))
    faults = {
        "first_name.empty": needs_names and not _is_text(row.get("first_name")),
        "last_name.empty": needs_names and not _is_text(row.get("last_name")),
        "domain.empty": needs_names and not has_company,
        "enrich_fields.empty": not isinstance(wanted, list) or not wanted,
        "enrich_field.value": isinstance(wanted, list)
        and not all(isinstance(name, str) and name in _CAPABILITIES for name in wanted),
        "custom.key.exceeded": not isinstance(custom, dict) or len(custom) > CUSTOM_KEYS_MAX,
        "custom.value.exceeded": not all(
            isinstance(value, str) and len(value) <= CUSTOM_LENGTH_MAX for value in values
        ),
    }
    return next((code for code, is_so in faults.items() if is_so), None)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_web_url(value: object) -> bool:
    return value is None or str(value).startswith(("http://", "https://"))


def _contact_url(body: Mapping[str, Any]) -> Any:
    events = body.get("webhook_events")
    return events.get("contact_finished") if isinstance(events, dict) else None


def _read_row(name: str, row: Mapping[str, Any]) -> SubmittedRow:
    person = Person.named(
        row.get("first_name") or "",
        row.get("last_name") or "",
        domain=row.get("domain") or "",
        company_name=row.get("company_name") or "",
    )
    if not person.is_whole:
        person = person_of_profile(row.get("linkedin_url") or "") or person
    capabilities = (_CAPABILITIES[wire_name] for wire_name in row["enrich_fields"])
    return SubmittedRow(
        given=row,
        person=person,
        wanted=tuple(dict.fromkeys(c for c in capabilities if c is not None)),
        reference="/".join((name, *(row.get("custom") or {}).values())),
    )


def _result(submission: Submission, status: str, contacts: tuple[Contact, ...]) -> dict[str, Any]:
    """Return the result object with these contacts in it."""
    charged = sum(contact.charge_thousandths for contact in contacts)
    return {
        "id": submission.submission_id,
        "name": submission.name,
        "status": status,
        "cost": {"credits": charged // CREDIT},
        "data": [_row(contact) for contact in contacts],
    }


def _row(contact: Contact) -> dict[str, Any]:
    given = contact.given
    return {
        "custom": given.get("custom") or {},
        "input": {
            "first_name": given.get("first_name"),
            "last_name": given.get("last_name"),
            "company_domain": given.get("domain"),
            "company_name": given.get("company_name"),
            "professional_network_url": given.get("linkedin_url"),
        },
        "contact_info": _contact_info(contact),
    }


def _contact_info(contact: Contact) -> dict[str, Any]:
    info: dict[str, Any] = {}
    if contact.email is not None:
        status = _STATUSES[vendor_verdict(contact.email)]
        best = {"email": contact.email, "status": status}
        info |= {"most_probable_work_email": best, "work_emails": [best]}
    if contact.phone is not None:
        country, area, exchange, line = (contact.phone[i:j] for i, j in _PHONE_PARTS)
        best = {"number": f"{country} {area} {exchange} {line}", "region": "US"}
        info |= {"most_probable_phone": best, "phones": [best]}
    return info


_PHONE_PARTS: Final = ((0, 2), (2, 5), (5, 8), (8, 12))


def _sign(
    submission: Submission, status: str, contacts: tuple[Contact, ...]
) -> tuple[bytes, Mapping[str, str]]:
    """Return a callback's body and its signature, whose key is the API key."""
    body = orjson.dumps(_result(submission, status, contacts))
    signature = hmac.new(submission.key.encode(), body, sha1).hexdigest()
    return body, {"X-Signature-SHA1": signature}
