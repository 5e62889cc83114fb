"""Shows a demo's evidence and verdicts: a table for people, one object for programs."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.commands.demonstration.checks import Check
from service.commands.demonstration.evidence import Evidence
from service.domain.identifiers import event_header_id
from service.domain.signing import Verdict


@dataclass(frozen=True, slots=True)
class Report:
    """A finished demo.

    Attributes:
        began_s: when the command began, by this process's monotonic clock.
        seconds_in_all: with setting up and checking.
    """

    evidence: Evidence
    checks: Sequence[Check]
    began_s: float
    seconds_in_all: float

    @property
    def passed(self) -> bool:
        """Whether every check was made and right."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def seconds_to_webhook(self) -> float | None:
        """How long after the beginning the first webhook had come and was found authentic."""
        verified_s = [
            each.verified_s for each in self.evidence.received if each.verdict is Verdict.AUTHENTIC
        ]
        return round(min(verified_s) - self.began_s, 3) if verified_s else None

    def as_json(self) -> dict[str, Any]:
        """Return the report as one JSON object."""
        evidence = self.evidence
        return {
            "passed": self.passed,
            "leads": evidence.lead_count,
            "lookups": _lookup_count(evidence),
            "found": _found(evidence),
            "missed": _lookup_count(evidence) - _found(evidence),
            "granted": evidence.granted,
            "charged": evidence.totals.charged,
            "refunded": evidence.totals.refunded,
            "balance": evidence.balance,
            "webhooks_received": len(evidence.received),
            "signatures_verified": _verified(evidence),
            "commit_to_receiver_ms": _delays(evidence),
            "audit_clean": evidence.audit.clean,
            "seconds_to_webhook": self.seconds_to_webhook,
            "seconds": round(evidence.seconds, 3),
            "seconds_in_all": round(self.seconds_in_all, 3),
            "jobs": [
                {
                    "job_id": job.job_id,
                    "kind": job.kind,
                    "leads": job.lead_count,
                    "found": job.found,
                    "charged": job.charged,
                    "refunded": job.refunded,
                }
                for job in evidence.jobs
            ],
            "checks": [
                {"name": check.name, "passed": check.passed, "detail": check.detail}
                for check in self.checks
            ],
        }

    def show(self, console: Console) -> None:
        """Print the tables."""
        console.print(_numbers(self))
        console.print()
        console.print(*_verdicts(self.checks, console), sep="\n")


def _numbers(report: Report) -> Table:
    evidence = report.evidence
    delays = _delays(evidence)
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    rows = {
        "leads": evidence.lead_count,
        "lookups": _lookup_count(evidence),
        "found": _found(evidence),
        "missed": _lookup_count(evidence) - _found(evidence),
        "credits charged": evidence.totals.charged,
        "credits refunded": evidence.totals.refunded,
        "balance": evidence.balance,
        "webhooks received": len(evidence.received),
        "signatures verified": _verified(evidence),
        "commit to receiver, median": f"{delays['p50']} ms",
        "commit to receiver, slowest": f"{delays['max']} ms",
        "audit": "clean" if evidence.audit.clean else "BREACHED",
        "seconds to the first verified webhook": _seconds(report.seconds_to_webhook),
        "seconds from first request to last webhook": _seconds(evidence.seconds),
        "seconds in all": _seconds(report.seconds_in_all),
    }
    for name, value in rows.items():
        table.add_row(name, str(value))
    return table


def _seconds(seconds: float | None) -> str:
    return "none came" if seconds is None else f"{seconds:.1f}"


def _verdicts(checks: Sequence[Check], console: Console) -> Iterator[str]:
    plain = not console.encoding.lower().startswith("utf")
    good, bad = ("ok", "FAILED") if plain else ("✓", "✗")
    for check in checks:
        mark = f"[green]{good}[/]" if check.passed else f"[bold red]{bad}[/]"
        yield f"{mark} {escape(check.name)}: [dim]{escape(check.detail)}[/]"


def _lookup_count(evidence: Evidence) -> int:
    return sum(len(job.results) for job in evidence.jobs)


def _found(evidence: Evidence) -> int:
    return sum(job.found for job in evidence.jobs)


def _verified(evidence: Evidence) -> int:
    return sum(each.verdict is Verdict.AUTHENTIC for each in evidence.received)


def _delays(evidence: Evidence) -> dict[str, float | None]:
    """Return how long events took from their transaction to the receiver, in milliseconds."""
    created_at_s = {
        event_header_id(each.event_id): each.event_created_at.timestamp()
        for each in evidence.deliveries
    }
    delays = sorted(
        round((each.received_at_s - created_at_s[each.event_id]) * 1_000, 1)
        for each in evidence.received
        if each.event_id in created_at_s
    )
    if not delays:
        return {"p50": None, "p99": None, "max": None}
    return {"p50": _rank(delays, 0.5), "p99": _rank(delays, 0.99), "max": delays[-1]}


def _rank(ordered: Sequence[float], share: float) -> float:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
