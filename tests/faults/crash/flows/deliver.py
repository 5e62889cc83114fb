"""Delivering events: claimed, numbered, sent and completed; again after a crash, and never lost."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from uuid import UUID

import orjson

from service import app
from service.domain.carried_clock import CarriedClock
from service.domain.identifiers import new_id
from service.flows.deliver_events import (
    Terms,
    claim_deliveries,
    complete_deliveries,
    send_delivery,
)
from service.settings import Settings
from service.store.events import NewEvent, insert_events
from service.store.processes import beat
from service.store.secrets import Signer
from tests.faults.crash.flows.jobs import broken_hooks
from tests.faults.crash.scene import Scene, Watch, warm

_SENT_MAX = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """Events due to one endpoint, and a dispatcher that has just beaten for the last time."""

    workspace_id: int
    signer: Signer
    event_count: int
    owner: UUID


@dataclass(frozen=True, slots=True)
class Deliver:
    """Deliver a few events to one endpoint."""

    name: str = "deliver"

    async def prepare(self, scene: Scene, random: Random) -> Plan:
        """Write events."""
        workspace = await scene.workspace()
        endpoint_id, _ = await add_endpoint(scene, workspace.id)
        count = random.randint(1, 4)
        await publish(scene, workspace.id, count)
        owner = new_id()
        async with scene.pool.acquire() as connection:
            await beat(connection, owner, "dispatcher", "test", 1)
        return Plan(workspace.id, Signer(workspace.id, endpoint_id, hidden=False), count, owner)

    async def run(self, settings: Settings, plan: Plan, watch: Watch) -> None:
        """Do one turn of a dispatcher at this endpoint."""
        terms = Terms(settings.dispatcher.deadline_s, settings.dispatcher.retry_schedule_s)
        box, clock = app.secret_box(settings), CarriedClock()
        async with (
            app.database(settings, "dispatcher") as pool,
            app.receiver_client(settings) as http,
        ):
            await warm(pool)
            watch.arm()
            claimed = await claim_deliveries(pool, box, plan.owner, {plan.signer: plan.event_count})
            sent = await asyncio.gather(
                *(send_delivery(each, http, clock, terms, Random(1)) for each in claimed)  # noqa: S311
            )
            await complete_deliveries(pool, plan.owner, sent)
            watch.disarm()

    async def after(self, scene: Scene, plan: Plan) -> None:
        """Nobody asks again: the lease lapses, and another dispatcher sends what is not told of."""

    async def broken(self, scene: Scene, plan: Plan) -> Sequence[str]:
        """Each came, at most once more than needed."""
        came = [each.event_id for each in scene.inbox.of(str(plan.workspace_id))]
        wrong = [] if len(set(came)) == plan.event_count else [f"{len(set(came))} events came"]
        if any(came.count(event_id) > _SENT_MAX for event_id in set(came)):
            wrong.append("an event came more than twice after one crash")
        return [*wrong, *await broken_hooks(scene, plan.workspace_id)]


async def add_endpoint(scene: Scene, workspace_id: int) -> tuple[int, str]:
    """Write an endpoint that gets every event; return both of its ids."""
    url = scene.hook(workspace_id)
    row = await scene.pool.fetchrow(
        "insert into endpoints (workspace_id, name, url, host, port, event_types)"
        " values ($1, 'test', $2, '127.0.0.1', $3, '{*}') returning id, public_id",
        workspace_id,
        url,
        int(url.split("/")[2].rpartition(":")[2]),
    )
    if row is None:
        raise RuntimeError("no endpoint was written")
    return row["id"], row["public_id"]


async def publish(scene: Scene, workspace_id: int, count: int) -> None:
    """Write events as a flow would."""
    events = [
        NewEvent(
            id=new_id(),
            aggregatetype="lead",
            aggregateid=str(number),
            type="lead.enriched",
            payload=orjson.dumps({"type": "lead.enriched", "data": {"name": f"Zoë {number}"}}),
            workspace_id=workspace_id,
        )
        for number in range(count)
    ]
    async with scene.pool.acquire() as connection, connection.transaction():
        await insert_events(connection, events)
