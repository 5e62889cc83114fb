"""Expires jobs that ended long ago, with their lookups, calls and submissions; the ledger stays."""

from datetime import timedelta
from typing import Final

import structlog

from service.store.connection import Connection
from service.store.expiry import close_swept, expire_jobs, sweep_lookups

_log = structlog.get_logger()

JOBS_MAX: Final = 500
LOOKUPS_MAX: Final = 5_000


async def expire_batch(
    connection: Connection,
    kept: timedelta,
    *,
    jobs_max: int = JOBS_MAX,
    lookups_max: int = LOOKUPS_MAX,
) -> bool:
    """Expire one bounded batch and return whether more is left.

    An expired job cannot be read from the first moment on; its lookups follow over as many
    batches as they take. Broken off anywhere, the next batch goes on.
    """
    jobs = await expire_jobs(connection, kept, jobs_max)
    lookups = await sweep_lookups(connection, lookups_max)
    if jobs or lookups:
        _log.info("jobs.expired", jobs=jobs, lookups=lookups)
    if lookups < lookups_max:
        await close_swept(connection)
    return jobs == jobs_max or lookups == lookups_max
