"""Reads what became of events at an endpoint: deliveries, their attempts, and bodies."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from service.store.connection import Connection
from service.store.statements import load_statements

ATTEMPTS_SHOWN_MAX: Final = 200

_SQL: Final = load_statements("delivery_history")


@dataclass(frozen=True, slots=True)
class KeptDelivery:
    """A delivery as its owner sees it.

    Attributes:
        attempt_count: of the schedule that runs; earlier schedules ended with a replay.
        unsent_claim_count: how often faults of ours kept it from being sent.
    """

    event_id: UUID
    event_type: str
    event_created_at: datetime
    state: str
    due_at: datetime
    attempt_count: int
    earlier_attempt_count: int
    unsent_claim_count: int
    sequence: int | None
    last_status: int | None
    reason: str | None
    replay_id: int | None
    created_at: datetime
    finished_at: datetime | None
    endpoint_public_id: str
    endpoint_id: int


@dataclass(frozen=True, slots=True)
class KeptAttempt:
    """One attempt; times in milliseconds.

    Attributes:
        counted: False where a fault of ours ended it, so that it used up none.
    """

    number: int
    started_at: datetime
    duration_ms: int
    address: str | None
    status: int | None
    attempt_class: str
    decision: str
    reason: str | None
    answer: bytes | None = field(repr=False)
    body_sha256: bytes = field(repr=False)
    dns_ms: float | None
    connect_ms: float | None
    ttfb_ms: float | None
    reused: bool | None
    tls_version: str | None
    secret_ids: list[int] | None
    counted: bool
    tls_ms: float | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which deliveries are asked for; None is no bound."""

    states: Sequence[str] | None = None
    event_type: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class MissedEvent:
    """An event in the order in which its endpoint's deliveries are numbered.

    Attributes:
        payload: the frozen body; None when it is no longer kept.
    """

    event_id: UUID
    event_type: str
    event_created_at: datetime
    sequence: int
    state: str
    payload: bytes | None = field(repr=False)


async def read_deliveries(
    connection: Connection,
    endpoint_id: int,
    wanted: Wanted,
    *,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[KeptDelivery]:
    """Return deliveries of an endpoint, newest first."""
    rows = await connection.fetch(
        _SQL["read_deliveries"],
        endpoint_id,
        None if wanted.states is None else list(wanted.states),
        wanted.event_type,
        wanted.since,
        wanted.until,
        *(after or (None, None)),
        limit,
    )
    return [KeptDelivery(**row) for row in rows]


async def read_delivery(
    connection: Connection, workspace_id: int, event_id: UUID, endpoint_public_id: str
) -> KeptDelivery | None:
    """Return one delivery of the workspace, or None."""
    row = await connection.fetchrow(
        _SQL["read_delivery"], workspace_id, event_id, endpoint_public_id
    )
    return None if row is None else KeptDelivery(**row)


async def read_payload(connection: Connection, delivery: KeptDelivery) -> bytes | None:
    """Return the body that every attempt sends, or None when it is no longer kept."""
    payload: bytes | None = await connection.fetchval(
        _SQL["read_payload"], delivery.event_id, delivery.event_created_at
    )
    return payload


async def read_attempts(connection: Connection, delivery: KeptDelivery) -> list[KeptAttempt]:
    """Return the newest attempts that are kept, up to 200, oldest first."""
    rows = await connection.fetch(
        _SQL["read_attempts"], delivery.event_id, delivery.endpoint_id, ATTEMPTS_SHOWN_MAX
    )
    return [KeptAttempt(*row) for row in rows]


async def read_missed(
    connection: Connection, endpoint_id: int, *, after: int, limit: int
) -> list[MissedEvent]:
    """Return the events with the next numbers of an endpoint, whatever became of them."""
    rows = await connection.fetch(_SQL["read_missed"], endpoint_id, after, limit)
    return [MissedEvent(*row) for row in rows]
