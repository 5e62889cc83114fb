"""Writes accepted work: the one statement that makes jobs, lookups, charge and events exist."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson

from service.errors import InsufficientCredits
from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("acceptance")
_SHORT_OF_CREDITS: Final = "LF001"
_SHORT_OF_LEADS: Final = "LF002"


class LeadsTaken(Exception):  # noqa: N818 - an event between two requests, not a fault
    """Another request opened some of these lookups first; nothing was written."""


@dataclass(frozen=True, slots=True)
class Idempotency:
    """An Idempotency-Key and the hash of the body it came with."""

    key: str
    body_hash: bytes


@dataclass(frozen=True, slots=True)
class NewJob:
    """One job to write."""

    id: UUID
    public_id: str
    type: str
    kind: str
    target: str
    price: int
    own_provider: str | None
    waterfall_version: str


@dataclass(frozen=True, slots=True)
class NewRequest:
    """What the jobs of one request have in common."""

    id: UUID
    workspace_id: int
    face: str
    mode: str
    priority: int
    list_id: int | None
    webhook_url: str | None
    metadata: Mapping[str, str] | None
    lead_events: bool
    idempotency: Idempotency | None
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WrittenJob:
    """What one job came to: the lookups really opened and what they cost."""

    id: UUID
    public_id: str
    lookup_count: int
    charge: int
    balance: int


async def write_jobs(
    connection: Connection,
    request: NewRequest,
    jobs: Sequence[NewJob],
    lead_ids: Sequence[int],
    *,
    skip_filled: bool,
    expected_count: int | None,
) -> list[WrittenJob]:
    """Write everything or nothing, in one statement; return [] when the key was used before.

    Args:
        skip_filled: leave out leads whose target already has a valid value.
        expected_count: refuse unless this many lookups were opened; None takes what there is.

    Raises:
        InsufficientCredits: the balance does not cover it.
        LeadsTaken: fewer lookups than expected could be opened.
    """
    try:
        rows = await connection.fetch(
            _SQL["accept"],
            request.workspace_id,
            request.id,
            request.face,
            request.idempotency.key if request.idempotency else None,
            request.idempotency.body_hash if request.idempotency else None,
            request.facts,
            [job.id for job in jobs],
            [job.public_id for job in jobs],
            [job.type for job in jobs],
            [job.kind for job in jobs],
            [job.target for job in jobs],
            [job.price for job in jobs],
            [job.own_provider for job in jobs],
            [job.waterfall_version for job in jobs],
            request.mode,
            request.priority,
            request.list_id,
            request.webhook_url,
            request.metadata,
            lead_ids,
            skip_filled,
            expected_count,
            request.lead_events,
        )
    except asyncpg.PostgresError as error:
        if error.sqlstate == _SHORT_OF_CREDITS:
            raise InsufficientCredits(**orjson.loads(error.detail or "{}")) from None
        if error.sqlstate == _SHORT_OF_LEADS:
            raise LeadsTaken from None
        raise
    return [
        WrittenJob(
            row["job_id"], row["public_id"], row["lookup_count"], row["charge"], row["balance"]
        )
        for row in rows
    ]


async def find_idempotency_key(
    connection: Connection, workspace_id: int, face: str, key: str
) -> tuple[bytes, UUID, dict[str, Any]] | None:
    """Return body hash, request id and facts kept under a key, or None."""
    row = await connection.fetchrow(_SQL["find_idempotency_key"], workspace_id, face, key)
    return None if row is None else (row["body_hash"], row["request_id"], row["facts"])


async def keep_facts(
    connection: Connection, workspace_id: int, face: str, key: str, facts: Mapping[str, Any]
) -> None:
    """Replace the facts kept under a key that this transaction has just written."""
    await connection.execute(_SQL["keep_facts"], workspace_id, face, key, facts)


async def expire_idempotency_keys(connection: Connection, age: timedelta) -> None:
    """Forget keys older than `age`; a request with one of them is a new request then."""
    await connection.execute(_SQL["expire_idempotency_keys"], age)
