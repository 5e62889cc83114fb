"""Writes the outbox: events, and the deliveries of them that are due."""

from collections.abc import Sequence
from dataclasses import dataclass, field
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
    """

    id: UUID
    aggregatetype: str
    aggregateid: str
    type: str
    payload: bytes = field(repr=False)
    workspace_id: int
    url: str | None = field(default=None, repr=False)


async def insert_events(connection: Connection, events: Sequence[NewEvent]) -> None:
    """Write the events with their deliveries; exactly once only inside the caller's own fence."""
    addressed = sorted({(event.workspace_id, event.url) for event in events if event.url})
    if addressed:
        urls = [URL(url) for _, url in addressed]
        await connection.execute(
            _SQL["ensure_hidden_endpoints"],
            [workspace_id for workspace_id, _ in addressed],
            [url for _, url in addressed],
            [(url.host or "").lower() for url in urls],
            [url.port or 0 for url in urls],
        )
    await connection.execute(
        _SQL["insert_events"],
        [event.id for event in events],
        [event.aggregatetype for event in events],
        [event.aggregateid for event in events],
        [event.type for event in events],
        [event.payload for event in events],
        [event.workspace_id for event in events],
        [event.url for event in events],
    )
