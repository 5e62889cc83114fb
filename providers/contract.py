"""What a provider declares: identity, limits, and pure functions for requests and answers.

The runner owns all I/O, time, retries, limits and redaction. A call has one of three shapes:
`Direct` (one request, answered at once, perhaps "ask again"), `Submitted` (submit up to
`batch_max` calls, get a handle, poll it until ready) and `Local` (done by the service itself).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import orjson

from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import Outcome

ANSWER_BYTES_MAX: Final = 2 * 1024 * 1024
DEADLINE_S_MAX: Final = 900.0

NAME_AND_COMPANY: Final = (
    ("first_name", "last_name", "company_domain"),
    ("first_name", "last_name", "company_name"),
)

_HANDLE: Final = re.compile(r"[A-Za-z0-9_-]{1,200}")


class VendorFault(Exception):  # noqa: N818 - the faults are states of a vendor, not only errors
    """The vendor gave no outcome for a reason of its own; no lead is to blame."""

    slug = "vendor_fault"


class Throttled(VendorFault):
    """The vendor asked for fewer requests."""

    slug = "throttled"

    def __init__(self, retry_after_s: float | None = None) -> None:
        super().__init__(retry_after_s)
        self.retry_after_s = retry_after_s


class VendorDown(VendorFault):
    """5xx, a reset, a refused connection, or no answer before the deadline.

    Attributes:
        sent: False only when the request certainly never left, so that asking again cannot cost
            twice; True when the vendor may have seen it.
    """

    slug = "vendor_down"

    def __init__(self, *, sent: bool = True) -> None:
        super().__init__("the request may have been sent" if sent else "the request was not sent")
        self.sent = sent


class CredentialsRejected(VendorFault):
    """The key is wrong, revoked or not allowed to do this."""

    slug = "credentials_rejected"


class OutOfCredit(VendorFault):
    """The vendor's own account has nothing left to spend."""

    slug = "out_of_credit"


class RequestRefused(VendorFault):
    """Another 4xx: the vendor refused the request as it stands, and charged nothing.

    Of a submission nobody can say which row is to blame. A `Direct` call whose vendor says that
    the lead's data is at fault ends as `RejectedInput` instead.
    """

    slug = "request_refused"


class BrokenAnswer(VendorFault):
    """The answer has another shape than documented, or cannot be read at all."""

    slug = "broken_answer"


@dataclass(frozen=True, slots=True)
class VendorRequest:
    """One request to a vendor, relative to its base URL; the runner adds the credentials."""

    method: Literal["GET", "POST"]
    path: str
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    json: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class VendorAnswer:
    """One HTTP answer, whole and bounded by `ANSWER_BYTES_MAX`.

    Attributes:
        headers: names in lower case.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            BrokenAnswer: the body is not JSON.
        """
        try:
            return orjson.loads(self.body)
        except ValueError:
            raise BrokenAnswer("the body is not JSON") from None

    def object(self, *path: str) -> "JsonObject":
        """Return the JSON object at `path`.

        Raises:
            BrokenAnswer: there is no object there.
        """
        return JsonObject(self.json()).object(*path)

    def retry_after_s(self) -> float | None:
        """Return the Retry-After header in seconds, or None when it is absent or not a number."""
        raw = self.headers.get("retry-after", "").strip()
        return float(raw) if raw.isascii() and raw.isdigit() and len(raw) <= 9 else None  # noqa: PLR2004


class JsonObject:
    """A JSON object from outside, read by expected type: another type is a `BrokenAnswer`."""

    __slots__ = ("_raw",)

    def __init__(self, raw: object) -> None:
        if not isinstance(raw, dict):
            raise BrokenAnswer("expected a JSON object")
        self._raw: dict[str, Any] = raw

    def object(self, *path: str) -> "JsonObject":
        """Return the object at `path`, which must be there."""
        here: JsonObject = self
        for name in path:
            here = JsonObject(here._raw.get(name))
        return here

    def object_or_none(self, name: str) -> "JsonObject | None":
        """Return the object under `name`, or None when it is absent or null."""
        raw = self._raw.get(name)
        return None if raw is None else JsonObject(raw)

    def objects(self, name: str) -> "list[JsonObject]":
        """Return the list of objects under `name`; absent or null reads as empty."""
        raw = self._raw.get(name)
        if raw is None:
            return []
        if not isinstance(raw, list):
            raise BrokenAnswer("expected a JSON array")
        return [JsonObject(item) for item in raw]

    def text_or_none(self, name: str) -> str | None:
        """Return the text under `name`, stripped; absent, null and blank read as None."""
        raw = self._raw.get(name)
        if raw is None:
            return None
        if not isinstance(raw, str):
            raise BrokenAnswer("expected a JSON string")
        return raw.strip() or None

    def text(self, name: str) -> str:
        """Return the text under `name`, stripped, which must be there and not blank."""
        text = self.text_or_none(name)
        if text is None:
            raise BrokenAnswer("expected a JSON string")
        return text

    def number_or_none(self, name: str) -> float | None:
        """Return the number under `name`, or None when it is absent or null."""
        raw = self._raw.get(name)
        if raw is None:
            return None
        if isinstance(raw, bool) or not isinstance(raw, int | float):
            raise BrokenAnswer("expected a JSON number")
        return float(raw)

    def handle(self, name: str) -> str:
        """Return the vendor's handle under `name`: 1 to 200 characters, safe in a URL path."""
        handle = self.text(name)
        if _HANDLE.fullmatch(handle) is None:
            raise BrokenAnswer("expected a handle")
        return handle

    def flag(self, name: str) -> bool:
        """Return the boolean under `name`; absent and null read as False."""
        raw = self._raw.get(name)
        if raw is None:
            return False
        if not isinstance(raw, bool):
            raise BrokenAnswer("expected a JSON boolean")
        return raw


@dataclass(frozen=True, slots=True)
class Limits:
    """A vendor's published request limits, per key, for whatever shares them.

    Attributes:
        requests_per_second: where a vendor has a shorter window beside the minute's.
        concurrency: requests under way at once.
    """

    requests_per_minute: int
    concurrency: int
    requests_per_second: int | None = None


@dataclass(frozen=True, slots=True)
class AskAgain:
    """The vendor is still working: send the same request again after `after_s` seconds."""

    after_s: float


class NotReady:
    """A submission is still running at the vendor."""


@dataclass(frozen=True, slots=True)
class Direct:
    """One request per lookup, answered at once.

    `read` is given what was asked about besides the answer; it raises a `VendorFault` for faults.
    `AskAgain` is followed until the call's deadline.
    """

    request: Callable[[LeadInput], VendorRequest]
    read: Callable[[VendorAnswer, LeadInput], Outcome | AskAgain]


@dataclass(frozen=True, slots=True)
class Row:
    """One call inside a submission.

    Attributes:
        reference: ours, unique within the submission, echoed by vendors that echo anything.
    """

    reference: str
    lead: LeadInput = field(repr=False)


@dataclass(frozen=True, slots=True)
class Submitted:
    """Submit up to `batch_max` calls at once, then poll the handle until the answers are there.

    Attributes:
        submit: builds the submit request from the rows, the submission's reference, and our
            callback URL where one is known.
        read_handle: the vendor's handle from the answer to the submit.
        poll: builds the request that reads the results of a handle.
            read: results by row reference, or `NotReady`; a row it does not name has no answer.
        first_poll_after_s, poll_every_s: the vendor's own pace.
        poll_limits: where reading results has a budget of its own beside submitting.
        callback_handle: the handle that a callback's body names, for a callback that comes before
            the answer to the submit is stored; None where the body names none.
    """

    batch_max: int
    submit: Callable[[Sequence[Row], str, str | None], VendorRequest]
    read_handle: Callable[[VendorAnswer], str]
    poll: Callable[[str], VendorRequest]
    read: Callable[[VendorAnswer], Mapping[str, Outcome] | NotReady]
    first_poll_after_s: float
    poll_every_s: float
    poll_limits: Limits | None = None
    callback_handle: Callable[[JsonObject], str | None] | None = None


@dataclass(frozen=True, slots=True)
class Local:
    """Done by the service itself, over its own DNS and SMTP edges."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One capability of a provider.

    Attributes:
        needs: alternatives; the lead must have every field of at least one of them.
        deadline_s: at most `DEADLINE_S_MAX`; for a submission the whole time until its answer.
        price_found, price_missing: in the vendor's own credits, thousandths of one.
        limits: where this capability has a budget of its own beside the provider's others.
    """

    capability: Capability
    needs: tuple[tuple[str, ...], ...]
    shape: Direct | Submitted | Local
    deadline_s: float = 30.0
    price_found: int = 0
    price_missing: int = 0
    limits: Limits | None = None

    def accepts(self, lead: LeadInput) -> bool:
        """Tell whether the lead has what this offer needs."""
        return any(lead.has(*names) for names in self.needs)


@dataclass(frozen=True, slots=True)
class Auth:
    """Where the key goes.

    Attributes:
        scheme: text before the key, such as `Bearer `.
    """

    place: Literal["header", "query", "none"]
    name: str = ""
    scheme: str = ""


@dataclass(frozen=True, slots=True)
class Provider:
    """A vendor, declared.

    Attributes:
        repeat_when_interrupted: True when asking again after a crash costs nothing twice (free
            calls, or a vendor that charges a repeat only once); False means at most one call.
        source: where the facts come from: `stated` by the vendor or `inferred`, and when read.
    """

    slug: str
    name: str
    base_url: str
    auth: Auth
    limits: Limits
    offers: tuple[Offer, ...]
    repeat_when_interrupted: bool
    source: str
    aliases: tuple[str, ...] = ()
    key_check: VendorRequest | None = None

    def offer(self, capability: Capability) -> Offer | None:
        """Return the offer for `capability`, or None when this vendor lacks it."""
        return next((offer for offer in self.offers if offer.capability == capability), None)


def raise_for_status(answer: VendorAnswer) -> None:
    """Raise the fault that a status means at most vendors; one that differs reads its own first.

    Raises:
        Throttled: 429.
        CredentialsRejected: 401 or 403.
        OutOfCredit: 402.
        RequestRefused: any other 4xx.
        VendorDown: any 5xx.
    """
    match answer.status:
        case 429:
            raise Throttled(answer.retry_after_s())
        case 401 | 403:
            raise CredentialsRejected
        case 402:
            raise OutOfCredit
        case status if status >= 500:  # noqa: PLR2004
            raise VendorDown
        case status if status >= 400:  # noqa: PLR2004
            raise RequestRefused


def read_object(answer: VendorAnswer) -> JsonObject:
    """Return the JSON object of a 200; any other status is a fault.

    Raises:
        VendorFault: as `raise_for_status`, and `BrokenAnswer` for a status below 400.
    """
    raise_for_status(answer)
    if answer.status != 200:  # noqa: PLR2004
        raise BrokenAnswer(f"unexpected status {answer.status}")
    return answer.object()


def get(path: str, **query: str | None) -> VendorRequest:
    """Build a GET; parameters that are None or empty are left out."""
    return VendorRequest("GET", path, query={k: v for k, v in query.items() if v})


def post(path: str, body: Any) -> VendorRequest:
    """Build a POST with a JSON body; keys of a flat object that are None are left out."""
    if isinstance(body, dict):
        body = {k: v for k, v in body.items() if v is not None}
    return VendorRequest("POST", path, json=body)
