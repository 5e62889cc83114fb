"""Running lookups down a waterfall: claim, intent, vendor, answer, settlement."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Final

from providers.registry import all_providers
from providers.sandbox.books import person_hash
from providers.sandbox.expectation import expected
from providers.sandbox.truth import Person
from service import app
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.waterfall import Step, Waterfall
from service.flows.hold_lease import ProcessLease
from service.flows.suppress_people import SuppressionList
from service.settings import Settings
from service.worker.process import WorkerProcess
from tests.faults.crash.flows.jobs import broken_hooks, broken_jobs
from tests.faults.crash.scene import Scene, Watch
from tests.flows.workshop import PUBLICATION, TYPES

_JOB_TYPE: Final = TYPES["FIND_EMAIL_WATERFALL"]
_SPAN: Final = timedelta(seconds=20)
# Nothing of a child's own beat is to be counted between two of its steps.
_CHILD_LEASE_S: Final = 60.0
_OTHERS: Final = ("enrich", "hunter", "leadmagic", "findymail", "prospeo", "icypeas", "enrow")


@dataclass(frozen=True, slots=True)
class Plan:
    """The job to run."""

    workspace_id: int
    lookup_count: int
    waterfall: Waterfall


@dataclass(frozen=True, slots=True)
class Run:
    """Run one job to its end, as a drain of a worker does.

    Attributes:
        steps: the providers of the first scenario; other seeds take others.
    """

    name: str
    steps: tuple[str, ...]

    async def prepare(self, scene: Scene, random: Random) -> Plan:
        """Accept a job."""
        workspace = await scene.workspace()
        slugs = self.steps
        if random.random() < 0.7:
            slugs = (*self.steps[:1], *random.sample(_OTHERS, random.randint(0, 2)))
        waterfall = Waterfall(_JOB_TYPE.kind, tuple(Step(slug) for slug in dict.fromkeys(slugs)))
        # Each is known to one of those who are asked, or to nobody, whatever the first name is: so
        # every case of a seed has the same way to go.
        known_to = random.choices([*(step.provider for step in waterfall.steps), "nobody"], k=3)
        families = [f"Only-{slug.title()}" for slug in known_to]
        leads = await scene.leads(workspace.id, random.randint(1, 3), families)
        await scene.shop(workspace.id).accept(
            leads,
            job_types=(_JOB_TYPE,),
            webhook_url=scene.hook(workspace.id),
            skip_filled=False,
            waterfall=waterfall,
        )
        return Plan(workspace.id, len(leads), waterfall)

    async def run(self, settings: Settings, plan: Plan, watch: Watch) -> None:  # noqa: ARG002
        """Claim and run whatever is ready, which is this job."""
        settings = settings.model_copy(update={"lease_s": _CHILD_LEASE_S})
        async with app.database(settings, "worker") as pool, app.smtp_prober(settings) as prober:
            lease = ProcessLease(pool, "worker", settings.lease)
            async with app.provider_desk(settings, pool, lease.process_id, prober) as desk:
                process = WorkerProcess(
                    settings,
                    pool,
                    lease,
                    desk,
                    providers=all_providers(),
                    publication=PUBLICATION,
                    suppressions=SuppressionList(app.secret_box(settings)),
                )
                await lease.start()
                await desk.gates.start()
                watch.arm()
                await process._drain.drain(_SPAN)
                await process._drain.stop(_SPAN)
                await process._recorder.drain()
                watch.disarm()
                await desk.gates.stop()
                await lease.stop()

    async def after(self, scene: Scene, plan: Plan) -> None:
        """Nobody asks again: the lease lapses, and another worker goes on."""

    async def broken(self, scene: Scene, plan: Plan) -> Sequence[str]:
        """Each lookup is settled once, with what is true, and no vendor was asked too often."""
        return [
            *await broken_jobs(scene, plan.workspace_id, jobs=1, lookups=plan.lookup_count),
            *await broken_hooks(scene, plan.workspace_id),
            *await self._broken_calls(scene, plan),
        ]

    async def _broken_calls(self, scene: Scene, plan: Plan) -> list[str]:
        rows = await scene.pool.fetch(
            "select l.input, l.outcome, exists (select from calls c where c.lookup_id = l.id"
            " and (c.outcome is null or c.outcome = 'interrupted')) as doubtful,"
            " (select array_agg(c.provider) from calls c where c.lookup_id = l.id"
            " and c.ask_count > 0) as asked"
            " from lookups l where l.workspace_id = $1",
            plan.workspace_id,
        )
        wrong = []
        for row in rows:
            true = expected(LeadInput.from_row(row["input"]), _JOB_TYPE.kind, plan.waterfall.steps)
            if not row["doubtful"] and row["outcome"] != true.outcome:
                wrong.append(f"ended as {row['outcome']}, and {true.outcome} is true")
            asked = _asked(scene, row["input"])
            for slug, count in asked.items():
                if count > _asks_max(slug):
                    wrong.append(f"{slug} was asked {count} times")
                if slug not in (row["asked"] or ()):
                    wrong.append(f"{slug} was asked, and the trace does not know of it")
        return wrong


def _asked(scene: Scene, lead: dict[str, str]) -> Counter[str]:
    named = Person.named(lead["first_name"], lead["last_name"], domain=lead["company_domain"])
    person = f"{person_hash(named.identity):016x}"
    return Counter(
        entry.vendor
        for entry in scene.sandbox.books.entries(limit=1_000_000)
        if entry.person == person and entry.capability == Capability.FIND_EMAIL
    )


def _asks_max(slug: str) -> int:
    provider = all_providers()[slug]
    offer = provider.offer(Capability.FIND_EMAIL)
    return 0 if offer is None else provider.asks_max(offer)
