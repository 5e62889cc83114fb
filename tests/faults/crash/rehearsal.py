"""Ends flows at their suspensions, lets others recover, and reports what is broken then."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Self

from tests.faults.crash.catalogue import FLOWS
from tests.faults.crash.forks import Order, Report
from tests.faults.crash.meter import Moment
from tests.faults.crash.scene import Scene

EXHAUSTIVE_SEED = 0


@dataclass(frozen=True, slots=True)
class Case:
    """One end of one flow.

    Attributes:
        seed: decides what the flow starts from.
        point: the suspension to end at; 0 lets the flow come to its own end.
    """

    flow: str
    seed: int
    point: int
    moment: Moment = Moment.ASKED

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` gives."""
        flow, seed, point, moment = text.split("/")
        return cls(flow, int(seed), int(point), Moment(moment))

    def __str__(self) -> str:
        return f"{self.flow}/{self.seed}/{self.point}/{self.moment}"

    @property
    def command(self) -> str:
        """The command that repeats it."""
        return f".venv/bin/python -m tests.faults.crash --case {self}"


@dataclass(frozen=True, slots=True)
class Ended:
    """A case after its process ended."""

    case: Case
    plan: Any
    report: Report


@dataclass
class Summary:
    """What a rehearsal came to.

    Attributes:
        places: how often a process was ended at each place of ours.
        broken: what does not hold, by the case it belongs to.
        unassigned: what `leadfall audit` found, and what did not end in time.
    """

    ended: Counter[str] = field(default_factory=Counter)
    finished: Counter[str] = field(default_factory=Counter)
    places: dict[str, Counter[str]] = field(default_factory=dict)
    broken: dict[Case, list[str]] = field(default_factory=dict)
    unassigned: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing is broken."""
        return not self.broken and not self.unassigned

    def add(self, ended: Ended) -> None:
        """Count a case."""
        flow, place = ended.case.flow, ended.report.place
        if ended.report.error:
            self.broken[ended.case] = [ended.report.error]
        if place is None:
            self.finished[flow] += 1
            return
        self.ended[flow] += 1
        self.places.setdefault(flow, Counter())[place] += 1

    def join(self, other: Self) -> None:
        """Add what another rehearsal came to."""
        self.ended += other.ended
        self.finished += other.finished
        for flow, places in other.places.items():
            self.places[flow] = self.places.get(flow, Counter()) + places
        self.broken |= other.broken
        self.unassigned += other.unassigned

    def complaint(self) -> str:
        """Return what is broken, and the commands that repeat it."""
        lines = [f"{case}: {'; '.join(what)}" for case, what in self.broken.items()]
        lines += [f"in all: {what}" for what in self.unassigned]
        lines += [f"repeat with: {case.command}" for case in list(self.broken)[:5]]
        return "\n".join(lines)


async def exhaustive(
    scene: Scene, flow: str, moments: Sequence[Moment], *, points_max: int | None = None
) -> list[Case]:
    """Return a case for every suspension of a flow, or for so many of them evenly spread."""
    count = await count_suspensions(scene, flow, EXHAUSTIVE_SEED)
    step = 1 if points_max is None else max(1.0, count / points_max)
    points = sorted({round(1 + place * step) for place in range(round(count / step))})
    cases = [
        Case(flow, EXHAUSTIVE_SEED, point, moment)
        for point in points
        if point <= count
        for moment in moments
    ]
    # From the last point to the first: what ends before it claims leaves work that the next
    # process would claim, and so shift its points.
    return cases[::-1]


async def seeded(scene: Scene, seeds: Iterable[int]) -> list[Case]:
    """Return one case for each seed, which decides flow, beginning, suspension and moment."""
    drawn = [(seed, Random(f"case {seed}")) for seed in seeds]  # noqa: S311 - repeatable, not secret
    order = list(FLOWS)
    picked = sorted((order.index(random.choice(order)), seed, random) for seed, random in drawn)
    cases = []
    for place, seed, random in picked:
        count = await count_suspensions(scene, order[place], seed)
        point, moment = random.randint(1, count), random.choice(list(Moment))
        cases.append(Case(order[place], seed, point, moment))
    # What was only counted is brought to its end, so that no case finds its remains.
    await scene.recover()
    return cases


async def count_suspensions(scene: Scene, flow: str, seed: int) -> int:
    """Run a flow to its end and return how often it was suspended."""
    ended = await end(scene, Case(flow, seed, 0))
    if ended.report.error:
        raise AssertionError(f"{flow} does not come to its end: {ended.report.error}")
    return ended.report.count


async def end(scene: Scene, case: Case) -> Ended:
    """Prepare and run one case in a process of its own."""
    flow = FLOWS[case.flow]
    plan = await flow.prepare(scene, Random(f"plan {case.seed}"))  # noqa: S311
    order = Order(case.flow, plan, scene.settings, case.point or None, case.moment, case.seed)
    return Ended(case, plan, await scene.forks.run(order))


async def rehearse(
    scene: Scene, cases: Sequence[Case], told: Callable[[Ended], None] = lambda _: None
) -> Summary:
    """End every case, ask again as callers do, recover once for all, and look."""
    summary = Summary()
    ends = []
    for case in cases:
        ended = await end(scene, case)
        summary.add(ended)
        told(ended)
        ends.append(ended)
    for ended in ends:
        await FLOWS[ended.case.flow].after(scene, ended.plan)
    summary.unassigned += await scene.recover()
    for ended in ends:
        broken = await FLOWS[ended.case.flow].broken(scene, ended.plan)
        if broken:
            summary.broken.setdefault(ended.case, []).extend(broken)
    summary.unassigned += await scene.breaches()
    return summary
