"""Cancelling a job: it was cancelled or it was not, and ends once either way."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from service import app
from service.errors import JobNotCancellable
from service.flows.cancel_job import cancel_job
from service.settings import Settings
from tests.faults.crash.flows.accept import WATERFALL
from tests.faults.crash.flows.jobs import broken_hooks, broken_jobs
from tests.faults.crash.scene import Scene, Watch, warm


@dataclass(frozen=True, slots=True)
class Plan:
    """The job to cancel."""

    workspace_id: int
    job_id: str
    lookup_count: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel a job of which nothing has begun."""

    name: str = "cancel"

    async def prepare(self, scene: Scene, random: Random) -> Plan:
        """Accept a job."""
        workspace = await scene.workspace()
        leads = await scene.leads(workspace.id, random.randint(1, 4))
        accepted = await scene.shop(workspace.id).accept(
            leads, webhook_url=scene.hook(workspace.id), skip_filled=False, waterfall=WATERFALL
        )
        return Plan(workspace.id, accepted.jobs[0].public_id, len(leads))

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
        """It ended as cancelled, and everything came back."""
        outcomes = await scene.pool.fetch(
            "select distinct outcome from lookups where workspace_id = $1", plan.workspace_id
        )
        wrong = [] if [row["outcome"] for row in outcomes] == ["cancelled"] else ["not cancelled"]
        return [
            *wrong,
            *await broken_jobs(scene, plan.workspace_id, jobs=1, lookups=plan.lookup_count),
            *await broken_hooks(scene, plan.workspace_id),
        ]
