"""Makes the ids that callers see and the database sorts by."""

import secrets
import time
from typing import Final
from uuid import UUID

import uuid_utils.compat

from service.domain.kinds import Face, JobType

_LOWER_ALNUM: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_SUFFIX_LENGTH: Final = 7
_SUFFIXES: Final = len(_LOWER_ALNUM) ** _SUFFIX_LENGTH


def new_id() -> UUID:
    """Return a UUIDv7: unique, and sorted by time so that indexes grow at one end."""
    return uuid_utils.compat.uuid7()


def new_job_public_id(job_type: JobType) -> str:
    """Return a job id in the form its face's callers know: `bulk_<type>_<ms>_<7 characters>`."""
    # Drawn at once: each draw is a call to the system.
    number, suffix = secrets.randbelow(_SUFFIXES), ""
    for _ in range(_SUFFIX_LENGTH):
        number, place = divmod(number, len(_LOWER_ALNUM))
        suffix += _LOWER_ALNUM[place]
    name = job_type.shown_as.lower() if job_type.face is Face.SELEQT else job_type.shown_as
    return f"bulk_{name}_{time.time_ns() // 1_000_000}_{suffix}"


def event_header_id(event_id: UUID) -> str:
    """Return the `webhook-id` of an event: stable over every attempt, without a full stop."""
    return f"evt_{event_id.hex}"
