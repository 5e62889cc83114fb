"""Cancelling a job: it was cancelled or it was not, and ends once either way."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from service import app
from service.errors import JobNotCancellable
from service.flows.cancel_job import cancel_job
from service.settings import Settings
from service.store.calls import Grant, Intent, write_intents
from tests.faults.crash.flows.accept import WATERFALL
from tests.faults.crash.flows.jobs import broken_hooks, broken_jobs
from tests.faults.crash.flows.settle import claim_before_death
from tests.faults.crash.scene import Scene, Watch, warm


@dataclass(frozen=True, slots=True)
class Plan:
    """The job to cancel.

    Attributes:
        asked: lookups for which a vendor was about to be asked by a worker that died.
    """

    workspace_id: int
    job_id: str
    lookup_count: int
    asked: list[int]


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel a job.

    Attributes:
        begun: whether a worker that has just beaten for the last time holds its lookups, of which
            the first is being asked about and the others wait.
    """

    name: str
    begun: bool

    async def prepare(self, scene: Scene, random: Random) -> Plan:
        """Accept a job, and perhaps begin it."""
        workspace = await scene.workspace()
        leads = await scene.leads(workspace.id, random.randint(1, 4))
        accepted = await scene.shop(workspace.id).accept(
            leads, webhook_url=scene.hook(workspace.id), skip_filled=False, waterfall=WATERFALL
        )
        asked = await _begin(scene, workspace.id, len(leads)) if self.begun else []
        return Plan(workspace.id, accepted.jobs[0].public_id, len(leads), asked)

    async def run(self, settings: Settings, plan: Plan, watch: Watch) -> None:
        """Cancel it."""
        async with app.database(settings, "api") as pool:
            await warm(pool)
            watch.arm()
            await cancel_job(pool, plan.workspace_id, "seleqt", plan.job_id)
            watch.disarm()

    async def after(self, scene: Scene, plan: Plan) -> None:
        """Cancel it again, which is refused where the first time had its effect."""
        with suppress(JobNotCancellable):
            await cancel_job(scene.pool, plan.workspace_id, "seleqt", plan.job_id)

    async def broken(self, scene: Scene, plan: Plan) -> Sequence[str]:
        """All of it ended as cancelled and came back, but what a vendor may have been asked."""
        others = await scene.pool.fetch(
            "select outcome from lookups where workspace_id = $1 and outcome <> 'cancelled'"
            " and id <> all($2)",
            plan.workspace_id,
            plan.asked,
        )
        wrong = [f"ended as {row['outcome']}, not as cancelled" for row in others]
        return [
            *wrong,
            *await broken_jobs(scene, plan.workspace_id, jobs=1, lookups=plan.lookup_count),
            *await broken_hooks(scene, plan.workspace_id),
        ]


async def _begin(scene: Scene, workspace_id: int, count: int) -> list[int]:
    """Claim lookups and write down that the first is about to be asked about; return which."""
    first, *_ = await claim_before_death(scene, workspace_id, count)
    intent = Intent(first.lookup_id, 0, WATERFALL.steps[0].provider, first.epoch)
    async with scene.pool.acquire() as connection:
        granted = await write_intents(connection, [intent], scene.settings.lease)
    if granted != [Grant.GRANTED]:
        raise RuntimeError(f"the call may not be made: {granted}")
    return [first.lookup_id]
