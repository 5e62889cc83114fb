"""Compares, at the end, our books with the vendors', the receivers' and the callers'."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from providers.registry import all_providers
from providers.sandbox.books import person_hash
from providers.sandbox.truth import Person
from service.domain.kinds import Capability
from tests.faults.chaos.callers import Log
from tests.faults.chaos.site import Site

_SHOWN_MAX: Final = 3
TERMINAL: Final = ["enrichment.completed", "enrichment.failed", "enrichment.cancelled"]
# The URL of a job, and the endpoint of its workspace that gets everything.
_RECEIVERS: Final = 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing that must hold.

    Attributes:
        breaches: what does not; empty where it holds.
        among: how many things were looked at.
    """

    says: str
    among: int
    breaches: tuple[str, ...] = ()

    @classmethod
    def of(cls, says: str, among: int, breaches: Any) -> "Verdict":
        """Return the verdict on some breaches."""
        return cls(says, among, tuple(str(each) for each in breaches))

    @property
    def shown(self) -> str:
        """The first breaches, as text."""
        more = len(self.breaches) - _SHOWN_MAX
        return "; ".join(self.breaches[:_SHOWN_MAX]) + (f"; and {more} more" if more > 0 else "")


async def judge(site: Site, log: Log) -> list[Verdict]:
    """Return every verdict on an installation that is quiet."""
    return [
        *await _judge_jobs(site, log),
        *await _judge_money(site),
        *await _judge_calls(site),
        *await _judge_webhooks(site),
        *await _judge_told(site, log),
        *await _judge_audit(site),
        Verdict.of("no process ended by itself", len(site.fleet.processes), site.ended),
    ]


async def _judge_jobs(site: Site, log: Log) -> list[Verdict]:
    rows = await site.pool.fetch("select public_id, finished_at is null as open from jobs")
    ours = {row["public_id"] for row in rows}
    answered = {job_id for job_ids in log.jobs.values() for job_id in job_ids}
    lookups = await site.pool.fetchrow(
        "select count(*) as all, count(*) filter (where state <> 'settled') as open from lookups"
    )
    twice = [key for key, job_ids in log.jobs.items() if len(job_ids) > 1]
    return [
        Verdict.of("no request was refused", log.asked, log.refused),
        Verdict.of("each key was answered with one job", len(log.jobs), twice),
        Verdict.of("the jobs are those that callers know", len(ours), ours ^ answered),
        Verdict.of(
            "every job is finished", len(rows), [row["public_id"] for row in rows if row["open"]]
        ),
        Verdict.of("every lookup is settled", lookups["all"], ["open"] * lookups["open"])
        if lookups
        else Verdict("there are lookups", 0, ("none",)),
    ]


async def _judge_money(site: Site) -> list[Verdict]:
    fetch = site.pool.fetch
    drift = await fetch(
        "select w.id from workspaces w where balance <>"
        " (select coalesce(sum(amount), 0) from ledger g where g.workspace_id = w.id)"
    )
    charges = await fetch(
        "select j.public_id from jobs j left join ledger g on g.job_id = j.id and g.kind = 'charge'"
        " group by j.id having count(g.id) <> 1"
    )
    unlike = await fetch(
        "select coalesce(r.lookup_id, l.id) as id from"
        " (select lookup_id from ledger where kind = 'refund') r"
        " full join (select id from lookups where outcome <> 'found') l on l.id = r.lookup_id"
        " where r.lookup_id is null or l.id is null"
    )
    refunds = await site.pool.fetchval("select count(*) from ledger where kind = 'refund'")
    jobs = await site.pool.fetchval("select count(*) from jobs")
    return [
        Verdict.of("balance equals ledger", len(site.tenants), [row["id"] for row in drift]),
        Verdict.of("each job was charged once", jobs, [row["public_id"] for row in charges]),
        Verdict.of("refunds are the not-found, as a set", refunds, [row["id"] for row in unlike]),
    ]


async def _judge_calls(site: Site) -> list[Verdict]:
    entries = site.sandbox.books.entries(limit=1_000_000)
    asked = Counter(
        (each.vendor, each.person) for each in entries if each.capability == Capability.FIND_EMAIL
    )
    rows = await site.pool.fetch(
        "select c.provider, c.outcome, k.input from calls c join lookups k on k.id = c.lookup_id"
        " where c.provider <> 'enrich' and c.ask_count > 0 and c.from_memory_at is null"
        " and coalesce(c.reason, '') <> 'input_missing'"
        " and coalesce(c.reason, '') not like 'gate_shut%'"
    )
    ours = {(row["provider"], _person(row["input"])): row["outcome"] for row in rows}
    certain = {key for key, outcome in ours.items() if outcome in {"found", "missing"}}
    too_often = [f"{key} {count} times" for key, count in asked.items() if count > _asks_max(*key)]
    return [
        Verdict.of("no paid call twice against policy", sum(asked.values()), too_often),
        Verdict.of("no vendor was asked what our trace lacks", len(asked), set(asked) - set(ours)),
        Verdict.of("no answer was made up", len(certain), certain - set(asked)),
    ]


async def _judge_webhooks(site: Site) -> list[Verdict]:
    rows = await site.pool.fetch(
        "select d.event_id, d.state, d.sequence, p.url from deliveries d"
        " join endpoints p on p.id = d.endpoint_id"
    )
    due = {(row["url"].rpartition("/")[2], f"evt_{row['event_id'].hex}") for row in rows}
    came = {(each.name, each.event_id) for each in site.inbox.arrivals}
    lost = [f"{row['event_id']} {row['state']}" for row in rows if row["state"] != "delivered"]
    untold = await site.pool.fetch(
        "select j.public_id from jobs j left join events e on e.aggregateid = j.public_id"
        " and e.type = any($1) group by j.id having count(e.id) <> 1",
        TERMINAL,
    )
    jobs = await site.pool.fetchval("select count(*) from jobs")
    forged = ["unsigned"] * site.inbox.forged
    numbered = sum(each.sequence is not None for each in site.inbox.arrivals)
    gaps = [f"{name}: {numbers[:5]}" for name, numbers in site.inbox.gaps().items()]
    return [
        Verdict.of("each job has one terminal event", jobs, [r["public_id"] for r in untold]),
        Verdict.of("every delivery was made", len(rows), lost),
        Verdict.of("every event due was received", len(due), due - came),
        Verdict.of("nothing was received that was not due", len(came), came - due),
        Verdict.of("one id, one body", len(came), site.inbox.unlike_bodies()),
        Verdict.of("one id, one number", len(came), site.inbox.renumbered()),
        Verdict.of("sequences have no gap", numbered, gaps),
        Verdict.of("every signature verified", len(site.inbox.arrivals), forged),
    ]


async def _judge_told(site: Site, log: Log) -> list[Verdict]:
    """Hold what receivers took against what callers asked for, and not against our outbox."""
    known = {job_id for job_ids in log.jobs.values() for job_id in job_ids}
    told = Counter(
        (job_id, kind)
        for _, _, kind, job_id in {
            (e.name, e.event_id, e.type, e.job_id) for e in site.inbox.arrivals
        }
    )
    ends = {job_id: sum(told[job_id, kind] for kind in TERMINAL) for job_id in known}
    rows = await site.pool.fetch(
        "select public_id, lookup_count, per_lead_events,"
        " exists (select from ledger g where g.job_id = j.id and g.kind = 'refund') as refunded"
        " from jobs j"
    )
    # Of refunds only the endpoint that gets everything is told.
    refunds = {row["public_id"]: int(row["refunded"]) for row in rows}
    leads = {
        row["public_id"]: row["lookup_count"] * row["per_lead_events"] * _RECEIVERS for row in rows
    }
    unsent = await site.pool.fetch(
        "select e.id from events e join endpoints p on p.workspace_id = e.workspace_id"
        " and p.event_types = '{*}' left join deliveries d on (d.event_id, d.endpoint_id)"
        " = (e.id, p.id) where d.event_id is null"
    )
    events = await site.pool.fetchval("select count(*) from events")
    return [
        Verdict.of("every event is due to who gets all", events, [row["id"] for row in unsent]),
        Verdict.of(
            "each job of a caller ended once at each receiver",
            len(ends),
            [job_id for job_id, count in ends.items() if count != _RECEIVERS],
        ),
        Verdict.of(
            "each refund was told once",
            sum(refunds.values()),
            _miscounted(told, "credits.refunded", refunds),
        ),
        Verdict.of(
            "each lead was told once, if asked for",
            sum(leads.values()),
            _miscounted(told, "lead.enriched", leads),
        ),
    ]


async def _judge_audit(site: Site) -> list[Verdict]:
    report = await site.fleet.audit()
    broken = [each["name"] for each in report["checks"] if each["breaches"]]
    return [Verdict.of("leadfall audit is clean", len(report["checks"]), broken)]


def _miscounted(
    told: Counter[tuple[str | None, str]], kind: str, wanted: dict[str, int]
) -> list[str]:
    """Return the jobs of which another number of such events came than is wanted."""
    return [
        f"{job_id} {told[job_id, kind]} times, not {count}"
        for job_id, count in wanted.items()
        if told[job_id, kind] != count
    ]


def _asks_max(slug: str, _person: str) -> int:
    provider = all_providers()[slug]
    offer = provider.offer(Capability.FIND_EMAIL)
    return 0 if offer is None else provider.asks_max(offer)


def _person(lead: dict[str, str]) -> str:
    named = Person.named(lead["first_name"], lead["last_name"], domain=lead["company_domain"])
    return f"{person_hash(named.identity):016x}"
