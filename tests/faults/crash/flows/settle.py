"""Settling lookups that a worker holds: all of the batch or nothing, and never twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from service import app
from service.domain.claim import Claim, Settlement
from service.domain.identifiers import new_id
from service.flows.settle_lookups import settle_lookups
from service.settings import Settings
from tests.faults.crash.flows.accept import WATERFALL
from tests.faults.crash.flows.jobs import broken_hooks, broken_jobs
from tests.faults.crash.scene import Scene, Watch, warm
from tests.flows.workshop import PUBLICATION, found, missing


@dataclass(frozen=True, slots=True)
class Plan:
    """Lookups in the hands of a worker that has just beaten for the last time."""

    workspace_id: int
    settlements: list[Settlement]


@dataclass(frozen=True, slots=True)
class Settle:
    """Settle the whole of a job at once, some of it found."""

    name: str = "settle"

    async def prepare(self, scene: Scene, random: Random) -> Plan:
        """Accept a job and claim it."""
        workspace = await scene.workspace()
        leads = await scene.leads(workspace.id, random.randint(2, 6))
        await scene.shop(workspace.id).accept(
            leads,
            webhook_url=scene.hook(workspace.id),
            skip_filled=False,
            lead_events=random.random() < 0.5,
            waterfall=WATERFALL,
        )
        claims = await claim_before_death(scene, workspace.id, len(leads))
        ends = [found(claims[0], f"a{claims[0].lookup_id}@brightwater.leadfall")]
        return Plan(workspace.id, ends + [missing(claim) for claim in claims[1:]])

    async def run(self, settings: Settings, plan: Plan, watch: Watch) -> None:
        """Settle them."""
        async with app.database(settings, "worker") as pool:
            await warm(pool)
            watch.arm()
            await settle_lookups(pool, plan.settlements, PUBLICATION)
            watch.disarm()

    async def after(self, scene: Scene, plan: Plan) -> None:
        """Nobody asks again: the lease lapses, and another worker runs what is not settled."""

    async def broken(self, scene: Scene, plan: Plan) -> Sequence[str]:
        """Each is settled once."""
        count = len(plan.settlements)
        return [
            *await broken_jobs(scene, plan.workspace_id, jobs=1, lookups=count),
            *await broken_hooks(scene, plan.workspace_id),
        ]


async def claim_before_death(scene: Scene, workspace_id: int, count: int) -> list[Claim]:
    """Claim lookups of a workspace for a worker that has just beaten for the last time."""
    claims = await scene.shop(workspace_id).claim(new_id(), count)
    if [claim.workspace_id for claim in claims] != [workspace_id] * count:
        raise RuntimeError("an earlier case left something to claim")
    return claims
