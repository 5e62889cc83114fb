"""What a caller may send about webhooks, and the sentences that say what is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, SecretStr, WithJsonSchema

from service.api.validation import NOT_BLANK, WHOLE, Body, invalid, problems_of, validate
from service.api.webhook_url import WebhookUrl
from service.domain.custom_headers import HEADERS_MAX, VALUE_PATTERN, header_problems
from service.domain.event_types import PATTERNS, unknown_patterns
from service.domain.sentences import joined
from service.domain.signing import Scheme, SigningSecret, read_secret
from service.edges.dial_guard import DialRefused, EgressPolicy
from service.flows.manage_endpoints import made_key
from service.flows.rotate_secrets import OVERLAP_DEFAULT, OVERLAP_MAX
from service.store.endpoints import EndpointTerms

RETRY_ATTEMPTS_DEFAULT: Final = 9
"""Over 75 hours; SendKit's own default of 3 gives up after 36 minutes."""
TIMEOUT_MS_DEFAULT: Final = 10_000
NAME_CHARACTERS_MAX: Final = 100
PATTERNS_MAX: Final = 50
RATE_MAX: Final = 60_000

_URL_CHARACTERS_MAX: Final = 4_096
_SECRET_WITH_KEY_PAIR: Final = "a secret cannot be given with v1a: the key pair is made here"  # noqa: S105 - a sentence
_MOMENT_CHARACTERS_MAX: Final = 40

_Name = Annotated[
    str,
    Field(min_length=1, max_length=NAME_CHARACTERS_MAX, json_schema_extra={"pattern": NOT_BLANK}),
]
_Url = Annotated[WebhookUrl, Field(max_length=_URL_CHARACTERS_MAX)]
_Pattern = Annotated[str, Field(json_schema_extra={"enum": [*PATTERNS]})]
_Events = Annotated[list[_Pattern], Field(min_length=1, max_length=PATTERNS_MAX)]
_Headers = Annotated[
    dict[str, str],
    Field(
        json_schema_extra={
            "maxProperties": HEADERS_MAX,
            "propertyNames": {"format": "custom-header"},
            "additionalProperties": {"type": "string", "pattern": f"^{VALUE_PATTERN}$"},
            "examples": [{"X-Tenant": "acme"}],
        }
    ),
]
_Secret = Annotated[
    SecretStr,
    WithJsonSchema({"type": "string", "format": "webhook-secret", "writeOnly": True}),
]
# A key pair is made here, and its private half never leaves.
_NO_SECRET_FOR_KEY_PAIR: Final[dict[str, Any]] = {
    "if": {"properties": {"signatureScheme": {"const": "v1a"}}, "required": ["signatureScheme"]},
    "then": {"properties": {"secret": {"type": "null"}}},
}
_Retries = Annotated[int, Field(alias="retryAttempts", ge=0, le=10), WHOLE]
_Timeout = Annotated[int, Field(alias="timeoutMs", ge=1_000, le=30_000), WHOLE]
_Rate = Annotated[
    Annotated[int, Field(ge=1, le=RATE_MAX), WHOLE] | None, Field(alias="ratePerMinute")
]
_Scheme = Annotated[Literal["v1", "v1a"] | None, Field(alias="signatureScheme")]


class NewWebhookBody(Body):
    """The body of the call that creates a webhook."""

    model_config = ConfigDict(json_schema_extra=_NO_SECRET_FOR_KEY_PAIR)

    name: _Name
    url: _Url
    events: _Events
    secret: _Secret | None = None
    scheme: _Scheme = None
    retry_attempts: _Retries = RETRY_ATTEMPTS_DEFAULT
    timeout_ms: _Timeout = TIMEOUT_MS_DEFAULT
    headers: _Headers = Field(default_factory=dict)
    rate: _Rate = None


class WebhookChangeBody(Body):
    """The body of the call that changes a webhook; what is left out stays."""

    name: _Name | None = None
    url: _Url | None = None
    events: _Events | None = None
    retry_attempts: Annotated[
        Annotated[int, Field(ge=0, le=10), WHOLE] | None, Field(alias="retryAttempts")
    ] = None
    timeout_ms: Annotated[
        Annotated[int, Field(ge=1_000, le=30_000), WHOLE] | None, Field(alias="timeoutMs")
    ] = None
    headers: _Headers | None = None
    rate: _Rate = None


class RotationBody(Body):
    """The body of the call that rotates what signs."""

    model_config = ConfigDict(json_schema_extra=_NO_SECRET_FOR_KEY_PAIR)

    secret: _Secret | None = None
    scheme: _Scheme = None
    overlap_hours: Annotated[
        int,
        Field(alias="overlapHours", ge=0, le=int(OVERLAP_MAX.total_seconds() // 3_600)),
        WHOLE,
    ] = int(OVERLAP_DEFAULT.total_seconds() // 3_600)


class ReplayBody(Body):
    """The body of the call that replays what failed."""

    since: Annotated[
        str,
        Field(max_length=_MOMENT_CHARACTERS_MAX, json_schema_extra={"format": "date-time"}),
    ]
    dry_run: Annotated[bool, Field(alias="dryRun")] = False


class EnablingBody(Body):
    """The body of the call that switches a webhook on."""

    replay_parked: Annotated[bool, Field(alias="replayParked")] = False


_NOTHING_WRONG: Final = MappingProxyType(
    {"name": "-", "url": "https://example.com/", "events": ["*"]}
)


@dataclass(frozen=True, slots=True)
class Creation:
    """What a new endpoint is to be."""

    terms: EndpointTerms
    key: SigningSecret = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Change:
    """What of an endpoint changes; None stays."""

    terms: EndpointTerms
    headers: Mapping[str, str] | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rotation:
    """What signs from now on, and for how long what signed before goes on."""

    key: SigningSecret = field(repr=False)
    overlap: timedelta


def read_creation(raw: dict[str, Any], egress: EgressPolicy) -> Creation:
    """Return the endpoint that a body asks for.

    Raises:
        InvalidRequest: names everything that is wrong.
    """
    body = validate(
        NewWebhookBody,
        raw,
        further=lambda body: (
            _problems(body.name, body.url, body.events, body.headers, egress)
            | problems_of(lambda: _key(body.secret, body.scheme))
        ),
        stand_ins=_NOTHING_WRONG,
    )
    key = _key(body.secret, body.scheme)
    terms = EndpointTerms(
        name=body.name.strip(),
        url=body.url,
        event_types=tuple(dict.fromkeys(body.events)),
        timeout_ms=body.timeout_ms,
        retry_count_max=body.retry_attempts,
        rate_per_minute=body.rate,
        rate_changes=True,
    )
    return Creation(terms, key, body.headers)


def read_change(raw: dict[str, Any], egress: EgressPolicy) -> Change:
    """Return what a body changes.

    Raises:
        InvalidRequest: names everything that is wrong.
    """
    body = validate(
        WebhookChangeBody,
        raw,
        further=lambda body: _problems(
            body.name, body.url, body.events, body.headers or {}, egress
        ),
    )
    terms = EndpointTerms(
        name=None if body.name is None else body.name.strip(),
        url=body.url,
        event_types=None if body.events is None else tuple(dict.fromkeys(body.events)),
        timeout_ms=body.timeout_ms,
        retry_count_max=body.retry_attempts,
        rate_per_minute=body.rate,
        rate_changes="ratePerMinute" in raw,
    )
    return Change(terms, body.headers)


def read_rotation(raw: dict[str, Any], *, scheme: Scheme) -> Rotation:
    """Return how to rotate.

    Args:
        scheme: of what signs now; a body that names none stays with it.

    Raises:
        InvalidRequest: names everything that is wrong.
    """

    def key(body: RotationBody) -> SigningSecret:
        # A secret that is given says by itself which scheme is meant.
        return _key(body.secret, body.scheme or (Scheme.SHARED if body.secret else scheme))

    body = validate(RotationBody, raw, further=lambda body: problems_of(lambda: key(body)))
    return Rotation(key(body), timedelta(hours=body.overlap_hours))


def read_replay(raw: dict[str, Any]) -> tuple[datetime, bool]:
    """Return since when to replay, and whether only to count.

    Raises:
        InvalidRequest: names everything that is wrong.
    """
    body = validate(
        ReplayBody,
        raw,
        further=lambda body: problems_of(lambda: read_moment(body.since, "since")),
    )
    return read_moment(body.since, "since"), body.dry_run


def read_enabling(raw: dict[str, Any]) -> bool:
    """Return whether what waits parked is to be sent too."""
    return validate(EnablingBody, raw).replay_parked


def read_moment(text: str, name: str) -> datetime:
    """Return a moment in ISO 8601; without a zone it is UTC.

    Raises:
        InvalidRequest: it is none.
    """
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise invalid(
            {name: f"{name} must be a moment in ISO 8601, such as 2026-01-31T12:00:00Z"}
        ) from None


def _key(secret: SecretStr | None, scheme: str | None) -> SigningSecret:
    chosen = Scheme(scheme or Scheme.SHARED)
    if secret is None:
        return made_key(chosen)
    if chosen is Scheme.KEY_PAIR:
        raise invalid({"secret": _SECRET_WITH_KEY_PAIR})
    try:
        return read_secret(secret.get_secret_value())
    except ValueError as error:
        raise invalid({"secret": f"secret is not valid. {error}"}) from None


def _problems(
    name: str | None,
    url: str | None,
    events: list[str] | None,
    headers: Mapping[str, str],
    egress: EgressPolicy,
) -> dict[str, str]:
    problems: dict[str, str] = {}
    if name is not None and not name.strip():
        problems["name"] = "name must not be blank"
    if url is not None:
        try:
            egress.check_url(url)
        except DialRefused as refusal:
            problems["url"] = f"url is not allowed: {refusal}"
    unknown = unknown_patterns(events or ())
    if unknown:
        shown = joined([each[:NAME_CHARACTERS_MAX] for each in unknown[:5]])
        problems["events"] = f"{shown} is not a known event; known are {joined(list(PATTERNS))}"
    for header, problem in header_problems(headers).items():
        problems[f"headers.{header}" if header else "headers"] = problem
    return problems
