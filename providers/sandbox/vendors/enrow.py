"""Enrow's wire format: everything is submitted, then read; 422 is no balance.

Until it is done it is a 202, but for a batch of phones, of which a 200 says so.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import orjson

from providers.sandbox.books import CREDIT
from providers.sandbox.fields import is_address, is_web_url, list_in, object_in, text_in
from providers.sandbox.quota import Quota
from providers.sandbox.submissions import Contact, Submission, Submissions, SubmittedRow, Terms
from providers.sandbox.truth import Person, Verdict, binary_verdict, person_of_profile
from providers.sandbox.vendor import Ask, Refusal, Reply, Route
from providers.sandbox.world import SandboxWorld

BATCH_MAX: Final = 5_000
PHONES_MAX: Final = 3_000
TERMS: Final = Terms(
    charges={"find_email": 1_000, "verify_email": 250, "find_phone": 50_000},
    is_repeat_free=False,
    ready_s=(2.0, 20.0),
    verify=binary_verdict,
)

_NOBODY: Final = Person("", "", "")
_POSTS: Final = Quota("posts", ((10, 1.0),))
_READS: Final = Quota("reads", ((1_000_000, 1.0),))
_FIND: Final = "/email/find/bulk"
_VERIFY: Final = "/email/verify/single"
_VERIFY_BATCH: Final = "/email/verify/bulk"
_PHONE: Final = "/phone/single"
_PHONE_BATCH: Final = "/phone/bulk"
_REFUSALS: Final = {
    Refusal.NO_KEY: (401, "Missing apikey"),
    Refusal.BAD_KEY: (401, "Invalid apikey"),
    Refusal.RATE_LIMITED: (429, "Too many requests"),
    Refusal.OUT_OF_CREDITS: (422, "Your balance is insufficient"),
    Refusal.UNREADABLE: (400, "The payload is not JSON"),
    Refusal.NO_ROUTE: (404, "Not found"),
}


def build(world: SandboxWorld) -> "Enrow":
    """Return this vendor in that world."""
    return Enrow(world)


class Enrow:
    """Bulk email searches, verifications and phone searches of both kinds, the account."""

    slug = "enrow"
    prefix = "/enrow"

    def __init__(self, world: SandboxWorld) -> None:
        self._world = world
        self._submissions = Submissions(world, self.slug, TERMS)

    def routes(self) -> Sequence[Route]:
        """Return the routes; only submitting is limited."""
        verify, phone = (
            partial(self._submit_one, _verify_row),
            partial(self._submit_one, _phone_row),
        )
        return (
            Route("POST", _FIND, "submit", self._submit_batch, _POSTS, 0.4, is_paid=True),
            Route("GET", _FIND, "read", partial(self._read, _batch), _READS, 0.2),
            Route("POST", _VERIFY, "submit", verify, _POSTS, 0.3, is_paid=True),
            Route("GET", _VERIFY, "read", partial(self._read, _verified), _READS, 0.1),
            Route(
                "POST", _VERIFY_BATCH, "submit", self._submit_addresses, _POSTS, 0.4, is_paid=True
            ),
            Route("GET", _VERIFY_BATCH, "read", partial(self._read, _verified_batch), _READS, 0.2),
            Route("POST", _PHONE, "submit", phone, _POSTS, 0.3, is_paid=True),
            Route("GET", _PHONE, "read", partial(self._read, _phoned), _READS, 0.1),
            Route("POST", _PHONE_BATCH, "submit", self._submit_phones, _POSTS, 0.4, is_paid=True),
            Route("GET", _PHONE_BATCH, "read", self._read_phones, _READS, 0.2),
            Route("GET", "/account/info", "account", self._account, _READS, 0.1),
        )

    def read_key(self, ask: Ask) -> str:
        """Return the key from its header."""
        return ask.headers.get("x-api-key", "")

    def refuse(self, refusal: Refusal, ask: Ask, *, retry_after_s: int = 0) -> Reply:  # noqa: ARG002 - this vendor sends no such header
        """Return one message."""
        return _error(*_REFUSALS[refusal])

    def _submit_batch(self, ask: Ask) -> Reply:
        searches = list_in(ask.body, "searches")
        if not 1 <= len(searches) <= BATCH_MAX or not all(map(_is_search, searches)):
            return _error(400, "searches is missing or not valid")
        rows = [_search_row(search) for search in searches]
        return self._submit(ask, rows, _batch_event, carries_results=False)

    def _submit_addresses(self, ask: Ask) -> Reply:
        addresses = list_in(ask.body, "verifications") or list_in(ask.body, "emails")
        rows = [row for each in addresses if (row := _verify_row({"email": each})) is not None]
        if not 1 <= len(addresses) <= BATCH_MAX or len(rows) != len(addresses):
            return _error(400, "emails is missing or not valid")
        return self._submit(ask, rows, _addresses_event, carries_results=False)

    def _submit_phones(self, ask: Ask) -> Reply:
        searches = list_in(ask.body, "searches")
        rows = [row for each in searches if (row := _phone_row(each)) is not None]
        if not 1 <= len(searches) <= PHONES_MAX or len(rows) != len(searches):
            return _error(400, "searches is missing or not valid")
        return self._submit(ask, rows, _phones_event, carries_results=False)

    def _submit_one(self, read: Any, ask: Ask) -> Reply:
        row = read(ask.body)
        if row is None:
            return _error(400, "A property is missing or not valid")
        return self._submit(ask, [row], _single_event, carries_results=True)

    def _submit(
        self, ask: Ask, rows: list[SubmittedRow], event: Any, *, carries_results: bool
    ) -> Reply:
        webhook = object_in(ask.body, "settings").get("webhook")
        # The vendor calls https alone; the sandbox, which calls this machine alone, http as well.
        if not is_web_url(webhook):
            return _error(400, "settings.webhook is not valid")
        submission = self._submissions.add(ask.key, "", rows)
        if webhook is not None:
            whole, compose = submission.contacts, partial(_compose, submission, event)
            self._submissions.call_back(webhook, whole, compose, carries_results=carries_results)
        reserved = sum(TERMS.charges[name] for row in rows for name in row.wanted) / CREDIT
        status = 200 if event is _single_event and rows[0].wanted == ("verify_email",) else 201
        body = {"id": submission.submission_id, "credits_used": reserved, "message": "Started"}
        return Reply(status, body)

    def _read(self, show: Any, ask: Ask) -> Reply:
        submission = self._submissions.find(ask.key, ask.text("id"))
        if submission is None:
            return _error(404, "Bulk search not found")
        if submission.ready_at_s > self._world.pace.now_s():
            return Reply(202, {"qualification": "ongoing"})
        return Reply(200, show(submission), delivers=submission.sequences)

    def _read_phones(self, ask: Ask) -> Reply:
        reply = self._read(_phoned_batch, ask)
        is_pending = reply.status == 202  # noqa: PLR2004
        return Reply(200, {"general": {"status": "ongoing"}}) if is_pending else reply

    def _account(self, ask: Ask) -> Reply:
        return Reply(200, {"credits": self._world.balance(self.slug, ask.key), "webhooks": []})


def _error(status: int, message: str) -> Reply:
    return Reply(status, {"message": message})


def _company(fields: object) -> dict[str, str]:
    return {
        "domain": text_in(fields, "company_domain"),
        "company_name": text_in(fields, "company_name"),
    }


def _is_search(search: object) -> bool:
    has_custom = isinstance(search, Mapping) and isinstance(search.get("custom", ""), str)
    return has_custom and bool(text_in(search, "fullname")) and any(_company(search).values())


def _search_row(search: Mapping[str, Any]) -> SubmittedRow:
    person = Person.named(full_name=text_in(search, "fullname"), **_company(search))
    return SubmittedRow(search, person, ("find_email",), text_in(search, "custom"))


def _verify_row(body: Any) -> SubmittedRow | None:
    address = text_in(body, "email").lower()
    if not is_address(address):
        return None
    return SubmittedRow(body, _NOBODY, ("verify_email",), _reference(body), address)


def _phone_row(body: Any) -> SubmittedRow | None:
    if profile := text_in(body, "linkedin_url"):
        person = person_of_profile(profile) or _NOBODY
        return SubmittedRow(body, person, ("find_phone",), _reference(body))
    names = text_in(body, "firstname"), text_in(body, "lastname")
    person = Person.named(*names, **_company(body))
    is_whole = all(names) and person.is_whole
    return SubmittedRow(body, person, ("find_phone",), _reference(body)) if is_whole else None


def _reference(body: Any) -> str:
    given = object_in(body, "custom").values()
    return text_in(body, "custom") or "/".join(map(str, given))


def _batch(submission: Submission) -> dict[str, Any]:
    charged = sum(contact.charge_thousandths for contact in submission.contacts) / CREDIT
    results = [_searched(index, contact) for index, contact in enumerate(submission.contacts)]
    cost = {"initial": len(results), "refunded": len(results) - charged, "final": charged}
    return {
        "general": {"id": submission.submission_id, "status": "completed"},
        "stats": {
            "requested": len(results),
            "finished": len(results),
            "valid": int(charged),
            "credits_cost": cost,
        },
        "results": results,
    }


def _searched(index: int, contact: Contact) -> dict[str, Any]:
    result: dict[str, Any] = {
        "index": f"{index}",
        "custom": contact.given.get("custom"),
        "info": {},
    }
    if contact.email is None:
        return result | {"qualification": "invalid"}
    return result | {"qualification": "valid", "email": contact.email}


def _verified(submission: Submission) -> dict[str, Any]:
    (contact,) = submission.contacts
    qualification = "valid" if contact.verdict is Verdict.VALID else "invalid"
    given = contact.given
    return {"email": given["email"], "custom": given.get("custom"), "qualification": qualification}


def _verified_batch(submission: Submission) -> dict[str, Any]:
    results = [
        {
            "email": contact.given["email"],
            "index": f"{index}",
            "qualification": "valid" if contact.verdict is Verdict.VALID else "invalid",
        }
        for index, contact in enumerate(submission.contacts)
    ]
    return {"general": {"id": submission.submission_id, "status": "completed"}, "results": results}


def _phoned(submission: Submission) -> dict[str, Any]:
    (contact,) = submission.contacts
    return _phone_of(contact)


def _phoned_batch(submission: Submission) -> dict[str, Any]:
    results = [
        {"index": index} | _phone_of(contact) for index, contact in enumerate(submission.contacts)
    ]
    return {"general": {"id": submission.submission_id, "status": "completed"}, "results": results}


def _phone_of(contact: Contact) -> dict[str, Any]:
    params = {name: value for name, value in contact.given.items() if name != "custom"}
    result: dict[str, Any] = {"params": params, "custom": contact.given.get("custom")}
    if contact.phone is None:
        return result | {"qualification": "not_found"}
    return result | {"qualification": "found", "number": contact.phone, "country": "US"}


def _batch_event(_submission: Submission) -> tuple[str, dict[str, Any]]:
    return "bulk_search_finished", {}


def _addresses_event(_submission: Submission) -> tuple[str, dict[str, Any]]:
    return "bulk_verification_finished", {}


def _phones_event(_submission: Submission) -> tuple[str, dict[str, Any]]:
    return "bulk_phone_search_finished", {}


def _single_event(submission: Submission) -> tuple[str, dict[str, Any]]:
    (contact,) = submission.contacts
    if contact.verdict is not None:
        return "verification_finished", _verified(submission)
    # The vendor's own example of a phone nests its result twice.
    return "single_phone_search_finished", {"result": _phoned(submission)}


def _compose(submission: Submission, event: Any) -> tuple[bytes, Mapping[str, str]]:
    """Return a callback; nothing signs it, and that of a batch names it only."""
    name, result = event(submission)
    cost = sum(contact.charge_thousandths for contact in submission.contacts) / CREDIT
    body = {"event": name, "id": submission.submission_id, "credits": {"cost": cost}}
    return orjson.dumps(body | ({"result": result} if result else {})), {}
