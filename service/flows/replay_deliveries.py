"""Sends again what was not delivered: one delivery at once, many as a job that survives restarts.

A replay is a lane of its own behind everything else: it makes a few deliveries due at a time, and
none while anything that became due by itself still waits at the endpoint.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from service.errors import DeliveryUnderWay, EndpointOff, NotFound, ReplayRunning
from service.flows.manage_endpoints import require_endpoint
from service.store.connection import Connection, Pool
from service.store.delivery_history import KeptDelivery, read_delivery
from service.store.endpoints import Endpoint, enable_endpoint, is_on, read_now
from service.store.replays import (
    Replay,
    ReplayScope,
    announce,
    cancel_replay,
    count_replayable,
    feed_replay,
    insert_replay,
    read_replay,
    replay_one,
    take_replays,
    touch_replay,
)

FAILED: Final = ("exhausted", "aborted", "parked", "expired")
PARKED: Final = ("parked",)
EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
REPLAYS_AT_ONCE: Final = 50
DUE_AT_ONCE: Final = 32
"""Deliveries that a replay lets wait at an endpoint: so many may be before a new event."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A replay that was asked for: how much it takes, and its id unless that was all asked."""

    matched_count: int
    public_id: str | None


async def replay_delivery(
    pool: Pool, workspace_id: int, event_id: UUID, endpoint_public_id: str
) -> KeptDelivery:
    """Make one delivery due now with a fresh schedule, whatever became of it before.

    Raises:
        NotFound: the workspace has no such delivery.
        EndpointOff: its endpoint is off.
        DeliveryUnderWay: it is being sent, or was withdrawn.
    """
    async with pool.acquire() as connection, connection.transaction():
        found = await require_delivery(connection, workspace_id, event_id, endpoint_public_id)
        if not await is_on(connection, found.endpoint_id):
            raise EndpointOff
        if not await replay_one(connection, event_id, found.endpoint_id):
            raise DeliveryUnderWay
        await announce(connection)
        return await require_delivery(connection, workspace_id, event_id, endpoint_public_id)


async def start_replay(
    pool: Pool,
    workspace_id: int,
    endpoint_public_id: str,
    *,
    since: datetime,
    dry_run: bool = False,
) -> Asked:
    """Begin to replay what failed at an endpoint since a time, or only count it.

    Raises:
        NotFound: the workspace has no such endpoint.
        EndpointOff: it is off.
        ReplayRunning: it has a replay that is not finished.
    """
    async with pool.acquire() as connection, connection.transaction():
        endpoint = await require_endpoint(connection, workspace_id, endpoint_public_id)
        if not endpoint.enabled and not dry_run:
            raise EndpointOff
        return await begin_replay(connection, endpoint, since, FAILED, dry_run=dry_run)


async def enable_with_parked(pool: Pool, workspace_id: int, endpoint_public_id: str) -> Asked:
    """Switch an endpoint on and begin to send what waits parked at it: both, or neither.

    Raises:
        NotFound: the workspace has no such endpoint.
        ReplayRunning: it has a replay that is not finished.
    """
    async with pool.acquire() as connection, connection.transaction():
        endpoint = await require_endpoint(connection, workspace_id, endpoint_public_id)
        await enable_endpoint(connection, endpoint.id)
        return await begin_replay(connection, endpoint, EVER, PARKED)


async def begin_replay(
    connection: Connection,
    endpoint: Endpoint,
    since: datetime,
    states: tuple[str, ...],
    *,
    dry_run: bool = False,
) -> Asked:
    """Write a replay inside the caller's transaction.

    Raises:
        ReplayRunning: the endpoint has a replay that is not finished.
    """
    scope = ReplayScope(endpoint.id, since, await read_now(connection), states)
    matched_count = await count_replayable(connection, scope)
    if dry_run:
        return Asked(matched_count, None)
    public_id = await insert_replay(connection, endpoint.workspace_id, scope, matched_count)
    if public_id is None:
        raise ReplayRunning
    await announce(connection)
    return Asked(matched_count, public_id)


async def show_replay(
    pool: Pool, workspace_id: int, public_id: str, *, cancel: bool = False
) -> Replay:
    """Return how far a replay has come, after cancelling it if asked to.

    Raises:
        NotFound: the workspace has no such replay.
    """
    async with pool.acquire() as connection:
        if cancel:
            await cancel_replay(connection, workspace_id, public_id)
        found = await read_replay(connection, workspace_id, public_id)
    if found is None:
        raise NotFound(
            "There is no replay with this id in this workspace; its beginning answered with its id"
        )
    return found


async def feed_replays(pool: Pool) -> int:
    """Make the next deliveries of running replays due and return how many.

    Any number of processes may call this: each replay is fed by one of them at a time.
    """
    async with pool.acquire() as connection, connection.transaction():
        taken = await take_replays(connection, count_max=REPLAYS_AT_ONCE, due_max=DUE_AT_ONCE)
        fed = 0
        for each in taken:
            if each.room and not each.deleted:
                fed += await feed_replay(connection, each.id, each.room)
            else:
                await touch_replay(connection, each.id, deleted=each.deleted)
    return fed


async def require_delivery(
    connection: Connection, workspace_id: int, event_id: UUID, endpoint_public_id: str
) -> KeptDelivery:
    """Return a delivery.

    Raises:
        NotFound: the workspace has no such delivery.
    """
    found = await read_delivery(connection, workspace_id, event_id, endpoint_public_id)
    if found is None:
        raise NotFound(
            "There is no delivery with this id in this workspace; "
            "the webhook's deliveries list theirs"
        )
    return found
