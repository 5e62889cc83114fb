"""What a provider declares: identity, limits, and pure functions for requests and answers.

The runner owns all I/O, time, retries, limits and redaction. A call has one of four shapes:
`Direct` (one request, answered at once, perhaps "ask again"), `Batched` (one request for up to
`batch_max` calls, answered at once), `Submitted` (submit up to `batch_max` calls, get a handle,
poll it until ready) and `Local` (done by the service itself).
"""

import re
from codecs import BOM_UTF8
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any, Final, Literal

import orjson

from providers.complaint import raise_for_error
from providers.faults import (
    BrokenAnswer,
    CredentialsRejected,
    OutOfCredit,
    RequestRefused,
    Throttled,
    VendorDown,
    VendorFault,
)
from providers.json_object import JsonObject
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import Found, NoAnswer, Outcome
from service.domain.retry import parse_http_date, parse_retry_after

__all__ = [
    "ANSWER_BYTES_MAX",
    "DEADLINE_S_MAX",
    "NAME_AND_COMPANY",
    "REASON_LENGTH_MAX",
    "AskAgain",
    "Auth",
    "Batched",
    "BrokenAnswer",
    "CredentialsRejected",
    "Direct",
    "JsonObject",
    "Limits",
    "Local",
    "NotReady",
    "Offer",
    "OutOfCredit",
    "Provider",
    "RequestRefused",
    "Row",
    "Submitted",
    "Throttled",
    "VendorAnswer",
    "VendorDown",
    "VendorFault",
    "VendorFile",
    "VendorRequest",
    "get",
    "post",
    "raise_for_status",
    "raw_reason",
    "read_any_object",
    "read_object",
    "read_rows",
]

ANSWER_BYTES_MAX: Final = 2 * 1024 * 1024
DEADLINE_S_MAX: Final = 900.0
FREE_ASKS_MAX: Final = 5
CHEAP_ASKS_MAX: Final = 4
CHEAP_PRICE_MAX: Final = 1_000
"""Thousandths of a vendor's credit."""

NAME_AND_COMPANY: Final = (
    ("first_name", "last_name", "company_domain"),
    ("first_name", "last_name", "company_name"),
)

REASON_LENGTH_MAX: Final = 40

_RAW_WORD: Final = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class VendorFile:
    """A CSV file that a request carries, as a form does.

    Attributes:
        part: of the form.
        name: what the vendor shows it as.
    """

    part: str
    name: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class VendorRequest:
    """One request to a vendor, relative to its base URL; the runner adds the credentials.

    Attributes:
        file: the body, in place of JSON.
        base_url: in place of the vendor's usual one, as long as the operator has set none.
        key_field: the field of the JSON body that the key goes into, and not to its usual place.
        key_query: the parameter of the query that the key goes into, and not to its usual place.
    """

    method: Literal["GET", "POST"]
    path: str
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    json: Any = field(default=None, repr=False)
    file: VendorFile | None = field(default=None, repr=False)
    base_url: str | None = None
    key_field: str = ""
    key_query: str = ""


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
            return orjson.loads(self.body.removeprefix(BOM_UTF8))
        except ValueError:
            raise BrokenAnswer("the body is not JSON") from None

    def object(self, *path: str) -> "JsonObject":
        """Return the JSON object at `path`.

        Raises:
            BrokenAnswer: there is no object there.
        """
        return JsonObject(self.json()).object(*path)

    def retry_after_s(self) -> float | None:
        """Return for how many seconds Retry-After asks, at most a day; None if it cannot be read.

        A date counts from the answer's own, so that no clock but the vendor's matters: without
        one it cannot be read.
        """
        asked = self.headers.get("retry-after")
        if asked is None:
            return None
        return parse_retry_after(asked, parse_http_date(self.headers.get("date", "")))


@dataclass(frozen=True, slots=True)
class Limits:
    """A vendor's published request limits, per key, for whatever shares them.

    Attributes:
        requests_per_second, requests_per_hour, requests_per_day: where a vendor has a shorter
            window beside the minute's, or longer ones.
        concurrency: requests under way at once.
    """

    requests_per_minute: int
    concurrency: int
    requests_per_second: int | None = None
    requests_per_hour: int | None = None
    requests_per_day: int | None = None


@dataclass(frozen=True, slots=True)
class AskAgain:
    """The vendor is still working: send the same request again after `after_s` seconds."""

    after_s: float


class NotReady:
    """A submission is still running at the vendor."""


@dataclass(frozen=True, slots=True)
class Direct:
    """One request per lookup, answered at once.

    `request` is given the lead `as_told`. `read` is given what was asked about besides the answer;
    it raises a `VendorFault` for faults.
    `AskAgain` is followed until the call's deadline.
    """

    request: Callable[[LeadInput], VendorRequest]
    read: Callable[[VendorAnswer, LeadInput], Outcome | AskAgain]


@dataclass(frozen=True, slots=True)
class Row:
    """One call among several of a request.

    Attributes:
        reference: ours, unique within the request, echoed by vendors that echo anything.
        lead: `as_told`.
    """

    reference: str
    lead: LeadInput = field(repr=False)


@dataclass(frozen=True, slots=True)
class Batched:
    """One request for up to `batch_max` calls, answered at once.

    `read` is given the leads that were asked about besides the answer, `as_told`, in the order in
    which they were asked about; it returns results by row name, and a row it does not name has no
    answer. It raises a `VendorFault` for faults of the whole.

    Attributes:
        usual_s: about what a full one takes.
        name_of: what the results call a row, where the vendor does not echo its reference.
    """

    batch_max: int
    request: Callable[[Sequence[Row]], VendorRequest]
    read: Callable[[VendorAnswer, Sequence[LeadInput]], Mapping[str, Outcome]]
    usual_s: float
    name_of: Callable[[Row], str] = attrgetter("reference")


@dataclass(frozen=True, slots=True)
class Submitted:
    """Submit up to `batch_max` calls at once, then poll the handle until the answers are there.

    Both readers are given the leads that were submitted besides the answer, `as_told`.

    Attributes:
        submit: builds the submit request from the rows, the submission's reference, and our
            callback URL where one is known.
        read_handle: the vendor's handle from the answer to the submit.
        poll: builds the request that reads the results of a handle.
            read: results by row name, or `NotReady`; a row it does not name has no answer. Of a
            vendor that first tells only that they are there, the request that fetches them, whose
            answer is read here as well.
        first_poll_after_s, poll_every_s: the vendor's own pace.
        poll_limits: where reading results has a budget of its own beside submitting.
        name_of: what the results call a row, where the vendor does not echo its reference.
        callback_handle: the handle that a callback's body names, for a callback that comes before
            the answer to the submit is stored; None where the body names none.
    """

    batch_max: int
    submit: Callable[[Sequence[Row], str, str | None], VendorRequest]
    read_handle: Callable[[VendorAnswer, Sequence[LeadInput]], str]
    poll: Callable[[str], VendorRequest]
    read: Callable[
        [VendorAnswer, Sequence[LeadInput]], Mapping[str, Outcome] | NotReady | VendorRequest
    ]
    first_poll_after_s: float
    poll_every_s: float
    poll_limits: Limits | None = None
    callback_handle: Callable[[JsonObject], str | None] | None = None
    name_of: Callable[[Row], str] = attrgetter("reference")


@dataclass(frozen=True, slots=True)
class Local:
    """Done by the service itself, over its own DNS and SMTP edges."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One capability of a provider.

    Attributes:
        needs: alternatives; the lead must have every field of at least one of them.
        deadline_s: at most `DEADLINE_S_MAX`; for a submission the whole time until its answer.
        bulk: how the same is asked about many, where `shape` asks about one. It is used where a
            lead would stand in line for longer than a bulk takes; it needs what this needs, and
            costs no more.
        price_found, price_missing, price_unknown: in the vendor's own credits, thousandths of one;
            unknown is an answer that looks at the lead and cannot tell.
        limits: where this capability has a budget of its own beside the provider's others.
    """

    capability: Capability
    needs: tuple[tuple[str, ...], ...]
    shape: Direct | Batched | Submitted | Local
    deadline_s: float = 30.0
    price_found: int = 0
    price_missing: int = 0
    price_unknown: int = 0
    limits: Limits | None = None
    bulk: "Offer | None" = None

    def accepts(self, lead: LeadInput) -> bool:
        """Tell whether the lead has what this offer needs."""
        return any(lead.has(*names) for names in self.needs)

    @property
    def usual_s(self) -> float:
        """Seconds in which several that are asked about together usually have their answers."""
        match self.shape:
            case Batched(usual_s=usual_s):
                return usual_s
            case Submitted(first_poll_after_s=first_poll_after_s):
                return first_poll_after_s
        return 0.0

    def with_bulk(
        self, shape: Batched | Submitted, *, deadline_s: float, limits: Limits | None = None
    ) -> "Offer":
        """Return this offer with a bulk beside it: of the same leads, at the same prices."""
        bulk = replace(self, shape=shape, deadline_s=deadline_s, limits=limits or self.limits)
        return replace(self, bulk=bulk)


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
        repeats: what asking again may cost while nobody knows whether an earlier request was
            taken: `free`, nothing; `cheap`, the price again, which is worth it where a find costs
            a credit or less; `never`, too much in any case.
        source: where the facts come from: `stated` by the vendor or `inferred`, and when read.
        version: raised when its answers come to mean something else; remembered answers of an
            earlier version are not used.
        key_check: a free request that tells whether a key works, where there is one.
        key_proof: fields of its good answer, any one of which shows that the key was accepted.
    """

    slug: str
    name: str
    base_url: str
    auth: Auth
    limits: Limits
    offers: tuple[Offer, ...]
    repeats: Literal["free", "cheap", "never"]
    source: str
    version: int = 1
    aliases: tuple[str, ...] = ()
    key_check: VendorRequest | None = None
    key_proof: tuple[str, ...] = ()

    def asks_max(self, offer: Offer) -> int:
        """Return how often it may be asked about one lookup while an earlier ask is unknown."""
        if self.repeats == "free":
            return FREE_ASKS_MAX
        cheap = self.repeats == "cheap" and offer.price_found <= CHEAP_PRICE_MAX
        return CHEAP_ASKS_MAX if cheap else 1

    def offer(self, capability: Capability) -> Offer | None:
        """Return the offer for `capability`, or None when this vendor lacks it."""
        return next((offer for offer in self.offers if offer.capability == capability), None)

    def every_offer(self) -> Iterator[Offer]:
        """Yield each offer, and behind it its bulk where it has one."""
        for offer in self.offers:
            yield offer
            if offer.bulk is not None:
                yield offer.bulk

    def submitted_offer(self, capability: Capability) -> Offer | None:
        """Return the offer for `capability` whose answers are polled for, bulk or not; or None."""
        submitted = (each for each in self.every_offer() if isinstance(each.shape, Submitted))
        return next((each for each in submitted if each.capability == capability), None)

    def operation(self, offer: Offer) -> str:
        """Return what gates call the requests of an offer: a bulk fails and is slow by itself."""
        is_bulk = all(offer is not each for each in self.offers)
        return f"bulk_{offer.capability}" if is_bulk else offer.capability


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
            raise VendorDown(retry_after_s=answer.retry_after_s())
        case status if status >= 400:  # noqa: PLR2004
            raise RequestRefused


def read_object(
    answer: VendorAnswer, *, statuses: Collection[int] = (200,), leads: Iterable[LeadInput] = ()
) -> JsonObject:
    """Return the JSON object of an answer with one of `statuses` and without an error in it.

    Args:
        leads: those asked about, where they are known; their own words are no complaint.

    Raises:
        VendorFault: as `raise_for_status` and `raise_for_error`, and `BrokenAnswer` for another
            status below 400.
    """
    body = read_any_object(answer, statuses=statuses)
    raise_for_error(body, answer.retry_after_s(), leads)
    return body


def read_any_object(answer: VendorAnswer, *, statuses: Collection[int] = (200,)) -> JsonObject:
    """Return the JSON object as `read_object`, for a reader that reads its vendor's errors itself.

    Raises:
        VendorFault: as `raise_for_status`, and `BrokenAnswer` for another status below 400.
    """
    raise_for_status(answer)
    if answer.status not in statuses:
        raise BrokenAnswer(f"unexpected status {answer.status}")
    return answer.object()


def read_rows(
    rows: Iterable[JsonObject],
    reference: Callable[[JsonObject], str | None],
    read: Callable[[JsonObject], Outcome],
) -> dict[str, Outcome]:
    """Read the rows of a submission one by one; rows without a reference are left out.

    One strange row must not cost the others, which are paid for: it alone ends as no answer. Of a
    row that is told twice, the first value counts, which is paid for as well.
    """
    outcomes: dict[str, Outcome] = {}
    for row in rows:
        try:
            name = reference(row)
        except BrokenAnswer:
            continue
        if name is None or isinstance(outcomes.get(name), Found):
            continue
        try:
            outcomes[name] = read(row)
        except BrokenAnswer as fault:
            outcomes[name] = NoAnswer(fault.slug)
    return outcomes


def get(path: str, **query: str | None) -> VendorRequest:
    """Build a GET; parameters that are None or empty are left out."""
    return VendorRequest("GET", path, query={k: v for k, v in query.items() if v})


def post(path: str, body: Any) -> VendorRequest:
    """Build a POST with a JSON body; keys of a flat object that are None are left out."""
    if isinstance(body, dict):
        body = {k: v for k, v in body.items() if v is not None}
    return VendorRequest("POST", path, json=body)


def raw_reason(prefix: str, text: str | None) -> str:
    """Return a reason slug that keeps a vendor's own word where it is one, such as `status_paused`.

    Only a single word is kept: letters, digits, `_`, `-` and `.`, which may not begin with a digit.
    Anything else may be a sentence, an address or a number, and reads as `<prefix>_unclear`.

    Args:
        prefix: ours: lower-case letters, digits and `_`, at most 32 characters.
        text: the vendor's word.
    """
    word = re.sub(r"[-.]", "_", (text or "").strip().lower())
    slug = f"{prefix}_{word}"
    is_kept = _RAW_WORD.fullmatch(word) is not None and len(slug) <= REASON_LENGTH_MAX
    return slug if is_kept else f"{prefix}_unclear"
