"""Importing leads from CSV: whole batches are there or not, and the file can be sent again."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from service import app
from service.flows.create_list import make_list
from service.flows.import_leads import BATCH_ROWS, MakeList, import_leads
from service.settings import Settings
from service.store.connection import Connection, Pool
from tests.faults.crash.scene import Scene, Watch, warm


@dataclass(frozen=True, slots=True)
class Plan:
    """A file of two batches."""

    workspace_id: int
    row_count: int

    async def send(self, pool: Pool) -> None:
        """Import the file into a list that is made with its first row."""
        lines = ["first_name,email\n"]
        lines += [f"Ada,ada{number}@brightwater.leadfall\n" for number in range(self.row_count)]
        await import_leads(pool, self.workspace_id, _list_maker(self.workspace_id), lines)


@dataclass(frozen=True, slots=True)
class Import:
    """Import a file."""

    name: str = "import"

    async def prepare(self, scene: Scene, random: Random) -> Plan:
        """Make a workspace."""
        return Plan((await scene.workspace()).id, BATCH_ROWS + random.randint(1, 100))

    async def run(self, settings: Settings, plan: Plan, watch: Watch) -> None:
        """Import it."""
        async with app.database(settings, "api") as pool:
            await warm(pool)
            watch.arm()
            await plan.send(pool)
            watch.disarm()

    async def after(self, scene: Scene, plan: Plan) -> None:
        """Send the file again."""
        before: int = await scene.pool.fetchval(
            "select count(*) from leads where workspace_id = $1", plan.workspace_id
        )
        if before not in {0, BATCH_ROWS, plan.row_count}:
            raise AssertionError(f"{before} leads are no whole batches")
        await plan.send(scene.pool)

    async def broken(self, scene: Scene, plan: Plan) -> Sequence[str]:
        """Each address is there once, in one list, and no list is empty."""
        row = await scene.pool.fetchrow(
            """
            select (select count(*) from leads where workspace_id = $1) as leads,
                   (select count(distinct email) from leads where workspace_id = $1) as emails,
                   (select count(*) from list_leads m join leads l on l.id = m.lead_id
                    where l.workspace_id = $1) as members,
                   (select count(*) from lists i where i.workspace_id = $1 and not exists (
                      select from list_leads m where m.list_id = i.id)) as empty_lists
            """,
            plan.workspace_id,
        )
        counts = dict(row) if row else {}
        count = plan.row_count
        wanted = {"leads": count, "emails": count, "members": count, "empty_lists": 0}
        return [] if counts == wanted else [f"{counts}, and not {wanted}"]


def _list_maker(workspace_id: int) -> MakeList:
    async def make(connection: Connection) -> int:
        return (await make_list(connection, workspace_id, "people")).id

    return make
