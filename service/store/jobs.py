"""Reads jobs and the results of their lookups."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from service.domain.job import Job, LookupResult
from service.domain.outcome import OutcomeName
from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("jobs")
_COUNT: Final = f"select count(*) from ({_SQL['list'].rstrip(';')}) as counted"


class ToldResult(NamedTuple):
    """A settled lookup of a job that tells of each of its leads."""

    job: Job
    result: LookupResult
    settled_at: datetime


async def read_jobs_of_request(
    connection: Connection, request_id: UUID, types: Sequence[str] = ()
) -> list[Job]:
    """Return the jobs accepted by one request, in the order of `types`."""
    rows = await connection.fetch(_SQL["read_jobs_of_request"], request_id, list(types))
    return [Job.read(row) for row in rows]


async def read_job(
    connection: Connection, workspace_id: int, face: str, public_id: str
) -> Job | None:
    """Return the job of this workspace and face, or None."""
    row = await connection.fetchrow(_SQL["read_job"], workspace_id, face, public_id)
    return None if row is None else Job.read(row)


async def read_jobs(connection: Connection, job_ids: Sequence[UUID]) -> list[Job]:
    """Return the jobs with these ids, in no order."""
    return [Job.read(row) for row in await connection.fetch(_SQL["read_jobs"], list(job_ids))]


async def list_jobs(
    connection: Connection,
    workspace_id: int,
    face: str,
    *,
    before: UUID | None = None,
    status: str | None = None,
    job_type: str | None = None,
    limit: int,
) -> list[Job]:
    """Return up to `limit` jobs, newest first, beginning with those older than job `before`."""
    rows = await connection.fetch(_SQL["list"], workspace_id, face, before, limit, status, job_type)
    return [Job.read(row) for row in rows]


async def count_jobs(
    connection: Connection,
    workspace_id: int,
    face: str,
    *,
    status: str | None = None,
    job_type: str | None = None,
    count_max: int,
) -> int:
    """Return how many jobs `list_jobs` would go through; counting stops at `count_max`."""
    count: int = await connection.fetchval(
        _COUNT, workspace_id, face, None, count_max, status, job_type
    )
    return count


async def read_results(
    connection: Connection,
    job_id: UUID,
    *,
    after: int = 0,
    limit: int,
    outcome: OutcomeName | None = None,
) -> list[LookupResult]:
    """Return up to `limit` lookups of a job in order, beginning after lookup id `after`."""
    rows = await connection.fetch(_SQL["read_results"], job_id, after, limit, outcome)
    return [LookupResult.read(row) for row in rows]


async def count_erased(connection: Connection, job_id: UUID, outcome: OutcomeName | None) -> int:
    """Return how many lookups of a job, of all or of one outcome, are not shown any more."""
    count: int = await connection.fetchval(_SQL["count_erased"], job_id, outcome)
    return count


async def read_result_of_lead(
    connection: Connection, job_id: UUID, lead_public_id: str
) -> LookupResult | None:
    """Return the lookup of a job that is about one lead, or None."""
    row = await connection.fetchrow(_SQL["read_result_of_lead"], job_id, lead_public_id)
    return None if row is None else LookupResult.read(row)


async def read_results_of_jobs(
    connection: Connection, job_ids: Sequence[UUID]
) -> dict[UUID, list[LookupResult]]:
    """Return every result of several jobs, each job's in order; meant for small jobs."""
    found: dict[UUID, list[LookupResult]] = {job_id: [] for job_id in job_ids}
    for row in await connection.fetch(_SQL["read_results_of_jobs"], list(job_ids)):
        found[row["job_id"]].append(LookupResult.read(row))
    return found


async def read_told_results(connection: Connection, lookup_ids: Sequence[int]) -> list[ToldResult]:
    """Return these lookups with their jobs, in order."""
    rows = await connection.fetch(_SQL["read_told_results"], list(lookup_ids))
    jobs = {job.id: job for job in await read_jobs(connection, [row["job_id"] for row in rows])}
    return [
        ToldResult(jobs[row["job_id"]], LookupResult.read(row), row["settled_at"]) for row in rows
    ]


async def read_skipped(
    connection: Connection, job_ids: Sequence[UUID], lead_ids: Sequence[int]
) -> list[str]:
    """Return the public ids of the leads for which at least one of the jobs has no lookup."""
    rows = await connection.fetch(_SQL["read_skipped"], list(job_ids), list(lead_ids))
    return [row["public_id"] for row in rows]


async def read_finished(connection: Connection, job_ids: Sequence[UUID]) -> set[UUID]:
    """Return which of these jobs have no open lookup any more."""
    return {row["id"] for row in await connection.fetch(_SQL["read_finished"], list(job_ids))}


async def cancel_job(
    connection: Connection, workspace_id: int, face: str, public_id: str
) -> Job | None:
    """Mark an unfinished job cancelled and return it; None when there is none to cancel."""
    row = await connection.fetchrow(_SQL["cancel"], workspace_id, face, public_id)
    if row is None:
        return None
    await connection.execute(_SQL["wake_cancelled"], row["id"])
    return Job.read(row)
