"""Ends flows at their suspensions, lets others recover, and reports what is broken then."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, Self

from tests.faults.crash.catalogue import FLOWS
from tests.faults.crash.forks import Order, Report
from tests.faults.crash.meter import Moment
from tests.faults.crash.scene import Scene

EXHAUSTIVE_SEED: Final = 0
PAST_MAX: Final = 300
"""How many more suspensions than the counted ones a flow may turn out to have."""
COMMANDS_MAX: Final = 5
_PROGRAM: Final = ".venv/bin/python -m tests.faults.crash"
# So many people that no two cases draw the same, and none has a long name.
_PEOPLE_BITS: Final = 40


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
        return f"{_PROGRAM} --case {self}"


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
        unassigned: what `leadfall audit` found, and what did not end in time, by the options that
            repeat all the cases it may belong to.
    """

    ended: Counter[str] = field(default_factory=Counter)
    finished: Counter[str] = field(default_factory=Counter)
    places: dict[str, Counter[str]] = field(default_factory=dict)
    broken: dict[Case, list[str]] = field(default_factory=dict)
    unassigned: dict[str, list[str]] = field(default_factory=dict)

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
        self.unassigned |= other.unassigned

    def complaint(self) -> str:
        """Return what is broken, and the commands that repeat it."""
        lines = [f"{case}: {'; '.join(what)}" for case, what in self.broken.items()]
        lines += [f"in all: {each}" for what in self.unassigned.values() for each in what]
        commands = [case.command for case in list(self.broken)[:COMMANDS_MAX]]
        commands += [f"{_PROGRAM} {options}" for options in self.unassigned]
        return "\n".join([*lines, *(f"repeat with: {command}" for command in commands)])


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Cases that are ended one after another and recover together.

    Attributes:
        options: those of the command line that repeat it.
        past: cases that are ended first, each only if the one before it still was suspended so
            often; the last of each row must come to its own end.
        places: where the flow was suspended when it was only counted.
    """

    options: str
    cases: Sequence[Case]
    past: Sequence[Sequence[Case]] = ()
    places: Collection[str] = ()


async def exhaustive(
    scene: Scene, flow: str, moments: Sequence[Moment], *, points_max: int | None = None
) -> Rehearsal:
    """Return a case for every suspension of a flow, or for so many of them evenly spread.

    For every suspension means: up to a case that comes to its own end before its point, whatever
    was counted.
    """
    # The first run of a flow in a new database had half or twice as many suspensions as all that
    # followed, so it does not count.
    await count_suspensions(scene, flow, EXHAUSTIVE_SEED, Moment.ANSWERED)
    counted = await count_suspensions(scene, flow, EXHAUSTIVE_SEED)
    count = counted.count
    step = 1 if points_max is None else max(1.0, count / points_max)
    points = sorted({round(1 + place * step) for place in range(round(count / step))})
    cases = [
        Case(flow, EXHAUSTIVE_SEED, point, moment)
        for point in points
        if point <= count
        for moment in moments
    ]
    past = [
        [Case(flow, EXHAUSTIVE_SEED, count + more, moment) for more in range(1, PAST_MAX + 1)]
        for moment in (moments if points_max is None else ())
    ]
    # From the last point to the first: what ends before it claims leaves work that the next
    # process would claim, and so shift its points.
    return Rehearsal(f"--flow {flow}", cases[::-1], past, counted.places.keys())


async def seeded(scene: Scene, seeds: range) -> Rehearsal:
    """Return one case for each seed, which decides flow, beginning, suspension and moment."""
    drawn = [(seed, Random(f"case {seed}")) for seed in seeds]  # noqa: S311 - repeatable, not secret
    order = list(FLOWS)
    picked = sorted((order.index(random.choice(order)), seed, random) for seed, random in drawn)
    cases = []
    for place, seed, random in picked:
        count = (await count_suspensions(scene, order[place], seed)).count
        point, moment = random.randint(1, count), random.choice(list(Moment))
        cases.append(Case(order[place], seed, point, moment))
    options = f"--seeds {seeds.start}:{seeds.stop}"
    # What was only counted is brought to its end, so that no case finds its remains.
    with _repeated_with(f"{_PROGRAM} {options}"):
        await scene.recover()
    return Rehearsal(options, cases)


async def count_suspensions(
    scene: Scene, flow: str, seed: int, moment: Moment = Moment.ASKED
) -> Report:
    """Run a flow to its end and return how often it was suspended, and where."""
    case = Case(flow, seed, 0, moment)
    ended = await end(scene, case)
    with _repeated_with(case.command):
        if ended.report.error:
            raise AssertionError(f"{flow} does not come to its end: {ended.report.error}")
    return ended.report


async def end(scene: Scene, case: Case) -> Ended:
    """Prepare and run one case in a process of its own."""
    flow = FLOWS[case.flow]
    # Whoever repeats the case alone meets the same people, and no other case does.
    scene.people = Random(f"people {case}").getrandbits(_PEOPLE_BITS)  # noqa: S311
    with _repeated_with(case.command):
        plan = await flow.prepare(scene, Random(f"plan {case.seed}"))  # noqa: S311
        order = Order(case.flow, plan, scene.settings, case.point or None, case.moment, case.seed)
        return Ended(case, plan, await scene.forks.run(order))


async def rehearse(
    scene: Scene, rehearsal: Rehearsal, told: Callable[[Ended], None] = lambda _: None
) -> Summary:
    """End every case, ask again as callers do, recover once for all, and look."""
    summary = Summary()
    ends: list[Ended] = []
    unassigned: list[str] = []

    async def end_next(case: Case) -> Report:
        ended = await end(scene, case)
        summary.add(ended)
        told(ended)
        ends.append(ended)
        return ended.report

    for row in rehearsal.past:
        for case in row:
            if (await end_next(case)).count < case.point:
                break
        else:
            unassigned.append(f"{row[-1]} did not come to its own end")
    for case in rehearsal.cases:
        await end_next(case)
    for ended in ends:
        with _repeated_with(ended.case.command):
            await FLOWS[ended.case.flow].after(scene, ended.plan)
    with _repeated_with(f"{_PROGRAM} {rehearsal.options}"):
        unassigned += await scene.recover()
        unassigned += await scene.breaches()
    for ended in ends:
        with _repeated_with(ended.case.command):
            broken = await FLOWS[ended.case.flow].broken(scene, ended.plan)
        if broken:
            summary.broken.setdefault(ended.case, []).extend(broken)
    if unassigned:
        summary.unassigned[rehearsal.options] = unassigned
    return summary


@contextmanager
def _repeated_with(command: str) -> Iterator[None]:
    """Let an error that ends everything say how to meet it again."""
    try:
        yield
    except Exception as error:
        error.add_note(f"repeat with: {command}")
        raise
