"""Cancels a job: it shows cancelled at once, and no further step of it starts."""

from service.domain.job import Job
from service.errors import JobNotCancellable, NotFound
from service.store.connection import Pool
from service.store.jobs import cancel_job as mark_cancelled
from service.store.jobs import read_job


async def cancel_job(pool: Pool, workspace_id: int, face: str, public_id: str) -> Job:
    """Mark the job cancelled; the caller rings the doorbell afterwards.

    Workers settle its lookups in batches: those without a paid call as cancelled, refunded, the
    others as their answer has it. The job emits its one terminal event with the last of them.

    Raises:
        NotFound: no such job in this workspace and face.
        JobNotCancellable: it has ended, or was cancelled before.
    """
    async with pool.acquire() as connection:
        job = await mark_cancelled(connection, workspace_id, face, public_id)
        if job is None and await read_job(connection, workspace_id, face, public_id) is None:
            raise NotFound(
                "There is no enrichment job with this id in this workspace; "
                "GET /v1/enrichment/jobs lists them"
            )
    if job is None:
        raise JobNotCancellable
    return job
