"""Writes the outbox: events, and the deliveries of them that are due."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from yarl import URL

from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("events")


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to write.

    Attributes:
        payload: the frozen body; every attempt of every delivery sends these bytes.
        url: a job's own webhook URL, delivered to besides the subscribed endpoints.
        asked_at: when that job was accepted; what had switched the URL off before is forgiven.
    """

    id: UUID
    aggregatetype: str
    aggregateid: str
    type: str
    payload: bytes = field(repr=False)
    workspace_id: int
    url: str | None = field(default=None, repr=False)
    asked_at: datetime | None = None


async def insert_events(
    connection: Connection, events: Sequence[NewEvent], *, notifies: bool = True
) -> None:
    """Write the events with their deliveries; exactly once only inside the caller's own fence.

    Args:
        notifies: tell dispatchers when this commits. Commits that do wait for each other, so no
            request of the API does it: a dispatcher looks by itself once a second.
    """
    await _ready_hidden_endpoints(connection, events)
    await connection.execute(
        _SQL["insert_events"],
        [event.id for event in events],
        [event.aggregatetype for event in events],
        [event.aggregateid for event in events],
        [event.type for event in events],
        [event.payload for event in events],
        [event.workspace_id for event in events],
        [event.url for event in events],
        notifies,
    )


async def ensure_hidden_endpoint(connection: Connection, workspace_id: int, url: str) -> None:
    """Make the endpoint that events addressed to a URL go to, unless it is there.

    For a transaction that locks the balance before it writes events: one that settles takes them in
    the other order, and each could wait for the other.
    """
    await _ensure_hidden(connection, [(workspace_id, url)])


async def _ready_hidden_endpoints(connection: Connection, events: Sequence[NewEvent]) -> None:
    asked: dict[tuple[int, str], datetime | None] = {}
    for event in events:
        if event.url:
            place = (event.workspace_id, event.url)
            moments = [each for each in (asked.get(place), event.asked_at) if each is not None]
            asked[place] = max(moments, default=None)
    if not asked:
        return
    places = sorted(asked)
    workspace_ids, texts = [each for each, _ in places], [each for _, each in places]
    await _ensure_hidden(connection, places)
    await connection.execute(
        _SQL["revive_hidden_endpoints"], workspace_ids, texts, [asked[place] for place in places]
    )


async def _ensure_hidden(connection: Connection, places: Sequence[tuple[int, str]]) -> None:
    urls = [URL(url) for _, url in places]
    await connection.execute(
        _SQL["ensure_hidden_endpoints"],
        [workspace_id for workspace_id, _ in places],
        [url for _, url in places],
        [(url.host or "").lower() for url in urls],
        [url.port or 0 for url in urls],
    )
