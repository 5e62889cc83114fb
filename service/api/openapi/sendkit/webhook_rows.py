"""Webhooks and their secrets as they are shown."""

from typing import Annotated, Literal

from pydantic import Field

from service.api.openapi.values import CamelAnswer, Count, Moment, ObjectId, may_lack

Scheme = Literal["v1", "v1a"]
WebhookId = Annotated[ObjectId, Field(examples=["65f0c1d2e3a4b5c6d7e8f902"])]
PublicKey = Annotated[str | None, Field(examples=[None])]
Secret = Annotated[str | None, Field(examples=["whsec_bWFkZS11cC1ieS10aGUtZG9jdW1lbnQ="])]
_Zero = Annotated[int, Field(ge=0, examples=[0])]


class LiveSecret(CamelAnswer):
    """What signs now, without the secret itself."""

    id: Annotated[int, Field(examples=[1])]
    scheme: Scheme
    public_key: PublicKey
    current: bool
    created_at: Moment
    signs_until: Annotated[Moment | None, Field(examples=[None])]


class WebhookStats(CamelAnswer):
    """What became of the webhook's deliveries."""

    total_delivered: Count
    total_failed: _Zero
    last_delivered_at: Moment | None
    expired_count: _Zero
    last_sequence: Count
    parked_count: int = may_lack("What waits for the webhook to be switched on; not in lists.")


class Webhook(CamelAnswer):
    """A webhook; the values of its headers are masked."""

    id: Annotated[WebhookId, Field(alias="_id")]
    workspace_id: ObjectId
    name: Annotated[str, Field(examples=["Results"])]
    listed: Annotated[bool, Field(examples=[True])]
    """False for one made from a job's webhook URL, which is found by its id alone."""
    url: Annotated[str, Field(examples=["https://hooks.example.com/leadfall"])]
    events: Annotated[list[str], Field(examples=[["enrichment.*"]])]
    secret: Secret
    signature_scheme: Scheme
    public_key: PublicKey
    secrets: list[LiveSecret]
    headers: Annotated[dict[str, str] | None, Field(examples=[{}])]
    retry_attempts: Annotated[int, Field(ge=0, le=10, examples=[9])]
    timeout_ms: Annotated[int, Field(ge=1_000, le=30_000, examples=[10_000])]
    rate_per_minute: Annotated[int | None, Field(ge=1, examples=[None])]
    status: Literal["active", "inactive"]
    disabled_reason: Annotated[str | None, Field(examples=[None])]
    disabled_at: Annotated[Moment | None, Field(examples=[None])]
    failing_since: Annotated[Moment | None, Field(examples=[None])]
    held_until: Annotated[Moment | None, Field(examples=[None])]
    stats: WebhookStats
    created_by: Annotated[str | None, Field(examples=["key:1"])]
    created_at: Moment
    updated_at: Moment


class StartedReplay(CamelAnswer):
    """The replay of what waited."""

    id: Annotated[str | None, Field(examples=["65f0c1d2e3a4b5c6d7e8f903"])]
    matched: Count


class EnabledWebhook(Webhook):
    """The webhook, switched on."""

    replay: StartedReplay = may_lack("Where `replayParked` asked for it.")


class DefaultSecret(CamelAnswer):
    """The workspace's default secret, which signs what goes to a job's own `webhook_url`."""

    id: Annotated[Literal["default"], Field(alias="_id")]
    secret: Annotated[str | None, Field(examples=["whsec_********MQ=="])]
    secrets: list[LiveSecret]


class Rotated(CamelAnswer):
    """What signs from now on; the secret is shown this once where it is the default one."""

    id: Annotated[WebhookId | Literal["default"], Field(alias="_id")]
    secret: Secret
    signature_scheme: Scheme
    public_key: PublicKey
    secrets: list[LiveSecret]


class Tested(CamelAnswer):
    """What came of the test."""

    status_code: Annotated[int | None, Field(examples=[204])]
    delivered: bool
    message: Annotated[str, Field(examples=["Delivered."])]
    duration_ms: Annotated[float, Field(ge=0, examples=[41.3])]
    address: Annotated[str | None, Field(examples=["203.0.113.7"])]
    answer: Annotated[str, Field(examples=[""])]
    """The beginning of the receiver's answer."""


class WebhookRemoved(CamelAnswer):
    """The webhook was deleted."""

    message: str
