"""Dropcontact's wire format: up to 250 records in a request; not ready is a 200 without success."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import orjson

from providers.sandbox.fields import is_address, is_web_url, list_in, object_in, text_in
from providers.sandbox.quota import Quota
from providers.sandbox.submissions import Contact, Submission, Submissions, SubmittedRow, Terms
from providers.sandbox.truth import Person, Verdict, vendor_verdict
from providers.sandbox.vendor import Ask, Refusal, Reply, Route
from providers.sandbox.world import SandboxWorld

BATCH_MAX: Final = 250
TERMS: Final = Terms(
    charges={"find_email": 1_000, "verify_email": 1_000},
    is_repeat_free=False,
    ready_s=(20.0, 60.0),
)

_QUOTA: Final = Quota("all", ((60, 1.0),))
_PATH: Final = "/enrich/all"
_QUALIFICATIONS: Final = {
    Verdict.VALID: "nominative@pro",
    Verdict.INVALID: "invalid@invalid",
    Verdict.CATCH_ALL: "catch_all@pro",
    Verdict.UNKNOWN: "random@pro",
}
_NOT_READY: Final = "Request not ready yet, try again in 30 seconds"
_REFUSALS: Final = {
    Refusal.NO_KEY: (401, "The API key is missing"),
    Refusal.BAD_KEY: (401, "The API key is not valid"),
    Refusal.RATE_LIMITED: (429, "Too many requests"),
    Refusal.OUT_OF_CREDITS: (403, "You do not have enough credits"),
    Refusal.UNREADABLE: (422, "The body is not JSON"),
    Refusal.NO_ROUTE: (404, "Not found"),
}


def build(world: SandboxWorld) -> "Dropcontact":
    """Return this vendor in that world."""
    return Dropcontact(world)


class Dropcontact:
    """Batches of records, their results, and the account."""

    slug = "dropcontact"
    prefix = "/dropcontact/v1"

    def __init__(self, world: SandboxWorld) -> None:
        self._world = world
        self._submissions = Submissions(world, self.slug, TERMS)

    def routes(self) -> Sequence[Route]:
        """Return the three routes, all under one limit."""
        return (
            Route("POST", _PATH, "submit", self._submit, _QUOTA, 0.3, is_paid=True),
            Route("GET", _PATH + "/{request_id}", "read", self._read, _QUOTA, 0.2),
            Route("GET", "/account/credits", "account", self._credits, _QUOTA, 0.1),
        )

    def read_key(self, ask: Ask) -> str:
        """Return the key from its header."""
        return ask.headers.get("X-Access-Token", "")

    def refuse(self, refusal: Refusal, ask: Ask, *, retry_after_s: int = 0) -> Reply:  # noqa: ARG002 - this vendor sends no such header
        """Return the reason."""
        return _error(*_REFUSALS[refusal])

    def _submit(self, ask: Ask) -> Reply:
        records = list_in(ask.body, "data")
        if not 1 <= len(records) <= BATCH_MAX or not all(isinstance(r, dict) for r in records):
            return _error(422, f"data must hold 1 to {BATCH_MAX} records")
        url = ask.body.get("custom_callback_url")
        if not is_web_url(url):
            return _error(422, "custom_callback_url is not valid")
        submission = self._submissions.add(ask.key, "", [_read_row(record) for record in records])
        if url is not None:
            compose = partial(self._compose_callback, submission)
            self._submissions.call_back(url, submission.contacts, compose)
        request_id = submission.submission_id
        return Reply(200, self._success(ask.key) | {"request_id": request_id})

    def _read(self, ask: Ask) -> Reply:
        submission = self._submissions.find(ask.key, ask.path["request_id"])
        if submission is None or submission.ready_at_s > self._world.pace.now_s():
            return Reply(200, {"error": False, "success": False, "reason": _NOT_READY})
        return Reply(200, self._result(submission), delivers=submission.sequences)

    def _credits(self, ask: Ask) -> Reply:
        return Reply(200, {"credits": int(self._world.balance(self.slug, ask.key))})

    def _success(self, key: str) -> dict[str, Any]:
        left = int(self._world.balance(self.slug, key))
        return {"error": False, "success": True, "credits_left": left}

    def _result(self, submission: Submission) -> dict[str, Any]:
        records = [_record(contact) for contact in submission.contacts]
        return self._success(submission.key) | {"data": records}

    def _compose_callback(self, submission: Submission) -> tuple[bytes, Mapping[str, str]]:
        """Return the result again; nothing signs it or names the request."""
        return orjson.dumps(self._result(submission)), {}


def _error(status: int, reason: str) -> Reply:
    return Reply(status, {"error": True, "success": False, "reason": reason})


def _read_row(record: Mapping[str, Any]) -> SubmittedRow:
    """Read a record: an address in it is verified, else one is looked for."""
    person = Person.named(
        text_in(record, "first_name"),
        text_in(record, "last_name"),
        full_name=text_in(record, "full_name"),
        domain=text_in(record, "website"),
        company_name=text_in(record, "company"),
    )
    reference = text_in(object_in(record, "custom_fields"), "row")
    address = text_in(record, "email").lower()
    wanted = ("verify_email",) if is_address(address) else ("find_email",)
    return SubmittedRow(record, person, wanted, reference, address)


def _record(contact: Contact) -> dict[str, Any]:
    given = contact.given
    address, verdict = contact.email, contact.verdict
    if address is not None:
        verdict = vendor_verdict(address)
    elif verdict is not None:
        address = text_in(given, "email")
    emails = [] if verdict is None else [_email(address, verdict)]
    return {
        "first_name": given.get("first_name"),
        "last_name": given.get("last_name"),
        "company": given.get("company"),
        "website": given.get("website"),
        "email": emails,
        "phone": None,
        "mobile_phone": None,
        "custom_fields": given.get("custom_fields") or {},
    }


def _email(address: str | None, verdict: Verdict) -> dict[str, str | None]:
    return {"email": address, "qualification": _QUALIFICATIONS[verdict]}
