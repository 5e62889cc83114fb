"""MillionVerifier's wire format: the key in the query, failures as `error` in words with 200.

A file of addresses is uploaded, looked after and downloaded as a report; its key has another name.
"""

import csv
from collections.abc import Sequence
from io import StringIO
from typing import Any, Final

from providers.sandbox.fields import is_address
from providers.sandbox.quota import Quota
from providers.sandbox.submissions import Submission, Submissions, SubmittedRow, Terms
from providers.sandbox.truth import Person, Verdict, vendor_verdict
from providers.sandbox.vendor import Ask, Refusal, Reply, Route
from providers.sandbox.world import SandboxWorld

VERIFY_CHARGE: Final = 1_000
LATENCY_S: Final = 1.0
TIMEOUT_S_DEFAULT: Final = 20
TIMEOUT_S_MIN, TIMEOUT_S_MAX = 2, 60
FILE_ROWS_MAX: Final = 100_000
TERMS: Final = Terms(
    charges={"verify_email": VERIFY_CHARGE},
    is_repeat_free=False,
    ready_s=(5.0, 60.0),
    free=frozenset({Verdict.CATCH_ALL, Verdict.UNKNOWN}),
)

_NOBODY: Final = Person("", "", "")
_QUOTA: Final = Quota("verify", ((1_200, 60.0),))
_FILES: Final = Quota("files", ((1_000, 60.0),))
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
    """Single verification, files of addresses, and credits."""

    slug = "millionverifier"
    prefix = "/millionverifier/api/v3"

    def __init__(self, world: SandboxWorld) -> None:
        self._world = world
        self._files = Submissions(world, self.slug, TERMS)

    def routes(self) -> Sequence[Route]:
        """Return the routes of both hosts."""
        return (
            Route("GET", "/", "verify_email", self._verify, _QUOTA, LATENCY_S, is_paid=True),
            Route("POST", "/upload", "submit", self._upload, _FILES, 0.5, is_paid=True),
            Route("GET", "/fileinfo", "read", self._look, _FILES, 0.2),
            Route("GET", "/download", "read", self._download, _FILES, 0.3),
            Route("GET", "/credits", "account", self._credits, _QUOTA, 0.2),
        )

    def read_key(self, ask: Ask) -> str:
        """Return the key from the query, by either host's name for it; no header is read."""
        return ask.query.get("api") or ask.query.get("key", "")

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

    def _upload(self, ask: Ask) -> Reply:
        text = ask.body.get("file_contents") if isinstance(ask.body, dict) else None
        cells = [cell.strip() for row in csv.reader(StringIO(text or "")) for cell in row[:1]]
        addresses = list(dict.fromkeys(cell for cell in cells if is_address(cell)))
        if not 1 <= len(addresses) <= FILE_ROWS_MAX:
            return Reply(200, {"error": "no_emails_in_file"})
        file = self._files.add(ask.key, "", [_row(address) for address in addresses])
        return Reply(200, self._file(file))

    def _look(self, ask: Ask) -> Reply:
        file = self._files.find(ask.key, ask.text("file_id"))
        return Reply(200, {"error": "file_not_found"} if file is None else self._file(file))

    def _download(self, ask: Ask) -> Reply:
        file = self._files.find(ask.key, ask.text("file_id"))
        if file is None or not self._is_finished(file):
            return Reply(200, {"error": "file_not_found"})
        report = StringIO()
        rows = csv.writer(report, quoting=csv.QUOTE_ALL)
        rows.writerow(["email", "quality", "result", "free", "role"])
        for contact in file.contacts:
            result, _, quality = _RESULTS[contact.verdict or Verdict.UNKNOWN]
            rows.writerow([contact.given["email"], quality, result, "no", "no"])
        return Reply(200, report.getvalue().encode(), delivers=file.sequences)

    def _file(self, file: Submission) -> dict[str, Any]:
        is_finished = self._is_finished(file)
        return {
            "file_id": file.submission_id,
            "status": "finished" if is_finished else "in_progress",
            "unique_emails": len(file.contacts),
            "percent": 100 if is_finished else 0,
            "error": "",
        }

    def _is_finished(self, file: Submission) -> bool:
        return file.ready_at_s <= self._world.pace.now_s()

    def _credits(self, ask: Ask) -> Reply:
        left = int(self._world.balance(self.slug, ask.key))
        body = {"credits": left, "bulk_credits": left, "renewing_credits": 0, "plan": 0}
        return Reply(200, body)


def _row(address: str) -> SubmittedRow:
    return SubmittedRow({"email": address}, _NOBODY, ("verify_email",), "", address.lower())


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
