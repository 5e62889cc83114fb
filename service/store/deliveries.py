"""Finds, claims, numbers and completes deliveries; who may have how many is decided elsewhere."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from service.domain.retry import DeliveryState
from service.store.connection import Connection
from service.store.statements import load_statements

BACKLOG_COUNT_MAX: Final = 100_000

OWN_FAILURES_KEPT: Final = 8
"""Failures of ours that are kept of each delivery; of more, one each time their number doubled."""

_SQL: Final = load_statements("deliveries")

KeptState = Literal[
    "due", "sending", "parked", "delivered", "exhausted", "aborted", "withdrawn", "expired"
]
"""Every state a delivery can be in."""

DeliveryKey = tuple[UUID, int]
"""Event id and endpoint id."""

ClaimKey = tuple[UUID, int, int]
"""Event id, endpoint id and epoch: one claim among all that a delivery ever had."""


@dataclass(frozen=True, slots=True)
class ReadyEndpoint:
    """An endpoint with deliveries that are due; `ready_count` stops at what was asked for.

    Attributes:
        failing: nothing but failures came of it lately, so that one delivery at a time is enough.
    """

    id: int
    workspace_id: int
    hidden: bool
    host: str
    port: int
    ready_count: int
    failing: bool = False


@dataclass(frozen=True, slots=True)
class Visit:
    """One look along the endpoints that have something waiting.

    Attributes:
        now: the database's time.
        last_id: where the next look begins.
        visited_count: fewer than asked for means that the end was reached.
        unwanted_ids: endpoints that are off or deleted and still have due deliveries.
    """

    now: datetime
    last_id: int
    visited_count: int
    ready: tuple[ReadyEndpoint, ...]
    unwanted_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A claimed delivery with all that sending it takes, but for the secret.

    Attributes:
        epoch: of this claim.
        sequence: its number at the endpoint.
        attempt_count: of the schedule that runs; a replay begins a new one.
        tried_since: when the first of those began; None before it.
        payload: the frozen body; None when the event is no longer kept.
    """

    event_id: UUID
    endpoint_id: int
    workspace_id: int
    event_type: str
    event_created_at: datetime
    epoch: int
    attempt_count: int
    earlier_attempt_count: int
    unsent_claim_count: int
    sequence: int
    due_at: datetime
    tried_since: datetime | None
    endpoint_public_id: str
    url: str = field(repr=False)
    host: str
    port: int
    timeout_ms: int
    retry_count_max: int
    hidden: bool
    failure_count: int
    headers_ciphertext: bytes | None = field(repr=False)
    payload: bytes | None = field(repr=False)

    @property
    def key(self) -> DeliveryKey:
        """What tells it from every other delivery."""
        return self.event_id, self.endpoint_id

    @property
    def next_number(self) -> int:
        """The number of the attempt that is made now, over all schedules."""
        return self.earlier_attempt_count + self.attempt_count + 1

    @property
    def claim_key(self) -> ClaimKey:
        """What tells this claim of it from every other."""
        return self.event_id, self.endpoint_id, self.epoch


@dataclass(frozen=True, slots=True)
class Completion:
    """What an attempt came to, as it is written.

    Attributes:
        delay_s: seconds until it is due again, counted from the moment of writing.
        counted: whether it used up an attempt. Of those that did not, failures of ours, a bounded
            number is kept.
    """

    event_id: UUID
    endpoint_id: int
    epoch: int
    state: DeliveryState
    delay_s: float
    counted: bool
    status: int | None
    reason: str
    started_at: datetime
    duration_ms: int
    address: str | None
    attempt_class: str
    answer: bytes | None = field(repr=False)
    body_sha256: bytes = field(repr=False)
    dns_ms: float | None = None
    connect_ms: float | None = None
    ttfb_ms: float | None = None
    reused: bool | None = None
    tls_version: str | None = None
    secret_ids: tuple[int, ...] = ()
    tls_ms: float | None = None


@dataclass(frozen=True, slots=True)
class EndpointEffect:
    """What a batch of completions means for one endpoint."""

    endpoint_id: int
    succeeded: bool = False
    failed: int = 0
    hold_s: float = 0.0
    disable: str | None = None
    exhausted: bool = False


@dataclass(frozen=True, slots=True)
class EndpointNews:
    """An endpoint of which there is something to tell.

    Attributes:
        switched_off: just now; `disabled_reason` and `disabled_at` say more.
        given_up_at: a delivery had its last attempt just now, and nothing was told of any such
            for a while.
    """

    id: int
    public_id: str
    workspace_id: int
    name: str
    url: str = field(repr=False)
    disabled_reason: str | None
    disabled_at: datetime | None
    switched_off: bool
    given_up_at: datetime | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits, counted up to a bound, and how many receivers are slowed or off."""

    due_count: int
    receiver_backlog_max: int
    throttled_count: int
    disabled_count: int


async def find_ready(
    connection: Connection, *, after: int, endpoints_max: int, due_max: int, patience: int
) -> Visit:
    """Look at the next endpoints, in id order, for deliveries that are due.

    Args:
        patience: failures in a row from which on an endpoint is said to be failing.
    """
    rows = await connection.fetch(_SQL["find_ready"], after, endpoints_max, due_max, patience)
    found = [row for row in rows if row["endpoint_id"] is not None]
    return Visit(
        rows[0]["now"],
        rows[0]["last_id"],
        rows[0]["visited_count"],
        tuple(
            ReadyEndpoint(
                row["endpoint_id"],
                row["workspace_id"],
                row["hidden"],
                row["host"],
                row["port"],
                row["ready_count"],
                row["failing"],
            )
            for row in found
            if not row["unwanted"]
        ),
        tuple(row["endpoint_id"] for row in found if row["unwanted"]),
    )


async def claim(connection: Connection, owner: UUID, shares: Mapping[int, int]) -> list[Delivery]:
    """Claim and number up to so many deliveries of each endpoint, oldest first.

    What others have claimed is passed over. Locks the endpoints until the transaction ends, so it
    belongs in one of its own.
    """
    rows = await connection.fetch(_SQL["claim"], owner, list(shares), list(shares.values()))
    return [Delivery(*row) for row in rows]


async def number_waiting(connection: Connection, endpoint_id: int, *, count_max: int) -> int:
    """Number what waits at an endpoint, oldest event first; belongs in a transaction of its own."""
    await connection.execute(_SQL["lock_endpoints"], [endpoint_id])
    return _changed(await connection.execute(_SQL["number_waiting"], endpoint_id, count_max))


async def complete(
    connection: Connection, owner: UUID, completions: Sequence[Completion]
) -> dict[ClaimKey, str]:
    """Write what became of claimed deliveries and return the new states of those that counted.

    Only claims that this owner still holds at the same epoch change; the rest is left alone.
    """
    rows = await connection.fetch(
        _SQL["complete"],
        owner,
        [each.event_id for each in completions],
        [each.endpoint_id for each in completions],
        [each.epoch for each in completions],
        [each.state for each in completions],
        [each.delay_s for each in completions],
        [each.counted for each in completions],
        [each.status for each in completions],
        [each.reason for each in completions],
        [each.started_at for each in completions],
        [each.duration_ms for each in completions],
        [each.address for each in completions],
        [each.attempt_class for each in completions],
        [each.answer for each in completions],
        [each.body_sha256 for each in completions],
        [each.dns_ms for each in completions],
        [each.connect_ms for each in completions],
        [each.ttfb_ms for each in completions],
        [each.reused for each in completions],
        [each.tls_version for each in completions],
        # Arrays of different lengths do not fit into one column; their texts do.
        ["{" + ",".join(map(str, each.secret_ids)) + "}" for each in completions],
        OWN_FAILURES_KEPT,
        [each.tls_ms for each in completions],
    )
    return {(row["event_id"], row["endpoint_id"], row["epoch"]): row["decision"] for row in rows}


async def lock_endpoints(connection: Connection, endpoint_ids: Sequence[int]) -> None:
    """Lock endpoints until the transaction ends; to be done before deliveries are locked."""
    await connection.execute(_SQL["lock_endpoints"], list(endpoint_ids))


async def affect_endpoints(
    connection: Connection,
    effects: Sequence[EndpointEffect],
    *,
    patience: int,
    failing_hours_max: int,
    quiet_s: float,
) -> list[EndpointNews]:
    """Count failures and successes, hold and switch off; return what there is to tell of it.

    Args:
        patience: failures in a row from which on each holds the endpoint for up to a minute.
        failing_hours_max: hours of nothing but failures after which it is switched off.
        quiet_s: in which it is told once that deliveries were given up.
    """
    rows = await connection.fetch(
        _SQL["affect_endpoints"],
        [each.endpoint_id for each in effects],
        [each.succeeded for each in effects],
        [each.failed for each in effects],
        [each.hold_s for each in effects],
        [each.disable for each in effects],
        patience,
        failing_hours_max,
        [each.exhausted for each in effects],
        quiet_s,
    )
    return [EndpointNews(*row) for row in rows]


async def close_unwanted(
    connection: Connection, endpoint_ids: Sequence[int], *, count_max: int
) -> int:
    """Park what is due to endpoints that are off, withdraw what is due to deleted ones."""
    return _changed(await connection.execute(_SQL["close_unwanted"], list(endpoint_ids), count_max))


async def release(connection: Connection, owner: UUID, keys: Collection[DeliveryKey]) -> int:
    """Give back claims that were never sent."""
    return _changed(await connection.execute(_SQL["release"], owner, *_columns(keys)))


async def release_forgotten(
    connection: Connection, owner: UUID, known: Collection[DeliveryKey]
) -> int:
    """Give back every claim of this owner but the known ones."""
    return _changed(await connection.execute(_SQL["release_forgotten"], owner, *_columns(known)))


async def reclaim(connection: Connection, owner: UUID, *, lease_s: float, count_max: int) -> int:
    """Take back claims of processes whose heartbeat is older than the lease, never our own."""
    return _changed(await connection.execute(_SQL["reclaim"], owner, lease_s, count_max))


async def oldest_due_age(connection: Connection, busy_ids: Collection[int] = ()) -> float:
    """Return for how many seconds the oldest delivery has been due, by no fault of its receiver.

    Args:
        busy_ids: endpoints that have as much in flight as they may; slow by their own doing.
    """
    age_s: float = await connection.fetchval(_SQL["oldest_due_age"], list(busy_ids))
    return age_s


async def read_backlog(connection: Connection) -> Backlog:
    """Return what waits; the counts of deliveries stop at 100,000."""
    [row] = await connection.fetch(_SQL["read_backlog"], BACKLOG_COUNT_MAX)
    return Backlog(*row)


def _columns(keys: Collection[DeliveryKey]) -> tuple[list[UUID], list[int]]:
    return [event_id for event_id, _ in keys], [endpoint_id for _, endpoint_id in keys]


def _changed(status: Any) -> int:
    return int(str(status).rpartition(" ")[2])
