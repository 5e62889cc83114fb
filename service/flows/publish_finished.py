"""Writes the terminal events of jobs whose last lookup has settled, inside that transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid5

import orjson
import structlog

from service.domain.face_answers import finished_data, iso
from service.domain.job import Job, LookupResult
from service.store.connection import Connection
from service.store.events import NewEvent, insert_events
from service.store.jobs import read_jobs, read_results_of_jobs
from service.store.ledger import read_balances

_log = structlog.get_logger()

_EVENT_IDS: Final = UUID("0f3f5d0e-5f0b-4c55-9a53-1ead0fa11000")


@dataclass(frozen=True, slots=True)
class Publication:
    """How finished jobs are told.

    Attributes:
        inline_results_max: jobs of more lookups carry a URL instead of their results.
        public_url: what that URL begins with; empty gives a path only.
    """

    inline_results_max: int = 1_000
    public_url: str = ""


@dataclass(frozen=True, slots=True)
class FinishedJob:
    """A job whose terminal event was written, for the log.

    Attributes:
        event_id: the terminal event's; the attempts to deliver it are logged with it.
    """

    job: Job
    event_id: UUID


def log_finished(finished: Sequence[FinishedJob]) -> None:
    """Tell of each finished job once; call it when the transaction has committed."""
    for each in finished:
        job = each.job
        _log.info(
            "job.finished",
            job_id=job.public_id,
            status=job.status,
            lookups=job.lookup_count,
            found=job.found_count,
            missing=job.missing_count,
            charged=job.charged,
            refunded=job.refunded,
            event_id=str(each.event_id),
        )


def event_body(event_type: str, timestamp: str | None, data: Mapping[str, Any]) -> bytes:
    """Return the frozen body of an event: the envelope every webhook has."""
    return orjson.dumps({"type": event_type, "timestamp": timestamp, "data": data})


async def publish_finished(
    connection: Connection,
    job_ids: Sequence[UUID],
    publication: Publication,
    coming_refunds: Mapping[int, int] | None = None,
    *,
    notifies: bool = True,
) -> list[FinishedJob]:
    """Write one terminal event per job, and one `credits.refunded` where credits came back.

    Returns what `log_finished` tells after the commit.

    Exactly once because the caller's transaction is the one that lowered `open_count` to 0; the
    event ids follow from job and type, so that a repeat would collide and not double.

    Args:
        coming_refunds: credits per workspace that this transaction enters after this call.
        notifies: tell dispatchers; not from a request of the API.
    """
    if not job_ids:
        return []
    jobs = await read_jobs(connection, job_ids)
    small = [job.id for job in jobs if job.lookup_count <= publication.inline_results_max]
    results = await read_results_of_jobs(connection, small) if small else {}
    balances = await read_balances(connection, {job.workspace_id for job in jobs})
    events: list[NewEvent] = []
    finished: list[FinishedJob] = []
    for job in jobs:
        balance = balances[job.workspace_id] + (coming_refunds or {}).get(job.workspace_id, 0)
        terminal = _terminal_event(job, results.get(job.id), balance, publication)
        events.append(terminal)
        finished.append(FinishedJob(job, terminal.id))
        if job.refunded:
            events.append(_refund_event(job, balance))
    await insert_events(connection, events, notifies=notifies)
    return finished


def _terminal_event(
    job: Job, results: list[LookupResult] | None, balance: int, publication: Publication
) -> NewEvent:
    event_type = f"enrichment.{job.status}"
    data = finished_data(job, results, balance=balance, public_url=publication.public_url)
    return NewEvent(
        id=uuid5(_EVENT_IDS, f"{job.id}:finished"),
        aggregatetype="job",
        aggregateid=job.public_id,
        type=event_type,
        payload=event_body(event_type, iso(job.finished_at), data),
        workspace_id=job.workspace_id,
        url=job.webhook_url,
        asked_at=job.created_at,
    )


def _refund_event(job: Job, balance: int) -> NewEvent:
    data = {
        "job_id": job.public_id,
        "enrichment_type": job.type,
        "credits_refunded": job.refunded,
        "credits_deducted": job.charged,
        "remaining_credits": balance,
    }
    return NewEvent(
        id=uuid5(_EVENT_IDS, f"{job.id}:credits.refunded"),
        aggregatetype="job",
        aggregateid=job.public_id,
        type="credits.refunded",
        payload=event_body("credits.refunded", iso(job.finished_at), data),
        workspace_id=job.workspace_id,
    )
