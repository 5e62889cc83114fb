"""Accepts a request: the jobs, lookups, charge and events of it exist together or not at all."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

import asyncpg
import structlog

from service.domain.identifiers import new_id, new_job_public_id
from service.domain.kinds import Face, JobType
from service.errors import KeyInProgress, KeyReused, TooBusy
from service.flows.publish_finished import (
    FinishedJob,
    Publication,
    log_finished,
    publish_finished,
)
from service.flows.share_commits import SharedCommits
from service.store.acceptance import (
    Idempotency,
    LookupsMissing,
    NewJob,
    NewRequest,
    WrittenJob,
    find_idempotency_key,
    keep_facts,
    write_requests,
)
from service.store.connection import Connection
from service.store.events import ensure_hidden_endpoint
from service.store.jobs import read_jobs_of_request, read_skipped
from service.store.ledger import read_balance
from service.store.transient import despite_deadlocks

_log = structlog.get_logger()

SYNC_PRIORITY: Final = 0
ASYNC_PRIORITY: Final = 1


@dataclass(frozen=True, slots=True)
class JobOrder:
    """One job that is asked for.

    Attributes:
        price: credits per lead.
        own_provider: run only this provider, with the workspace's own key.
    """

    job_type: JobType
    price: int
    waterfall_version: str
    own_provider: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """A request to accept.

    Attributes:
        facts: what the answer needs to know of the request and the jobs do not tell; kept with
            the Idempotency-Key so that a replay answers the same.
        skip_filled: leave out leads whose target already has a valid value.
        lead_events: tell of each lead as it settles, besides the event at the end.
    """

    workspace_id: int
    face: Face
    mode: str
    jobs: tuple[JobOrder, ...]
    skip_filled: bool
    list_id: int | None = None
    webhook_url: str | None = None
    metadata: Mapping[str, str] | None = None
    lead_events: bool = False
    idempotency: Idempotency | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Selection:
    """The leads to enrich.

    Attributes:
        lookup_count: lookups that should come of it, over all jobs.
        lead_public_ids: further leads, named by public id and not looked up yet.
        facts: joined with the order's own facts.
    """

    lead_ids: Sequence[int]
    lookup_count: int
    lead_public_ids: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


Select = Callable[[Connection], Awaitable[Selection]]
"""Reads the selection, just before the accept."""

Presume = Callable[[], Selection]
"""Makes the selection of what the request says, without a look whether its leads are there."""


@dataclass(frozen=True, slots=True)
class AcceptedJob:
    """One job as its acceptance answers it; `refunded` is what came back so far."""

    id: UUID
    public_id: str
    type: str
    lookup_count: int
    charged: int
    refunded: int = 0
    status: str = "pending"


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a request came to.

    Attributes:
        balance: the workspace's credits now.
        replayed: the Idempotency-Key had been used before with this body; nothing was charged.
    """

    jobs: tuple[AcceptedJob, ...]
    balance: int
    facts: Mapping[str, Any]
    replayed: bool = False

    @property
    def charged(self) -> int:
        """Credits charged for the whole request when it was accepted."""
        return sum(job.charged for job in self.jobs)

    @property
    def refunded(self) -> int:
        """Credits given back so far."""
        return sum(job.refunded for job in self.jobs)

    @property
    def lookup_count(self) -> int:
        """Lookups opened, over all jobs."""
        return sum(job.lookup_count for job in self.jobs)


async def accept_jobs(
    commits: SharedCommits,
    order: Order,
    select: Select,
    publication: Publication,
    *,
    presume: Presume | None = None,
) -> Accepted:
    """Accept the order and log its jobs; the caller rings the doorbell afterwards.

    One statement does the work itself. Where leads are missing, or another request opens some of
    the selected lookups first, the selection is read (once more) and what is then there is taken,
    priced as inserted.

    Args:
        presume: makes the first selection, in place of `select`.

    Raises:
        InsufficientCredits: nothing was written.
        KeyReused: the Idempotency-Key came with another body before.
        KeyInProgress: the first request of that key is still being accepted.
        TooBusy: a lock was not free in time; nothing was written.
    """
    try:
        if presume is not None and order.idempotency is None:
            selection = presume()
        else:
            # Not held while the write waits for its turn: others select meanwhile.
            async with commits.pool.acquire() as connection:
                replay = await _find_replay(connection, order)
                if replay is not None:
                    return replay
                selection = presume() if presume is not None else await select(connection)
        accepted, ended = await _write(commits, order, selection, select, publication)
        if accepted is None:
            async with commits.pool.acquire() as connection:
                accepted = await _find_replay(connection, order)
    except asyncpg.LockNotAvailableError:
        raise (KeyInProgress if order.idempotency else TooBusy) from None
    if accepted is None:
        raise KeyInProgress
    if not accepted.replayed:
        _log_accepted(order, accepted)
        log_finished(ended)
    return accepted


def _log_accepted(order: Order, accepted: Accepted) -> None:
    for job in accepted.jobs:
        _log.info(
            "job.accepted",
            job_id=job.public_id,
            type=job.type,
            mode=order.mode,
            lookups=job.lookup_count,
            charged=job.charged,
        )


async def _find_replay(connection: Connection, order: Order) -> Accepted | None:
    if order.idempotency is None:
        return None
    kept = await find_idempotency_key(
        connection, order.workspace_id, order.face, order.idempotency.key
    )
    if kept is None:
        return None
    body_hash, request_id, facts = kept
    if body_hash != order.idempotency.body_hash:
        raise KeyReused
    types = [job.job_type.shown_as for job in order.jobs]
    jobs = await read_jobs_of_request(connection, request_id, types)
    return Accepted(
        tuple(
            AcceptedJob(
                job.id,
                job.public_id,
                job.type,
                job.lookup_count,
                job.charged,
                job.refunded,
                job.status,
            )
            for job in jobs
        ),
        await read_balance(connection, order.workspace_id),
        facts,
        replayed=True,
    )


async def _write(
    commits: SharedCommits,
    order: Order,
    selection: Selection,
    select: Select,
    publication: Publication,
) -> tuple[Accepted | None, list[FinishedJob]]:
    try:
        if selection.lookup_count:
            request = _new_request(order, selection, expected_count=selection.lookup_count)
            return _accepted(request, await commits.write(request)), []
    except LookupsMissing:
        pass

    async def write_what_is_left() -> tuple[Accepted | None, list[FinishedJob]]:
        async with commits.pool.acquire() as connection:
            return await _write_what_is_left(connection, order, select, publication)

    return await despite_deadlocks(write_what_is_left)


def _new_request(order: Order, selection: Selection, *, expected_count: int | None) -> NewRequest:
    jobs = [
        NewJob(
            id=new_id(),
            public_id=new_job_public_id(job.job_type),
            type=job.job_type.shown_as,
            kind=job.job_type.kind,
            target=job.job_type.kind.target,
            price=job.price,
            own_provider=job.own_provider,
            waterfall_version=job.waterfall_version,
        )
        for job in order.jobs
    ]
    return NewRequest(
        id=new_id(),
        workspace_id=order.workspace_id,
        face=order.face,
        mode=order.mode,
        priority=SYNC_PRIORITY if order.mode == "sync" else ASYNC_PRIORITY,
        list_id=order.list_id,
        webhook_url=order.webhook_url,
        metadata=order.metadata,
        lead_events=order.lead_events,
        idempotency=order.idempotency,
        facts={**order.facts, **selection.facts},
        jobs=jobs,
        lead_ids=selection.lead_ids,
        lead_public_ids=selection.lead_public_ids,
        skip_filled=order.skip_filled,
        expected_count=expected_count,
    )


def _accepted(request: NewRequest, written: Sequence[WrittenJob]) -> Accepted | None:
    """Return what a request came to; None where its key was used before."""
    if not written:
        return None
    jobs = tuple(
        AcceptedJob(
            one.id,
            one.public_id,
            job.type,
            one.lookup_count,
            one.charge,
            # A job without lookups has ended in the transaction that writes it.
            status="pending" if one.lookup_count else "completed",
        )
        for one, job in zip(written, request.jobs, strict=True)
    )
    return Accepted(jobs, written[0].balance, request.facts)


async def _write_what_is_left(
    connection: Connection, order: Order, select: Select, publication: Publication
) -> tuple[Accepted | None, list[FinishedJob]]:
    """Select once more and take whatever can be opened now, in one transaction.

    Only here can a job come out empty, so only here is a terminal event written at accept.
    """
    async with connection.transaction():
        selection = await select(connection)
        if order.webhook_url:
            await ensure_hidden_endpoint(connection, order.workspace_id, order.webhook_url)
        request = _new_request(order, selection, expected_count=None)
        (written,) = await write_requests(connection, [request])
        accepted = _accepted(request, written)
        if accepted is None:
            return None, []
        job_ids = [job.id for job in accepted.jobs]
        if not order.skip_filled:
            skipped = await read_skipped(connection, job_ids, selection.lead_ids)
            accepted = replace(accepted, facts={**accepted.facts, "skipped_lead_ids": skipped})
            if order.idempotency:
                await keep_facts(
                    connection,
                    order.workspace_id,
                    order.face,
                    order.idempotency.key,
                    accepted.facts,
                )
        empty = [job.id for job in accepted.jobs if job.lookup_count == 0]
        return accepted, await publish_finished(connection, empty, publication, notifies=False)
