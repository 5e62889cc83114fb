"""Replaying what failed at an endpoint: all of it at once, or one delivery after another."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from uuid import UUID

from service import app
from service.errors import ReplayRunning
from service.flows.replay_deliveries import EVER, feed_replays, replay_delivery, start_replay
from service.settings import Settings
from service.store.connection import Pool
from tests.faults.crash.flows.deliver import add_endpoint, publish
from tests.faults.crash.flows.jobs import broken_hooks
from tests.faults.crash.scene import Scene, Watch, warm


@dataclass(frozen=True, slots=True)
class Plan:
    """Deliveries that were given up, at one endpoint."""

    workspace_id: int
    endpoint_public_id: str
    event_ids: list[UUID]
    singly: bool

    async def ask(self, pool: Pool) -> None:
        """Begin the replay, or replay one after another."""
        if not self.singly:
            await start_replay(pool, self.workspace_id, self.endpoint_public_id, since=EVER)
            return
        for event_id in self.event_ids:
            await replay_delivery(pool, self.workspace_id, event_id, self.endpoint_public_id)


@dataclass(frozen=True, slots=True)
class Replay:
    """Begin a replay and feed it until nothing is left.

    Attributes:
        singly: whether each delivery is asked for by itself, which needs no feeding.
    """

    name: str
    singly: bool

    async def prepare(self, scene: Scene, random: Random) -> Plan:
        """Write deliveries that were given up."""
        workspace = await scene.workspace()
        endpoint_id, public_id = await add_endpoint(scene, workspace.id)
        count = random.randint(1, 4)
        await publish(scene, workspace.id, count)
        rows = await scene.pool.fetch(
            "update deliveries set state = 'exhausted', finished_at = leadfall_now(),"
            " attempt_count = 10 where endpoint_id = $1 returning event_id",
            endpoint_id,
        )
        return Plan(workspace.id, public_id, [row["event_id"] for row in rows], self.singly)

    async def run(self, settings: Settings, plan: Plan, watch: Watch) -> None:
        """Begin and feed it."""
        async with app.database(settings, "api") as pool:
            await warm(pool)
            watch.arm()
            await plan.ask(pool)
            while not self.singly and await feed_replays(pool):
                pass
            watch.disarm()

    async def after(self, scene: Scene, plan: Plan) -> None:
        """Ask again; a replay is refused while the first one runs, and empty with nothing left."""
        with suppress(ReplayRunning):
            await plan.ask(scene.pool)

    async def broken(self, scene: Scene, plan: Plan) -> Sequence[str]:
        """Each came once: nothing that was asked for twice is sent twice."""
        came = [each.event_id for each in scene.inbox.of(str(plan.workspace_id))]
        wrong = [] if len(came) == len(plan.event_ids) else [f"{len(came)} arrivals"]
        return [*wrong, *await broken_hooks(scene, plan.workspace_id)]
