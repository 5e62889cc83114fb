"""Keeps replays and makes what they name due again; how fast is decided by who calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("replays")


@dataclass(frozen=True, slots=True)
class ReplayScope:
    """What is to be replayed: deliveries made in [since, until) that are in one of the states."""

    endpoint_id: int
    since: datetime
    until: datetime
    states: Sequence[str]


@dataclass(frozen=True, slots=True)
class Replay:
    """How far a replay has come.

    Attributes:
        state: `finished` once all of it is due again or was sent.
        matched_count: deliveries that matched when it was asked for.
        replayed_count: those it has made due.
        delivered_count, failed_count, open_count: what became of them.
    """

    public_id: str
    endpoint_public_id: str
    endpoint_enabled: bool
    since: datetime
    until: datetime
    states: list[str]
    state: str
    matched_count: int
    replayed_count: int
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    delivered_count: int
    failed_count: int
    open_count: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A running replay, locked, and how many deliveries it may make due now."""

    id: int
    endpoint_id: int
    deleted: bool
    room: int


async def count_replayable(connection: Connection, scope: ReplayScope) -> int:
    """Return how many deliveries a replay would take."""
    found: int = await connection.fetchval(
        _SQL["count_replayable"],
        scope.endpoint_id,
        scope.since,
        scope.until,
        list(scope.states),
    )
    return found


async def insert_replay(
    connection: Connection, workspace_id: int, scope: ReplayScope, matched_count: int
) -> str | None:
    """Write a replay and return its public id; None when the endpoint has one running."""
    public_id: str | None = await connection.fetchval(
        _SQL["insert_replay"],
        workspace_id,
        scope.endpoint_id,
        scope.since,
        scope.until,
        list(scope.states),
        matched_count,
    )
    return public_id


async def read_replay(connection: Connection, workspace_id: int, public_id: str) -> Replay | None:
    """Return a replay with what its deliveries are now, or None."""
    row = await connection.fetchrow(_SQL["read_replay"], workspace_id, public_id)
    return None if row is None else Replay(*row)


async def cancel_replay(connection: Connection, workspace_id: int, public_id: str) -> None:
    """Let a running replay make nothing more due; what is due already is sent."""
    await connection.execute(_SQL["cancel_replay"], workspace_id, public_id)


async def resume_replay(connection: Connection, endpoint_id: int) -> None:
    """Make due again what the endpoint's running replay had made due before it was parked."""
    await connection.execute(_SQL["resume_replay"], endpoint_id)


async def replay_one(connection: Connection, event_id: UUID, endpoint_id: int) -> bool:
    """Make one delivery due with a fresh schedule; False while it is on its way or withdrawn."""
    status: str = await connection.execute(_SQL["replay_one"], event_id, endpoint_id)
    return status.endswith(" 1")


async def announce(connection: Connection) -> None:
    """Wake the dispatchers when the transaction commits."""
    await connection.execute(_SQL["announce"])


async def take_replays(connection: Connection, *, count_max: int, due_max: int) -> list[Taken]:
    """Lock running replays that nobody else feeds until the transaction ends."""
    rows = await connection.fetch(_SQL["take_replays"], count_max, due_max)
    return [Taken(*row) for row in rows]


async def feed_replay(connection: Connection, replay_id: int, room: int) -> int:
    """Make the next deliveries of a replay due; it is finished when there are fewer than `room`."""
    size: int = await connection.fetchval(_SQL["feed_replay"], replay_id, room)
    return size


async def touch_replay(connection: Connection, replay_id: int, *, deleted: bool) -> None:
    """Send a replay to the end of the line, or end it when its endpoint is gone."""
    await connection.execute(_SQL["touch_replay"], replay_id, deleted)
