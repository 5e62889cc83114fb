"""Claims lookups for a worker and gives them back."""

from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg

from service.domain.claim import Claim, RecordedCall
from service.domain.kinds import Kind
from service.domain.lead_input import LeadInput
from service.domain.outcome import OutcomeName
from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("claims")

WORKSPACES_PER_CLAIM_MAX: Final = 64


async def claim_lookups(
    connection: Connection,
    owner: UUID,
    *,
    priority: int,
    count_max: int,
    after_workspace: int,
    but: Sequence[int] = (),
    answered: Collection[int] = (),
) -> list[Claim]:
    """Claim up to `count_max` ready lookups, shared over workspaces beginning after one of them.

    Args:
        but: workspaces of which nothing is claimed.
        answered: ids that are claimed besides, if they are ready, whosever they are.
    """
    rows = await connection.fetch(
        _SQL["claim"],
        owner,
        priority,
        count_max,
        after_workspace,
        WORKSPACES_PER_CLAIM_MAX,
        list(but),
        list(answered),
    )
    return [_claim(row) for row in rows]


async def mark_started(connection: Connection, job_ids: Sequence[UUID]) -> None:
    """Note that these jobs are being worked on; jobs that were already are left alone."""
    await connection.execute(_SQL["mark_started"], list(job_ids))


async def release_lookups(connection: Connection, owner: UUID, lookup_ids: Sequence[int]) -> None:
    """Give running lookups back untouched, to be claimed again at once."""
    await connection.execute(_SQL["release"], owner, list(lookup_ids))


async def park_lookups(
    connection: Connection, owner: UUID, claims: Sequence[Claim], wait_s: float
) -> None:
    """Let lookups wait without a slot; they are ready again after `wait_s` seconds.

    Claims that were lost are left alone.
    """
    await connection.executemany(
        _SQL["park_until"],
        sorted((owner, claim.lookup_id, claim.epoch, wait_s) for claim in claims),
    )


async def wake_due_lookups(connection: Connection, count_max: int) -> int:
    """Make waiting lookups whose time has come ready; return how many."""
    return _count(await connection.execute(_SQL["wake_due"], count_max))


async def reclaim_lookups(connection: Connection, lease: Any, count_max: int) -> int:
    """Take lookups from workers that stopped beating for `lease`; return how many."""
    return _count(await connection.execute(_SQL["reclaim"], lease, count_max))


def _count(status: str) -> int:
    """Read the row count from a command status such as `UPDATE 12`."""
    return int(status.rpartition(" ")[2])


def _claim(row: asyncpg.Record) -> Claim:
    return Claim(
        lookup_id=row["id"],
        job_id=row["job_id"],
        workspace_id=row["workspace_id"],
        lead_id=row["lead_id"],
        kind=Kind(row["kind"]),
        epoch=row["epoch"],
        reclaim_count=row["reclaim_count"],
        price=row["price"],
        priority=row["priority"],
        own_provider=row["own_provider"],
        waterfall_version=row["waterfall_version"],
        cancelled=row["cancelled"],
        first_of_job=row["first_of_job"],
        parked_s=row["parked_s"] or 0.0,
        lead=LeadInput.from_row(row["input"]),
        calls={call["step"]: _call(call) for call in row["calls"] or ()},
    )


def _call(raw: dict[str, Any]) -> RecordedCall:
    return RecordedCall(
        step=raw["step"],
        provider=raw["provider"],
        ask_count=raw["ask_count"],
        submission_state=raw["submission_state"],
        outcome=None if raw["outcome"] is None else OutcomeName(raw["outcome"]),
        value=raw["value"],
        reason=raw["reason"],
        price_thousandths=raw["price"],
        age_s=raw["age_s"],
        wished_s=raw["wished_s"],
    )
