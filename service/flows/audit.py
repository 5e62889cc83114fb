"""Checks the promises on the live database: one snapshot, questions over whole tables."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from providers.contract import Provider
from service.domain.kinds import Kind
from service.store.audit import (
    count_rows,
    find_breaches,
    open_snapshot,
    read_kept_since,
    read_moment,
)
from service.store.connection import Pool

# A dead process is noticed within a lease and its work taken by the next chore; this is far later.
SILENT_LEASES_MAX: Final = 4
LATE_MAX: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """One check.

    Attributes:
        promise: number of the promise that it is part of.
        says: what holds when there is no breach.
        examples: ids, at most 5; never anything else of a row.
    """

    name: str
    promise: int
    says: str
    breaches: int = 0
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit found.

    Attributes:
        rows: how many rows of each table were looked at.
    """

    checked_at: datetime
    duration_s: float
    rows: Mapping[str, int]
    checks: tuple[AuditCheck, ...]

    @property
    def clean(self) -> bool:
        """Whether every promise holds."""
        return all(check.breaches == 0 for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """Return the report as one JSON object."""
        return {
            "clean": self.clean,
            "checked_at": self.checked_at.isoformat(),
            "duration_s": round(self.duration_s, 3),
            "rows": dict(self.rows),
            "checks": [
                {
                    "name": check.name,
                    "promise": check.promise,
                    "says": check.says,
                    "breaches": check.breaches,
                    "examples": list(check.examples),
                }
                for check in self.checks
            ],
        }


async def audit(pool: Pool, providers: Mapping[str, Provider], lease: timedelta) -> AuditReport:
    """Look for breaches; safe beside running work, which it neither sees half done nor delays.

    Args:
        providers: by slug; their declarations say who may be asked twice.
        lease: how long a process may be silent.
    """
    started_s = time.monotonic()
    silent_max = lease * SILENT_LEASES_MAX
    found: dict[str, tuple[int, tuple[str, ...]]] = {}
    async with open_snapshot(pool) as connection:
        checked_at = await read_moment(connection)
        events_since = await read_kept_since(connection, "events")
        arguments: dict[str, tuple[Any, ...]] = {
            "repeated_calls": _asks_allowed(providers),
            "terminal_events": (events_since,),
            "deliveries": (events_since,),
            "delivered": (await read_kept_since(connection, "attempts"),),
            "abandoned_lookups": (silent_max,),
            "abandoned_deliveries": (silent_max,),
            "overslept_lookups": (LATE_MAX,),
            "overdue_submissions": (LATE_MAX,),
        }
        for group in _GROUPS:
            for breaches in await find_breaches(connection, group, *arguments.get(group, ())):
                found[breaches.name] = (breaches.count, breaches.examples)
        rows = await count_rows(connection)
    checks = tuple(
        AuditCheck(name, promise, says, *found.get(name, (0, ())))
        for group in _GROUPS.values()
        for name, promise, says in group
    )
    return AuditReport(checked_at, time.monotonic() - started_s, rows, checks)


# The statements of `audit.sql`, each with the checks that it answers: name, promise, what holds.
_GROUPS: Final[Mapping[str, tuple[tuple[str, int, str], ...]]] = {
    "idempotency_keys": (
        ("key_has_its_jobs", 1, "an Idempotency-Key exists only with the jobs of its request"),
    ),
    "charges": (
        (
            "one_charge_per_priced_job",
            1,
            "a job with a price has one charge entry, of what it was charged; others have none",
        ),
    ),
    "jobs": (
        (
            "charge_is_price_times_lookups",
            1,
            "a job was charged its price for each of its lookups",
        ),
        ("lookup_count_is_rows", 1, "a job has as many lookups as it says"),
        ("open_count_is_open_rows", 2, "a job has as many open lookups as it says"),
        ("finished_exactly_when_none_open", 2, "a job is finished exactly when no lookup is open"),
        ("outcome_counts_are_rows", 2, "a job counts its outcomes as its lookups have them"),
        (
            "job_refunds_agree",
            3,
            "what a job got back is the sum of its refund entries and of its lookups' refunds",
        ),
    ),
    "expired_jobs": (
        (
            "expired_job_keeps_its_refunds",
            3,
            "what an expired job got back is the sum of its refund entries",
        ),
        ("expired_job_is_gone", 1, "an expired job is no job any more"),
    ),
    "orphans": (("lookup_has_its_job", 1, "every lookup has its job, in the same workspace"),),
    "settled": (
        (
            "settled_has_outcome_and_time",
            2,
            "a lookup has an outcome and a time of settlement exactly when it is settled",
        ),
    ),
    "open_lookups": (
        (
            "one_open_lookup_per_lead_and_target",
            2,
            "a lead has at most one open lookup for each target",
        ),
    ),
    "balances": (
        ("balance_is_sum_of_ledger", 3, "a balance is the sum of the ledger's entries"),
        ("balance_not_negative", 3, "no balance is below zero"),
    ),
    "refunds": (
        (
            "refund_entry_for_each_refunded_lookup",
            3,
            "refund entries and refunded lookups match one to one, with the same credits",
        ),
    ),
    "finds": (("found_is_not_refunded", 3, "a lookup that found something keeps its charge"),),
    "terminal_events": (
        ("finished_job_has_one_terminal_event", 4, "a finished job has exactly one terminal event"),
        ("open_job_has_no_terminal_event", 4, "only a finished job has a terminal event"),
    ),
    "addressed_events": (
        (
            "webhook_url_has_its_delivery",
            4,
            "the terminal event of a job with a webhook_url has a delivery to it",
        ),
    ),
    "deliveries": (("delivery_has_its_event", 4, "every delivery has its event"),),
    "delivered": (
        ("delivered_after_an_attempt", 4, "what counts as delivered was attempted at least once"),
    ),
    "sequences": (
        ("sequence_once_per_endpoint", 4, "no two deliveries of an endpoint share a sequence"),
    ),
    "repeated_calls": (
        (
            "asked_again_only_where_allowed",
            5,
            "a provider was asked again for a step only where it declares that this is free",
        ),
    ),
    "strays": (("call_has_its_lookup", 5, "every call has its lookup"),),
    "abandoned_lookups": (
        (
            "running_lookup_has_a_living_process",
            9,
            f"a running lookup's process was alive within {SILENT_LEASES_MAX} leases",
        ),
    ),
    "abandoned_deliveries": (
        (
            "sending_delivery_has_a_living_process",
            9,
            f"the process of a delivery under way was alive within {SILENT_LEASES_MAX} leases",
        ),
    ),
    "overslept_lookups": (
        (
            "waiting_lookup_is_woken",
            9,
            f"no lookup waits more than {LATE_MAX.seconds // 60} minutes past its time",
        ),
    ),
    "overdue_submissions": (
        (
            "submission_ends_by_its_deadline",
            9,
            f"no submission is open {LATE_MAX.seconds // 60} minutes past its deadline",
        ),
    ),
}


def _asks_allowed(providers: Mapping[str, Provider]) -> tuple[list[str], list[str], list[int]]:
    """Return how often each provider may be asked for each target, as columns."""
    targets = {kind.capability: kind.target for kind in Kind}
    rows = [
        (slug, targets[offer.capability], provider.asks_max(offer))
        for slug, provider in providers.items()
        for offer in provider.offers
    ]
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]
