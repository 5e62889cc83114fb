"""Icypeas' wire format: bulk searches, read row by row under a scarce limit, or called back.

Every route is a POST, the key stands bare in `Authorization`, bad input is a 200 without success,
and an account without credit finds that out in each row's status.
"""

import hmac
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from hashlib import sha1
from typing import Any, Final

import orjson
from yarl import URL

from providers.sandbox.fields import is_address, is_web_url, list_in, object_in, text_in
from providers.sandbox.keys import Account, account_of
from providers.sandbox.quota import Quota
from providers.sandbox.submissions import Contact, Submission, Submissions, SubmittedRow, Terms
from providers.sandbox.truth import Person, Verdict, vendor_verdict
from providers.sandbox.vendor import Ask, Refusal, Reply, Route
from providers.sandbox.world import SandboxWorld

ROWS_MAX: Final = 5_000
PAGE_ROWS_MAX: Final = 100
PAGE_ROWS_DEFAULT: Final = 10
TERMS: Final = Terms(
    charges={"find_email": 1_000, "verify_email": 100},
    is_repeat_free=False,
    ready_s=(3.0, 12.0),
)

_BULK: Final = Quota("bulk", ((1, 1.0),))
_READS: Final = Quota("reads", ((30, 60.0),))
_COLUMNS: Final = {"email-search": 3, "email-verification": 1}
_FOUND_CERTAINTIES: Final = {
    Verdict.VALID: "ultra_sure",
    Verdict.INVALID: "undeliverable",
    Verdict.CATCH_ALL: "probable",
    Verdict.UNKNOWN: "probable",
}
_VERIFIED_CERTAINTIES: Final = {
    Verdict.VALID: "ultra_sure",
    Verdict.INVALID: "undeliverable",
    Verdict.CATCH_ALL: "not_found",
    Verdict.UNKNOWN: "not_found",
}
_REFUSALS: Final = {
    Refusal.NO_KEY: (401, "Unauthorized access."),
    Refusal.BAD_KEY: (401, "Unauthorized access."),
    Refusal.RATE_LIMITED: (429, "You have exceeded the max number of requests per minute."),
    Refusal.OUT_OF_CREDITS: (200, "UnpaidSubscriptionError"),
    Refusal.UNREADABLE: (400, "The body is not JSON."),
    Refusal.NO_ROUTE: (404, "Not found."),
}


def build(world: SandboxWorld) -> "Icypeas":
    """Return this vendor in that world."""
    return Icypeas(world)


class Icypeas:
    """Bulk searches and the reading of their rows."""

    slug = "icypeas"
    prefix = "/icypeas/api"

    def __init__(self, world: SandboxWorld) -> None:
        self._world = world
        self._submissions = Submissions(world, self.slug, TERMS)

    def routes(self) -> Sequence[Route]:
        """Return the two routes, each with a limit of its own."""
        return (
            Route("POST", "/bulk-search", "submit", self._submit, _BULK, 0.4),
            Route("POST", "/bulk-single-searchs/read", "read", self._read, _READS, 0.2),
        )

    def read_key(self, ask: Ask) -> str:
        """Return the whole header: with a scheme before it, a key is a bad one."""
        return ask.headers.get("Authorization", "")

    def refuse(self, refusal: Refusal, ask: Ask, *, retry_after_s: int = 0) -> Reply:  # noqa: ARG002 - this vendor sends no such header
        """Return one message."""
        status, message = _REFUSALS[refusal]
        return Reply(status, {"success": False, "message": message})

    def _submit(self, ask: Ask) -> Reply:
        fault = _find_fault(ask.body)
        if fault is not None:
            return _invalid(fault)
        custom = object_in(ask.body, "custom")
        references = list_in(custom, "externalIds")
        rows = [
            _read_row(ask.text("task"), columns, references[n] if references else "")
            for n, columns in enumerate(ask.body["data"])
        ]
        submission = self._submissions.add(ask.key, ask.text("name"), rows)
        if (url := custom.get("webhookUrlBulkDone")) is not None:
            whole = submission.contacts
            compose = partial(_compose_done, submission, url)
            self._submissions.call_back(url, whole, compose, carries_results=False)
        file = submission.submission_id
        return Reply(200, {"success": True, "file": file, "status": "in_progress"})

    def _read(self, ask: Ask) -> Reply:
        if ask.text("mode") == "single" and not ask.text("id"):
            return Reply(200, {"success": True, "items": [], "sorts": [[], []], "total": 0})
        submission = self._submissions.find(ask.key, ask.text("file"))
        limit = ask.body.get("limit", PAGE_ROWS_DEFAULT) if isinstance(ask.body, dict) else 0
        if not isinstance(limit, int) or not 1 <= limit <= PAGE_ROWS_MAX:
            return _invalid("limit")
        if submission is None or ask.text("mode") != "bulk":
            return Reply(200, {"success": False, "error": "SearchNotFoundError"})
        now_s = self._world.pace.now_s()
        page = submission.contacts[:limit]
        items = [_item(submission, order, now_s) for order in range(len(page))]
        ready = [contact for contact in page if contact.ready_at_s <= now_s]
        total = len(submission.contacts)
        return Reply(
            200,
            {"success": True, "items": items, "sorts": [[], []], "total": total},
            delivers=[sequence for contact in ready for sequence in contact.sequences],
        )


def _invalid(field: str) -> Reply:
    error = {"field": field, "type": "invalid", "message": f"{field} is not valid"}
    return Reply(200, {"success": False, "validationErrors": [error]})


def _find_fault(body: object) -> str | None:
    """Return the field that is not valid, or None."""
    task, data = text_in(body, "task"), list_in(body, "data")
    custom = object_in(body, "custom")
    references = list_in(custom, "externalIds")
    faults = {
        "name": not text_in(body, "name"),
        "task": task not in _COLUMNS,
        "data": not 1 <= len(data) <= ROWS_MAX or not all(_is_row(task, row) for row in data),
        "custom.externalIds": bool(references) and len(references) != len(data),
        "custom.webhookUrlBulkDone": not is_web_url(custom.get("webhookUrlBulkDone")),
    }
    return next((field for field, is_wrong in faults.items() if is_wrong), None)


def _is_row(task: str, row: object) -> bool:
    is_list = isinstance(row, list) and len(row) == _COLUMNS.get(task)
    return is_list and isinstance(row, list) and all(isinstance(text, str) for text in row)


def _read_row(task: str, columns: Sequence[str], reference: object) -> SubmittedRow:
    given = {"columns": columns, "externalId": reference}
    if task == "email-verification":
        (address,) = columns
        wanted = ("verify_email",) if is_address(address) else ()
        return SubmittedRow(given, Person("", "", ""), wanted, str(reference), address.lower())
    first_name, last_name, company = columns
    person = Person.named(first_name, last_name, company_name=company)
    wanted = ("find_email",) if (person.first or person.last) and company else ()
    return SubmittedRow(given, person, wanted, str(reference))


def _item(submission: Submission, order: int, now_s: float) -> dict[str, Any]:
    contact = submission.contacts[order]
    status, email, certainty = _state(submission, contact, now_s)
    found: list[dict[str, Any]] = [
        {"email": email, "certainty": certainty, "mxProvider": "unknown", "mxRecords": []}
    ]
    now = datetime.now(UTC).isoformat()
    return {
        "_id": f"{submission.submission_id}-{order}",
        "name": submission.name,
        "order": order,
        "file": submission.submission_id,
        "status": status,
        "results": {"emails": found if email else [], "phones": [], "saasServices": []},
        "userData": {"webhookUrl": "", "externalId": contact.given["externalId"]},
        "system": {"createdAt": now, "modifiedAt": now},
    }


def _state(submission: Submission, contact: Contact, now_s: float) -> tuple[str, str | None, str]:
    """Return the row's status, the address that it shows, and how certain that is."""
    if account_of(submission.key) is Account.EMPTY:
        return "INSUFFICIENT_FUNDS", None, ""
    if contact.ready_at_s > now_s:
        return "IN_PROGRESS", None, ""
    if not contact.sequences:
        return "BAD_INPUT", None, ""
    if contact.verdict is not None:
        status = "DEBITED" if contact.verdict is Verdict.VALID else "DEBITED_NOT_FOUND"
        return status, contact.given["columns"][0], _VERIFIED_CERTAINTIES[contact.verdict]
    if contact.email is None:
        return "NOT_FOUND", None, ""
    return "DEBITED", contact.email, _FOUND_CERTAINTIES[vendor_verdict(contact.email)]


def _compose_done(submission: Submission, url: str) -> tuple[bytes, Mapping[str, str]]:
    """Return the callback: counts alone, and a signature that covers the path and the time."""
    states = [_state(submission, one, one.ready_at_s) for one in submission.contacts]
    certainties = Counter(certainty for _, _, certainty in states)
    timestamp = datetime.now(UTC).isoformat()
    signed = f"{URL(url).path}{timestamp}".lower().encode()
    data = {
        "file": submission.submission_id,
        "total": len(states),
        "done": len(states),
        "found": sum(status == "DEBITED" for status, _, _ in states),
        "aborted": 0,
        "insufficientCredits": sum(status == "INSUFFICIENT_FUNDS" for status, _, _ in states),
        "certainties": {
            "verySure": certainties["ultra_sure"],
            "sure": 0,
            "probable": certainties["probable"],
            "undeliverable": certainties["undeliverable"],
        },
    }
    signature = hmac.new(submission.key.encode(), signed, sha1).hexdigest()
    return orjson.dumps({"signature": signature, "timestamp": timestamp, "data": data}), {}
