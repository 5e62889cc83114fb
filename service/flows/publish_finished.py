"""Writes the terminal events of jobs whose last lookup has settled, inside that transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid5

import orjson

from service.domain.face_answers import finished_data, iso
from service.domain.job import Job, LookupResult
from service.store.connection import Connection
from service.store.events import NewEvent, insert_events
from service.store.jobs import read_jobs, read_results_of_jobs
from service.store.ledger import read_balances

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


def event_body(event_type: str, timestamp: str | None, data: Mapping[str, Any]) -> bytes:
    """Return the frozen body of an event: the envelope every webhook has."""
    return orjson.dumps({"type": event_type, "timestamp": timestamp, "data": data})


async def publish_finished(
    connection: Connection,
    job_ids: Sequence[UUID],
    publication: Publication,
    coming_refunds: Mapping[int, int] | None = None,
) -> None:
    """Write one terminal event per job, and one `credits.refunded` where credits came back.

    Exactly once because the caller's transaction is the one that lowered `open_count` to 0; the
    event ids follow from job and type, so that a repeat would collide and not double.

    Args:
        coming_refunds: credits per workspace that this transaction enters after this call.
    """
    if not job_ids:
        return
    jobs = await read_jobs(connection, job_ids)
    small = [job.id for job in jobs if job.lookup_count <= publication.inline_results_max]
    results = await read_results_of_jobs(connection, small) if small else {}
    balances = await read_balances(connection, {job.workspace_id for job in jobs})
    events: list[NewEvent] = []
    for job in jobs:
        balance = balances[job.workspace_id] + (coming_refunds or {}).get(job.workspace_id, 0)
        events.append(_terminal_event(job, results.get(job.id), balance, publication))
        if job.refunded:
            events.append(_refund_event(job, balance))
    await insert_events(connection, events)


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
