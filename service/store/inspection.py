"""Reads how far a workspace's work is and what it came to, for `leadfall demo`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("inspection")


@dataclass(frozen=True, slots=True)
class Progress:
    """How many lookups and deliveries there are, and how many are not done."""

    lookup_count: int
    open_count: int
    delivery_count: int
    finished_delivery_count: int

    @property
    def done(self) -> bool:
        """Whether nothing is left to run or to send."""
        return self.open_count == 0 and self.delivery_count == self.finished_delivery_count


@dataclass(frozen=True, slots=True)
class DeliveryState:
    """One event for one endpoint, and how its delivery stands."""

    event_id: UUID
    event_created_at: datetime
    state: str
    attempt_count: int


@dataclass(frozen=True, slots=True)
class Spending:
    """What one provider was asked and took, by our own record.

    Attributes:
        price_thousandths: of its own credits; at most this, as it is reckoned by declared prices.
    """

    call_count: int
    price_thousandths: int


async def read_progress(connection: Connection, workspace_id: int) -> Progress:
    """Return how far all jobs of a workspace and their webhooks are."""
    rows = await connection.fetch(_SQL["read_progress"], workspace_id)
    return Progress(*rows[0])


async def read_deliveries(connection: Connection, workspace_id: int) -> list[DeliveryState]:
    """Return every delivery of a workspace, oldest event first."""
    rows = await connection.fetch(_SQL["read_deliveries"], workspace_id)
    return [DeliveryState(*row) for row in rows]


async def read_spending(connection: Connection, workspace_id: int) -> dict[str, Spending]:
    """Return by provider what was asked of it for a workspace and what it took."""
    rows = await connection.fetch(_SQL["read_spending"], workspace_id)
    return {row["provider"]: Spending(row["call_count"], row["price_thousandths"]) for row in rows}


@dataclass(frozen=True, slots=True)
class Strangers:
    """What else goes on in a database.

    Attributes:
        process_count: processes that are alive.
        open_count: open lookups of workspaces that are not named.
    """

    process_count: int
    open_count: int


async def read_strangers(
    connection: Connection, silent_max: timedelta, known_names: Sequence[str]
) -> Strangers:
    """Return what a process that begins now would meet, beside the workspaces of these names."""
    rows = await connection.fetch(_SQL["read_strangers"], silent_max, list(known_names))
    return Strangers(*rows[0])


async def read_clock(connection: Connection) -> datetime:
    """Return the database's time."""
    now: datetime = await connection.fetchval(_SQL["read_clock"])
    return now
