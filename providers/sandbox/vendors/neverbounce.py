"""NeverBounce's wire format: the key in the query, every failure an HTTP 200 with a `status`."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import orjson

from providers.sandbox.fields import is_web_url, list_in, text_in
from providers.sandbox.quota import Quota
from providers.sandbox.submissions import (
    SUBMISSIONS_MAX,
    Contact,
    Submission,
    Submissions,
    SubmittedRow,
    Terms,
)
from providers.sandbox.truth import Person, Verdict, vendor_verdict
from providers.sandbox.vendor import Ask, Refusal, Reply, Route
from providers.sandbox.world import SandboxWorld

VERIFY_CHARGE: Final = 1_000
LATENCY_S: Final = 0.8
EXECUTION_MS: Final = 499
FIRST_JOB: Final = 150_970
PAGE_ROWS_MAX: Final = 1_000
PAGE_ROWS_DEFAULT: Final = 10
TERMS: Final = Terms(
    charges={"verify_email": VERIFY_CHARGE}, is_repeat_free=False, ready_s=(10.0, 60.0)
)

_NOBODY: Final = Person("", "", "")
_QUOTA: Final = Quota("application", ((600, 60.0),))
_JOBS: Final = Quota("jobs", ((10, 3_600.0), (50, 86_400.0)))
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
    """Single check, jobs and account."""

    slug = "neverbounce"
    prefix = "/neverbounce/v4.2"

    def __init__(self, world: SandboxWorld) -> None:
        self._world = world
        self._submissions = Submissions(world, self.slug, TERMS)
        self._names: dict[int, str] = {}
        self._next_job = FIRST_JOB

    def routes(self) -> Sequence[Route]:
        """Return the routes; jobs have a limit of their own."""
        return (
            Route(
                "GET", "/single/check", "verify_email", self._check, _QUOTA, LATENCY_S, is_paid=True
            ),
            Route("POST", "/jobs/create", "submit", self._create, _JOBS, LATENCY_S, is_paid=True),
            Route("GET", "/jobs/results", "read", self._results, _QUOTA, 0.1),
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

    def _create(self, ask: Ask) -> Reply:
        given = list_in(ask.body, "input")
        addresses = dict.fromkeys(text_in(each, "email").lower() for each in given)
        if ask.text("input_location") != "supplied" or not addresses or "" in addresses:
            return _failed("general_failure", "Missing required parameter 'input'")
        if not (ask.body.get("auto_parse") is True and ask.body.get("auto_start") is True):
            return _failed("general_failure", "Only jobs that start at once are made here")
        url = ask.body.get("callback_url")
        if not is_web_url(url):
            return _failed("general_failure", "Invalid parameter 'callback_url'")
        rows = [_row(address) for address in addresses]
        submission = self._submissions.add(ask.key, ask.text("filename"), rows)
        job = self._number(submission)
        if url is not None:
            compose = partial(_compose_finished, job)
            whole = submission.contacts
            self._submissions.call_back(url, whole, compose, carries_results=False)
        return Reply(200, {"status": "success", "job_id": job, "execution_time": EXECUTION_MS})

    def _number(self, submission: Submission) -> int:
        if len(self._names) >= SUBMISSIONS_MAX:
            del self._names[next(iter(self._names))]
        job, self._next_job = self._next_job, self._next_job + 1
        self._names[job] = submission.submission_id
        return job

    def _results(self, ask: Ask) -> Reply:
        job, count = ask.text("job_id"), ask.text("items_per_page") or f"{PAGE_ROWS_DEFAULT}"
        name = self._names.get(int(job), "") if job.isdecimal() else ""
        submission = self._submissions.find(ask.key, name)
        if submission is None:
            return _failed("general_failure", "Invalid job ID")
        if not (count.isdecimal() and 1 <= int(count) <= PAGE_ROWS_MAX):
            return _failed("general_failure", "Invalid parameter 'items_per_page'")
        if submission.ready_at_s > self._world.pace.now_s():
            return _failed("general_failure", "The results of this job are not available yet")
        page, total = submission.contacts[: int(count)], len(submission.contacts)
        body = {
            "status": "success",
            "total_results": total,
            "total_pages": -(-total // int(count)),
            "query": {"job_id": int(job), "page": 1, "items_per_page": int(count)},
            "results": [_result(contact) for contact in page],
            "execution_time": EXECUTION_MS,
        }
        return Reply(200, body, delivers=[each for one in page for each in one.sequences])

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


def _row(address: str) -> SubmittedRow:
    return SubmittedRow({"email": address}, _NOBODY, ("verify_email",), "", address)


def _result(contact: Contact) -> dict[str, Any]:
    address = contact.given["email"]
    verification = {
        "result": _RESULTS[contact.verdict or Verdict.UNKNOWN],
        "flags": [],
        "suggested_correction": "",
        "address_info": {"original_email": address, "normalized_email": address},
    }
    return {"data": contact.given, "verification": verification}


def _compose_finished(job: int) -> tuple[bytes, Mapping[str, str]]:
    """Return the callback that names a job that is done; nothing signs it."""
    return orjson.dumps({"job_id": job, "event": "job_run_finished"}), {}


def _failed(status: str, message: str) -> Reply:
    return Reply(200, {"status": status, "message": message, "execution_time": EXECUTION_MS})
