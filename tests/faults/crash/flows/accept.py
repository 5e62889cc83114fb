"""Accepting a job: whoever got no answer asks again with the same Idempotency-Key."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from service import app
from service.domain.waterfall import Step, Waterfall
from service.settings import Settings
from service.store.acceptance import Idempotency
from tests.faults.crash.flows.jobs import broken_hooks, broken_jobs
from tests.faults.crash.scene import Scene, Watch, warm
from tests.flows.workshop import FIND_EMAIL, Workshop

KEY = Idempotency("the only key", bytes(32))
WATERFALL = Waterfall(FIND_EMAIL.kind, (Step("hunter"),))


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for.

    Attributes:
        others: jobs and lookups that were there before.
    """

    workspace_id: int
    lead_ids: list[int]
    webhook_url: str
    lead_events: bool
    others: tuple[int, int]

    async def ask(self, shop: Workshop) -> None:
        """Ask for the job, the first time or again."""
        await shop.accept(
            self.lead_ids,
            idempotency=KEY,
            webhook_url=self.webhook_url,
            lead_events=self.lead_events,
            skip_filled=False,
            waterfall=WATERFALL,
        )


@dataclass(frozen=True, slots=True)
class Accept:
    """Accept a job.

    Attributes:
        taken: whether each lead has such a lookup open already, so that the job comes out empty.
    """

    name: str
    taken: bool

    async def prepare(self, scene: Scene, random: Random) -> Plan:
        """Make a workspace with some leads."""
        workspace = await scene.workspace()
        lead_ids = await scene.leads(workspace.id, random.randint(1, 4))
        hook = scene.hook(workspace.id)
        others = (0, 0)
        if self.taken:
            await scene.shop(workspace.id).accept(
                lead_ids, webhook_url=hook, skip_filled=False, waterfall=WATERFALL
            )
            others = (1, len(lead_ids))
        return Plan(workspace.id, lead_ids, hook, random.random() < 0.5, others)

    async def run(self, settings: Settings, plan: Plan, watch: Watch) -> None:
        """Accept it."""
        async with app.database(settings, "api") as pool:
            await warm(pool)
            watch.arm()
            await plan.ask(Workshop(pool, plan.workspace_id))
            watch.disarm()

    async def after(self, scene: Scene, plan: Plan) -> None:
        """Ask again, twice."""
        shop = scene.shop(plan.workspace_id)
        await plan.ask(shop)
        await plan.ask(shop)

    async def broken(self, scene: Scene, plan: Plan) -> Sequence[str]:
        """There is one job of it, charged once."""
        jobs, lookups = plan.others
        # Asking again when the other job is over finds the leads free.
        opened = 0 if self.taken else len(plan.lead_ids)
        return [
            *await broken_jobs(scene, plan.workspace_id, jobs=jobs + 1, lookups=lookups + opened),
            *await broken_hooks(scene, plan.workspace_id),
        ]
