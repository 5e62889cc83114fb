"""Deliveries, attempts, missed events and replays as they are shown."""

from typing import Annotated, Any, Literal

from pydantic import Field

from service.api.openapi.sendkit.webhook_rows import WebhookId
from service.api.openapi.values import CamelAnswer, Count, Moment
from service.domain.attempt_class import AttemptClass
from service.domain.event_types import EventType
from service.store.deliveries import KeptState

_Milliseconds = Annotated[float | None, Field(ge=0, examples=[1.25])]
EventBody = Annotated[
    dict[str, Any] | None,
    Field(
        examples=[{"type": "test", "timestamp": "2026-01-31T09:00:00.000Z", "data": {}}],
        description="The event as it was sent, see the webhooks; null once it is no longer kept.",
    ),
]
EventId = Annotated[str, Field(examples=["evt_0197a1c2d3e47f509a1b2c3d4e5f6071"])]
_Sequence = Annotated[int | None, Field(ge=1, examples=[1])]


class Delivery(CamelAnswer):
    """One event for one webhook."""

    id: Annotated[
        str, Field(examples=["dlv_0197a1c2d3e47f509a1b2c3d4e5f607165f0c1d2e3a4b5c6d7e8f902"])
    ]
    webhook_id: WebhookId
    event_id: EventId
    event_type: EventType
    sequence: _Sequence
    state: KeptState
    attempt_count: Count
    unsent_count: Annotated[int, Field(ge=0, examples=[0])]
    """How often faults of ours kept it from being sent."""
    last_status_code: Annotated[int | None, Field(examples=[204])]
    reason: Annotated[str | None, Field(examples=[None])]
    next_attempt_at: Annotated[Moment | None, Field(examples=[None])]
    replayed: Annotated[bool, Field(examples=[False])]
    event_created_at: Moment
    created_at: Moment
    finished_at: Moment | None


class Timings(CamelAnswer):
    """How long parts of a request took."""

    dns_ms: _Milliseconds
    connect_ms: _Milliseconds
    tls_ms: _Milliseconds
    """The part of `connectMs` that agreeing on TLS took."""
    ttfb_ms: _Milliseconds


class Attempt(CamelAnswer):
    """One request, with what came of it and what was decided."""

    number: Annotated[int, Field(ge=0, examples=[1])]
    counted: Annotated[bool, Field(examples=[True])]
    """False where a fault of ours ended it: it used up none, and the next has the same number."""
    started_at: Moment
    duration_ms: Annotated[int, Field(ge=0, examples=[41])]
    address: Annotated[str | None, Field(examples=["203.0.113.7"])]
    timings: Timings
    connection_reused: Annotated[bool | None, Field(examples=[False])]
    tls_version: Annotated[str | None, Field(examples=["TLSv1.3"])]
    status_code: Annotated[int | None, Field(examples=[204])]
    answer: Annotated[str | None, Field(examples=[""])]
    class_: Annotated[AttemptClass, Field(alias="class")]
    decision: Annotated[str, Field(examples=["delivered"])]
    reason: Annotated[str | None, Field(examples=[None])]
    body_sha256: Annotated[
        str, Field(alias="bodySha256", pattern="^[0-9a-f]{64}$", examples=["0" * 64])
    ]
    secret_ids: Annotated[list[int], Field(examples=[[1]])]


class DeliveryHistory(Delivery):
    """A delivery, its body, and every attempt that is kept."""

    body: EventBody
    attempts: list[Attempt]


class MissedEvent(CamelAnswer):
    """An event, by its number for this webhook."""

    sequence: Annotated[int, Field(ge=1, examples=[1])]
    id: EventId
    type: EventType
    created_at: Moment
    state: KeptState
    body: EventBody


class ReplayCounts(CamelAnswer):
    """How far a replay has come."""

    matched: Count
    replayed: Count
    delivered: Count
    failed: Annotated[int, Field(ge=0, examples=[0])]
    open: Annotated[int, Field(ge=0, examples=[0])]


class Replay(CamelAnswer):
    """A replay; `waiting` while its webhook is off."""

    id: Annotated[str, Field(examples=["65f0c1d2e3a4b5c6d7e8f903"])]
    webhook_id: WebhookId
    status: Literal["running", "finished", "cancelled"]
    waiting: Annotated[bool, Field(examples=[False])]
    since: Moment
    until: Moment
    states: list[KeptState]
    counts: ReplayCounts
    created_at: Moment
    updated_at: Moment
    finished_at: Moment | None


class CountedReplay(CamelAnswer):
    """How much a replay would send again."""

    dry_run: Literal[True]
    matched: Count
