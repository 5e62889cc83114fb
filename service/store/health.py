"""Reads the ages that health is judged by; writes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from service.store.connection import Connection
from service.store.processes import list_processes
from service.store.statements import load_statements

UNSENT_COUNTED_MAX: Final = 10_000

_SQL: Final = load_statements("health")
_SUBMISSIONS: Final = load_statements("submissions")


@dataclass(frozen=True, slots=True)
class HealthFacts:
    """Ages in seconds, at least 0; None where there is nothing of the sort.

    Attributes:
        ready_age_s: since the oldest ready lookup was accepted.
        standstill_s: since the job of a workspace's first ready lookup last moved.
        call_age_s: since the oldest call under way was intended.
        wake_overdue_s: since the oldest waiting lookup should have been woken.
        poll_overdue_s: since the oldest submission should have been polled.
        delivery_late_s: since a delivery was due to a receiver that is ready for it.
        receiver_late_s: the same for receivers that fail, asked for a pause or are busy.
        beat_ages_s: of every known process, by role.
    """

    ready_age_s: float | None
    standstill_s: float | None
    call_age_s: float | None
    wake_overdue_s: float | None
    poll_overdue_s: float | None
    delivery_late_s: float | None
    receiver_late_s: float | None
    beat_ages_s: dict[str, list[float]]
    clock_shifted: bool


async def read_health_facts(connection: Connection, endpoint_concurrency: int) -> HealthFacts:
    """Read everything that health is judged by.

    Args:
        endpoint_concurrency: deliveries that one endpoint may have under way at once.
    """
    work = dict(await connection.fetchrow(_SQL["read_work"]) or {})
    late = dict(await connection.fetchrow(_SQL["read_undelivered"], endpoint_concurrency) or {})
    beat_ages_s: dict[str, list[float]] = {}
    for process in await list_processes(connection):
        beat_ages_s.setdefault(process["role"], []).append(process["beat_age_s"])
    return HealthFacts(
        ready_age_s=_age(work["ready_age_s"]),
        standstill_s=_age(work["standstill_s"]),
        call_age_s=_age(work["call_age_s"]),
        wake_overdue_s=_age(work["wake_overdue_s"]),
        poll_overdue_s=_age(await connection.fetchval(_SUBMISSIONS["oldest_overdue"])),
        delivery_late_s=_age(late["ours_s"]),
        receiver_late_s=_age(late["theirs_s"]),
        beat_ages_s=beat_ages_s,
        clock_shifted=bool(await connection.fetchval(_SQL["is_clock_shifted"])),
    )


@dataclass(frozen=True, slots=True)
class Unsent:
    """Deliveries that one sort of fault of ours keeps from being sent.

    Attributes:
        said: what their owners are told of it.
    """

    said: str
    size: int
    endpoint_count: int


async def read_unsent(connection: Connection, sentences: Sequence[str]) -> list[Unsent]:
    """Return what faults of ours, known by these sentences, have kept back three times or more.

    At most 10,000 deliveries are looked at.
    """
    rows = await connection.fetch(_SQL["read_unsent"], list(sentences), UNSENT_COUNTED_MAX)
    return [Unsent(*row) for row in rows]


async def read_exhausted(
    connection: Connection, *, since_s: float, ids_max: int
) -> tuple[int, list[str]]:
    """Return how many endpoints had deliveries given up lately, and the public ids of some."""
    rows = await connection.fetch(_SQL["read_exhausted"], since_s, ids_max)
    return (rows[0]["size"] if rows else 0), [row["public_id"] for row in rows]


def _age(seconds: Any) -> float | None:
    """Return an age; what lies in the future is not late yet."""
    return None if seconds is None else max(0.0, float(seconds))
