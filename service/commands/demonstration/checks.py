"""The demo's verdicts: pure functions from the evidence, one for each thing that is promised."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from service.commands.demonstration.evidence import Evidence, FinishedJob
from service.domain.credits import refund_for
from service.domain.identifiers import event_header_id
from service.domain.outcome import OutcomeName
from service.domain.signing import Verdict

BUILT_IN: Final = "enrich"
_THOUSANDTHS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Check:
    """One verdict.

    Attributes:
        detail: the numbers it rests on.
    """

    name: str
    passed: bool
    detail: str


def check_all(evidence: Evidence) -> list[Check]:
    """Return every verdict, in the order of the table."""
    return [check(evidence) for check in _CHECKS]


def _leads(evidence: Evidence) -> Check:
    results = [result for job in evidence.jobs for result in job.results]
    wrong = [result.lead_id for result in results if not result.right]
    complete = all(len(job.results) == job.lead_count for job in evidence.jobs)
    named = f"; wrong: {', '.join(wrong[:5])}" if wrong else ""
    return Check(
        "every lookup ended as the sandbox's truth says",
        complete and not wrong and bool(results),
        f"{len(results) - len(wrong)} of {sum(job.lead_count for job in evidence.jobs)}{named}",
    )


def _charges(evidence: Evidence) -> Check:
    due = sum(job.price * job.lead_count for job in evidence.jobs)
    told = all(job.deducted == job.charged == job.price * job.lead_count for job in evidence.jobs)
    return Check(
        "each job was charged its price for each lead",
        told and evidence.totals.charged == due,
        f"{evidence.totals.charged} charged, {due} due",
    )


def _refunds(evidence: Evidence) -> Check:
    due = sum(_due_back(evidence, job) for job in evidence.jobs)
    told = all(job.refunded == _due_back(evidence, job) for job in evidence.jobs)
    return Check(
        "whatever was not found was refunded",
        told and evidence.totals.refunded == due,
        f"{evidence.totals.refunded} refunded, {due} due",
    )


def _due_back(evidence: Evidence, job: FinishedJob) -> int:
    missed = sum(result.expected.outcome is not OutcomeName.FOUND for result in job.results)
    one = refund_for(job.kind, job.price, OutcomeName.MISSING, evidence.refund_percent)
    return missed * one


def _balance(evidence: Evidence) -> Check:
    totals = evidence.totals
    due = evidence.granted - totals.charged + totals.refunded
    return Check(
        "the balance is what was granted, less charges, plus refunds",
        evidence.balance == totals.balance == due and totals.granted == evidence.granted,
        f"{evidence.granted} - {totals.charged} + {totals.refunded} = {due}, "
        f"the API says {evidence.balance}",
    )


def _deliveries(evidence: Evidence) -> Check:
    sent = Counter(event_header_id(each.event_id) for each in evidence.deliveries)
    came = Counter(each.event_id for each in evidence.received)
    jobs = Counter(str(each.job.get("job_id")) for each in evidence.received)
    delivered = all(each.state == "delivered" for each in evidence.deliveries)
    return Check(
        "each job's webhook arrived exactly once",
        delivered and sent == came and jobs == Counter(evidence.webhook_job_ids),
        f"{len(evidence.received)} received of {len(evidence.webhook_job_ids)} due",
    )


def _signatures(evidence: Evidence) -> Check:
    good = sum(each.verdict is Verdict.AUTHENTIC for each in evidence.received)
    return Check(
        "every webhook's signature verifies",
        good == len(evidence.received) and good > 0,
        f"{good} of {len(evidence.received)}",
    )


def _bodies(evidence: Evidence) -> Check:
    jobs = {job.job_id: job for job in evidence.jobs}
    right = sum(
        _tells(jobs.get(str(each.job.get("job_id"))), each.job) for each in evidence.received
    )
    return Check(
        "each webhook tells what the API tells",
        right == len(evidence.received) and right > 0,
        f"{right} of {len(evidence.received)}",
    )


def _tells(job: FinishedJob | None, told: dict[str, object]) -> bool:
    if job is None:
        return False
    names = ("total_count", "success_count", "credits_deducted", "credits_refunded")
    values = (job.lead_count, job.found, job.charged, job.refunded)
    return tuple(told.get(name) for name in names) == values


def _audit(evidence: Evidence) -> Check:
    broken = [check.name for check in evidence.audit.checks if check.breaches]
    return Check(
        "the audit of the database found no breach",
        evidence.audit.clean,
        ", ".join(broken) or f"{len(evidence.audit.checks)} promises looked at",
    )


def _books(evidence: Evidence) -> Check:
    """Compare with what the vendors wrote down: a question too many is one paid for nothing."""
    books = evidence.books
    asked: Counter[str] = Counter()
    for row in books["counts"]:
        asked[row["vendor"]] += row["count"]
    ours = {slug: evidence.spending[slug] for slug in evidence.spending if slug != BUILT_IN}
    same = dict(asked) == {slug: each.call_count for slug, each in ours.items()}
    # A vendor may be kinder than its price list, never dearer.
    within = all(
        slug in ours and taken * _THOUSANDTHS <= ours[slug].price_thousandths
        for slug, taken in books["credits"].items()
    )
    return Check(
        "the vendors' books agree with ours, and nothing was paid twice",
        same and within and not books["repeat_count"] and not books["violations"],
        f"{books['rows']} questions booked, {sum(each.call_count for each in ours.values())} "
        f"recorded, {books['repeat_count']} repeated",
    )


_CHECKS: Final[Sequence[Callable[[Evidence], Check]]] = (
    _leads, _charges, _refunds, _balance, _deliveries, _signatures, _bodies, _audit, _books,
)  # fmt: skip
