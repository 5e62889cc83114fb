"""Keeps submissions: what was submitted to a vendor, under which handle, and when to ask for it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

from service.domain.fair_queue import UNCLAIMED, Queue
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("submissions")


@dataclass(frozen=True, slots=True)
class NewSubmission:
    """A submission that is about to be made.

    Attributes:
        credential: whose key submits it, and so must poll it.
        token: names it in a callback URL; unguessable.
        deadline_s: seconds from now until its calls end as no answer.
    """

    id: UUID
    provider: str
    capability: Capability
    credential: str
    token: str = field(repr=False)
    deadline_s: float


@dataclass(frozen=True, slots=True)
class DueSubmission:
    """A submission to poll now.

    Attributes:
        claimed: the handle is only what a callback called it.
        late: its lookups have gone on without it.
        late_s: seconds since its deadline; below 0 while there is time left.
        queue: of one of its lookups; of most submissions all of them have the same.
    """

    id: UUID
    provider: str
    capability: Capability
    credential: str
    handle: str
    claimed: bool
    late: bool
    poll_count: int
    late_s: float
    queue: Queue


@dataclass(frozen=True, slots=True)
class SubmittedCall:
    """A call of a submission that has no outcome yet."""

    lookup_id: int
    step: int
    epoch: int
    question: bytes | None
    workspace_id: int
    lead: LeadInput = field(repr=False)
    age_ms: int


async def intend_submission(connection: Connection, submission: NewSubmission, owner: UUID) -> None:
    """Write a submission before its request is made."""
    await connection.execute(
        _SQL["intend"],
        submission.id,
        submission.provider,
        submission.capability,
        submission.credential,
        submission.token,
        submission.deadline_s,
        owner,
    )


async def keep_handle(
    connection: Connection, submission_id: UUID, handle: str, first_poll_after_s: float
) -> None:
    """Keep the vendor's handle and park the lookups; polled at once if a callback came already."""
    await connection.execute(_SQL["submitted"], submission_id, handle, first_poll_after_s)
    await connection.execute(_SQL["park_lookups"], submission_id)


async def read_open_submissions(
    connection: Connection, provider: str, credential: str
) -> list[int | None]:
    """Return for each submission of a key that waits for its answers a workspace it is for."""
    rows = await connection.fetch(_SQL["read_open"], provider, credential)
    return [row["workspace_id"] for row in rows]


async def claim_due_submissions(
    connection: Connection,
    owner: UUID,
    *,
    busy: Sequence[str],
    count_max: int,
    hold_s: float,
    lease: timedelta,
) -> list[DueSubmission]:
    """Claim submissions whose next poll is due; nobody else polls them for `hold_s` seconds.

    Args:
        busy: providers whose submissions are left for later.
    """
    rows = await connection.fetch(_SQL["claim_due"], owner, count_max, hold_s, lease, busy)
    return [
        DueSubmission(
            row["id"],
            row["provider"],
            Capability(row["capability"]),
            row["credential"],
            row["handle"],
            row["claimed"],
            row["late"],
            row["poll_count"],
            row["late_s"],
            tuple(row["queue"]) if row["queue"] else UNCLAIMED,
        )
        for row in rows
    ]


async def give_back_polls(
    connection: Connection, owner: UUID, under_way: Collection[UUID], *, lease: timedelta
) -> None:
    """Make due at once what was claimed to be polled and is not: by dead processes, or by `owner`.

    Args:
        under_way: the submissions that `owner` does poll now.
    """
    await connection.execute(_SQL["give_back_polls"], owner, list(under_way), lease)


async def read_open_calls(connection: Connection, submission_id: UUID) -> list[SubmittedCall]:
    """Return the calls of a submission that have no outcome yet."""
    rows = await connection.fetch(_SQL["read_rows"], submission_id)
    return [
        SubmittedCall(
            row["lookup_id"],
            row["step"],
            row["epoch"],
            row["question"],
            row["workspace_id"],
            LeadInput.from_row(row["input"]),
            row["age_ms"],
        )
        for row in rows
    ]


async def postpone_poll(
    connection: Connection, submission_id: UUID, owner: UUID, wait_s: float
) -> None:
    """Set the next poll `wait_s` seconds from now."""
    await connection.execute(_SQL["postpone"], submission_id, owner, wait_s)


async def miss_deadline(connection: Connection, submission_id: UUID) -> list[int]:
    """Let the lookups of a submission go on without its answer; return those that had not yet.

    Whatever answer comes is late for good.
    """
    if await connection.fetchval(_SQL["miss_deadline"], submission_id) is None:
        return []
    return await _wake_lookups(connection, submission_id)


async def disbelieve_callback(connection: Connection, submission_id: UUID) -> None:
    """Forget the handle that a callback named: it leads to somebody else's rows."""
    await connection.execute(_SQL["disbelieve"], submission_id)


async def stamp_callback(
    connection: Connection, provider: str, token: str, handle: str | None
) -> bool:
    """Note that a vendor called back, so that it is polled now; False for an unknown token."""
    return await connection.fetchval(_SQL["stamp_callback"], provider, token, handle) is not None


async def disown_submission(connection: Connection, submission_id: UUID) -> None:
    """Leave a submission whose handle was lost to whoever polls it once its vendor calls back."""
    await connection.execute(_SQL["disown"], submission_id)


async def abandon_submission(connection: Connection, submission_id: UUID) -> None:
    """End a submission that the vendor did not take; its lookups stay as they are."""
    await connection.execute(_SQL["close"], submission_id, "abandoned")


async def close_submission(connection: Connection, submission_id: UUID, state: str) -> list[int]:
    """End a submission as `answered` or `abandoned`, let its lookups go on, and return them.

    The lookups of one that is late went on long ago: it stays `late`, and they are left alone.
    """
    if await connection.fetchval(_SQL["close"], submission_id, state) != state:
        return []
    return await _wake_lookups(connection, submission_id)


def row_reference(lookup_id: int, step: int) -> str:
    """Return the reference under which a vendor knows one call of a submission."""
    return f"{lookup_id}.{step}"


async def _wake_lookups(connection: Connection, submission_id: UUID) -> list[int]:
    rows = await connection.fetch(_SQL["wake_lookups"], submission_id)
    return [row["id"] for row in rows]
