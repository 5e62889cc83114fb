"""One chaos run: load, strikes by seed, calm, verdicts."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.faults.chaos.blows import strike
from tests.faults.chaos.callers import OPEN_MAX, Caller, Log
from tests.faults.chaos.plan import Strike, plan_strikes
from tests.faults.chaos.site import PROCESSES, Site, TargetAway, open_site, patiently
from tests.faults.chaos.verdicts import Verdict, judge
from tests.faults.fleet import LEASE_S

CALLERS: Final = 6
# For callers to be answered after the last strike, and then for all to settle.
CALM_S: Final = 600.0
_QUIET: Final = """
select not exists (select from jobs where finished_at is null)
   and not exists (select from deliveries where state in ('due', 'sending'))
"""
_FIGURES: Final = """
select (select count(*) from jobs) as jobs, (select count(*) from lookups) as lookups,
       (select count(*) from lookups where state = 'settled') as settled,
       (select count(*) from lookups where outcome = 'found') as found,
       (select count(*) from deliveries) as deliveries,
       (select count(*) from deliveries where state = 'delivered') as delivered,
       (select count(*) from calls where outcome = 'interrupted') as interrupted,
       (select coalesce(sum(reclaim_count), 0) from lookups) as reclaimed
"""


@dataclass
class ChaosReport:
    """What a run came to.

    Attributes:
        strikes: how often each kind was really made.
        not_made: strikes whose target another one had taken already.
        calm_s: seconds until everything had settled after the last strike; None if it never did.
    """

    seed: int
    minutes: float
    lease_s: float = LEASE_S
    open_max: int = OPEN_MAX
    strikes: Counter[str] = field(default_factory=Counter)
    not_made: list[str] = field(default_factory=list)
    failed_strikes: list[str] = field(default_factory=list)
    figures: dict[str, int] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)
    calm_s: float | None = None

    @property
    def planned(self) -> int:
        """How many strikes were to be made."""
        return self.strikes.total() + len(self.not_made) + len(self.failed_strikes)

    @property
    def holds(self) -> bool:
        """Whether everything settled and nothing is broken."""
        judged = self.verdicts and not any(each.breaches for each in self.verdicts)
        return bool(judged) and self.calm_s is not None and not self.failed_strikes

    @property
    def command(self) -> str:
        """The command that repeats it."""
        command = f"make chaos SEED={self.seed} MINUTES={self.minutes:g}"
        if (self.lease_s, self.open_max) == (LEASE_S, OPEN_MAX):
            return command
        return f'{command} ARGS="--lease-s {self.lease_s:g} --open-max {self.open_max}"'

    def as_json(self) -> dict[str, Any]:
        """Return the report as one JSON object."""
        return {
            "seed": self.seed,
            "minutes": self.minutes,
            "lease_s": self.lease_s,
            "open_max": self.open_max,
            "holds": self.holds,
            "calm_s": self.calm_s,
            # Names of a closed set, which JSON takes for its keys as plain texts alone.
            "strikes": {str(name): times for name, times in self.strikes.items()},
            "not_made": self.not_made,
            "failed_strikes": self.failed_strikes,
            "figures": self.figures,
            "verdicts": [
                {"says": each.says, "among": each.among, "breaches": list(each.breaches)}
                for each in self.verdicts
            ],
            "repeat": self.command,
        }


async def run_chaos(
    folder: Path,
    seed: int,
    minutes: float,
    tell: Callable[[str], None],
    *,
    lease_s: float = LEASE_S,
    open_max: int = OPEN_MAX,
) -> ChaosReport:
    """Run load and strikes for so many minutes, wait until all is quiet, and judge.

    Args:
        lease_s: of every process.
        open_max: lookups; callers wait while so many are open.

    Raises:
        Exception: whatever kept it from its end, with the command that repeats it as a note.
    """
    report = ChaosReport(seed, minutes, lease_s, open_max)
    tell(report.command)
    try:
        await _run(report, folder, tell)
    except Exception as error:
        error.add_note(f"repeat with: {report.command}")
        raise
    return report


async def _run(report: ChaosReport, folder: Path, tell: Callable[[str], None]) -> None:
    async with open_site(folder, report.lease_s) as site:
        log, stopping = Log(), asyncio.Event()
        callers = [
            asyncio.create_task(_caller(site, log, report, place).work(stopping))
            for place in range(CALLERS)
        ]
        minding = [asyncio.create_task(site.watch()), asyncio.create_task(site.count())]
        await _strike_all(site, report, tell)
        stopping.set()
        async with asyncio.timeout(CALM_S):
            await asyncio.gather(*callers)
        tell("no more strikes and no more requests; waiting for everything to settle")
        report.calm_s = await _calm(site)
        for task in minding:
            task.cancel()
        await asyncio.gather(*minding, return_exceptions=True)
        report.figures = await _figures(site)
        report.figures |= {
            "requests": log.asked,
            "cancelled": log.cancelled,
            "arrivals": len(site.inbox.arrivals),
            "repeated_arrivals": site.inbox.repeat_count(),
        }
        report.verdicts = await judge(site, log)


def _caller(site: Site, log: Log, report: ChaosReport, place: int) -> Caller:
    random = Random(f"caller {report.seed} {place}")  # noqa: S311 - repeatable, not secret
    tenant = site.tenants[place % len(site.tenants)]
    return Caller(site, tenant, log, random, open_max=report.open_max)


async def _strike_all(site: Site, report: ChaosReport, tell: Callable[[str], None]) -> None:
    """Strike as planned; strikes that take long overlap with the next."""
    began_at = time.monotonic()
    random = Random(report.seed)  # noqa: S311 - repeatable, not secret
    under_way: dict[asyncio.Task[None], Strike] = {}
    span_s = report.minutes * 60
    for planned in plan_strikes(report.seed, span_s, PROCESSES):
        await asyncio.sleep(max(0.0, began_at + planned.at_s - time.monotonic()))
        tell(f"{planned.at_s:7.1f} s  {planned!s:<38}{await _progress(site)}")
        under_way[asyncio.create_task(strike(site, planned, random))] = planned
    await asyncio.sleep(max(0.0, began_at + span_s - time.monotonic()))
    ends = await asyncio.gather(*under_way, return_exceptions=True)
    for planned, end in zip(under_way.values(), ends, strict=True):
        if end is None:
            report.strikes[planned.blow] += 1
        elif isinstance(end, TargetAway):
            report.not_made.append(f"{planned}: {end}")
        else:
            report.failed_strikes.append(f"{planned}: {type(end).__name__} {end}")


async def _progress(site: Site) -> str:
    """Return how far things have come, if the database says it at once."""
    try:
        async with asyncio.timeout(0.3):
            row = await site.pool.fetchrow(_FIGURES)
    except Exception:  # noqa: BLE001 - the database is away or busy; the line goes without
        return "(the database does not answer)"
    if row is None:
        return ""
    return (
        f"{row['jobs']} jobs, {row['settled']} of {row['lookups']} lookups settled,"
        f" {row['delivered']} of {row['deliveries']} deliveries made"
    )


async def _calm(site: Site) -> float | None:
    began_at = time.monotonic()
    while time.monotonic() - began_at < CALM_S:
        if await patiently(lambda: site.pool.fetchval(_QUIET)):
            return round(time.monotonic() - began_at, 1)
        await asyncio.sleep(0.2)
    return None


async def _figures(site: Site) -> dict[str, int]:
    row = await patiently(lambda: site.pool.fetchrow(_FIGURES))
    return {} if row is None else dict(row)
