"""Writes accepted work: the one statement that makes jobs, lookups, charges and events exist."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, repeat
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson

from service.errors import InsufficientCredits
from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("acceptance")
_SHORT_OF_CREDITS: Final = "LF001"
_SHORT_OF_LOOKUPS: Final = "LF002"


class LookupsMissing(Exception):  # noqa: N818 - says to look again, not that something broke
    """Some leads are not there, or another request opened their lookups; nothing was written."""


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
    """One request to write: its jobs, the leads of each of them, and what the jobs share.

    Attributes:
        lead_ids: those of its leads that are known by id.
        lead_public_ids: those that are named by public id, 24 hexadecimal digits each.
        skip_filled: leave out leads whose target already has a valid value.
        expected_count: refuse unless this many lookups are opened; None takes what there is.
    """

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
    jobs: Sequence[NewJob]
    lead_ids: Sequence[int]
    lead_public_ids: Sequence[str]
    skip_filled: bool
    expected_count: int | None

    @property
    def lead_count(self) -> int:
        """How many leads each of its jobs may have."""
        return len(self.lead_ids) + len(self.lead_public_ids)

    @property
    def lookup_count(self) -> int:
        """How many lookups may come of it."""
        return self.lead_count * len(self.jobs)


@dataclass(frozen=True, slots=True)
class WrittenJob:
    """What one job came to: the lookups really opened and what they cost."""

    id: UUID
    public_id: str
    lookup_count: int
    charge: int
    balance: int


async def write_requests(
    connection: Connection, requests: Sequence[NewRequest], *, lock_wait_ms: int | None = None
) -> list[list[WrittenJob]]:
    """Write all of it or nothing, in one statement, and return the jobs of each request.

    A request whose key was used before has no jobs; the others are written all the same.

    Args:
        lock_wait_ms: for how long to wait for a lock; None for as long as other statements do.

    Raises:
        InsufficientCredits: a balance does not cover what is asked of it.
        LookupsMissing: fewer lookups than a request expected could be opened.
    """
    try:
        rows = await connection.fetch(_SQL["accept"], *_columns(requests), lock_wait_ms)
    except asyncpg.PostgresError as error:
        if error.sqlstate == _SHORT_OF_CREDITS:
            raise InsufficientCredits(**orjson.loads(error.detail or "{}")) from None
        if error.sqlstate == _SHORT_OF_LOOKUPS:
            raise LookupsMissing from None
        raise
    written: dict[UUID, list[WrittenJob]] = {request.id: [] for request in requests}
    for row in rows:
        written[row["request_id"]].append(
            WrittenJob(
                row["job_id"], row["public_id"], row["lookup_count"], row["charge"], row["balance"]
            )
        )
    return list(written.values())


def _columns(requests: Sequence[NewRequest]) -> Iterator[list[Any] | str]:
    """Return requests, their jobs and their leads as the columns that `accept` takes."""
    yield [each.id for each in requests]
    yield [each.workspace_id for each in requests]
    yield [each.face for each in requests]
    yield [each.idempotency and each.idempotency.key for each in requests]
    yield [each.idempotency and each.idempotency.body_hash for each in requests]
    yield [each.facts for each in requests]
    yield [each.mode for each in requests]
    yield [each.priority for each in requests]
    yield [each.list_id for each in requests]
    yield [each.webhook_url for each in requests]
    yield [each.metadata for each in requests]
    yield [each.skip_filled for each in requests]
    yield [each.expected_count for each in requests]
    yield [each.lead_events for each in requests]
    jobs = [(place, job) for place, each in enumerate(requests, 1) for job in each.jobs]
    yield [place for place, _ in jobs]
    yield [job.id for _, job in jobs]
    yield [job.public_id for _, job in jobs]
    yield [job.type for _, job in jobs]
    yield [job.kind for _, job in jobs]
    yield [job.target for _, job in jobs]
    yield [job.price for _, job in jobs]
    yield [job.own_provider for _, job in jobs]
    yield [job.waterfall_version for _, job in jobs]
    yield _literal(
        text
        for place, each in enumerate(requests, 1)
        for text in repeat(str(place), each.lead_count)
    )
    yield _literal(
        lead_id
        for each in requests
        for lead_id in chain(map(str, each.lead_ids), repeat("null", len(each.lead_public_ids)))
    )
    yield _literal(
        public_id
        for each in requests
        for public_id in chain(repeat("null", len(each.lead_ids)), each.lead_public_ids)
    )


def _literal(elements: Iterable[str]) -> str:
    """Return an array of values that need no quotes, as text.

    asyncpg encodes a text at once; of an array it asks for each element what it is, which showed in
    a profile of requests of a hundred leads.
    """
    return f"{{{','.join(elements)}}}"


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
