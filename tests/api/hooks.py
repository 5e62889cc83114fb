"""A workspace with webhooks: calls below `/v1`, receivers on this machine, events, a dispatcher."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

from service.app import secret_box
from service.dispatcher.loop import Dispatcher
from service.domain.identifiers import new_id
from service.edges.dial_guard import EgressPolicy
from service.edges.receiver_http import ReceiverHTTP
from service.settings import DispatcherSettings
from service.store.events import NewEvent, insert_events
from tests.api.stage import Stage

DEADLINE_S = 10.0


@dataclass
class Receiver:
    """A receiver that gives its scripted statuses in turn, the last one for ever."""

    statuses: list[int]
    url: str = ""
    headers: list[Mapping[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        """Take a request."""
        self.headers.append(request.headers)
        self.bodies.append(await request.read())
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return web.Response(status=status, text=f"answer {status}")


@asynccontextmanager
async def receiving(*statuses: int) -> AsyncIterator[Receiver]:
    """Run a receiver."""
    receiver = Receiver(list(statuses or (204,)))
    application = web.Application()
    application.router.add_post("/in", receiver.take)
    async with TestServer(application) as server:
        receiver.url = str(server.make_url("/in"))
        yield receiver


@dataclass
class Hooks:
    """What tests do with the webhooks of a stage."""

    stage: Stage

    async def call(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, Any]:
        """Call a path below `/v1`; return status and body of the answer."""
        headers = {"X-Api-Key": self.stage.tenant.sendkit_key.text}
        async with self.stage.client.request(
            method, f"/v1{path}", json=body, headers=headers, params=query
        ) as answer:
            return answer.status, await answer.json()

    async def data(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Call a path below `/v1` and return the data of its 200."""
        status, answer = await self.call(method, path, body, **query)
        assert status == 200, answer
        return answer["data"]

    async def create(self, url: str, **fields: Any) -> Any:
        """Make an endpoint for every event and return it."""
        return await self.data(
            "POST", "/webhooks", {"name": "Orders", "url": url, "events": ["*"], **fields}
        )

    async def publish(self, count: int = 1) -> list[UUID]:
        """Write events as a flow would, each in a transaction of its own."""
        events = [_event(self.stage.tenant.id, number) for number in range(count)]
        for event in events:
            async with self.stage.pool.acquire() as connection, connection.transaction():
                await insert_events(connection, [event])
        return [event.id for event in events]

    async def until(self, condition: Callable[[], Awaitable[Any]]) -> Any:
        """Wait until the condition holds and return what it gave."""
        async with asyncio.timeout(DEADLINE_S):
            while not (value := await condition()):
                await asyncio.sleep(0.01)
        return value

    async def count(self, state: str) -> int:
        """Count the deliveries in a state."""
        rows = await self.stage.fetch("select from deliveries where state = $1", state)
        return len(rows)

    async def until_state(self, state: str, count: int = 1) -> None:
        """Wait until exactly so many deliveries are in a state."""

        async def reached() -> bool:
            return await self.count(state) == count

        await self.until(reached)

    @asynccontextmanager
    async def dispatching(self, **settings: Any) -> AsyncIterator[Dispatcher]:
        """Run a dispatcher that turns quickly."""
        process_id = uuid4()
        await self.stage.fetch(
            """insert into processes (id, role, host, pid, started_at, beat_at)
               values ($1, 'dispatcher', 'test', 1, leadfall_now(), leadfall_now() + '1 hour')""",
            process_id,
        )
        async with ReceiverHTTP(EgressPolicy.parse(["127.0.0.0/8"]), _unresolved) as http:
            dispatcher = Dispatcher(
                pool=self.stage.pool,
                http=http,
                box=secret_box(self.stage.context.settings),
                settings=DispatcherSettings(**{"poll_interval_s": 0.02, **settings}),
                process_id=process_id,
                lease_s=2.0,
            )
            await dispatcher.start()
            try:
                yield dispatcher
            finally:
                await dispatcher.stop()


def _event(workspace_id: int, number: int) -> NewEvent:
    body = {"type": "lead.enriched", "timestamp": None, "data": {"name": f"Zoë {number}"}}
    return NewEvent(
        id=new_id(),
        aggregatetype="lead",
        aggregateid=str(number),
        type="lead.enriched",
        payload=orjson.dumps(body),
        workspace_id=workspace_id,
    )


async def _unresolved(_: str) -> tuple[str, ...]:
    return ()
