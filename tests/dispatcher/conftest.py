"""Local receivers, and a dispatcher that turns quickly and may reach them."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest
from aiohttp import web
from cryptography.fernet import Fernet
from yarl import URL

from service.dispatcher.loop import Dispatcher
from service.domain.identifiers import new_id
from service.edges.dial_guard import EgressPolicy
from service.edges.receiver_http import ReceiverHTTP
from service.edges.secret_box import SecretBox
from service.flows.create_workspace import NewWorkspace, create_workspace
from service.flows.hold_lease import ProcessLease
from service.settings import DispatcherSettings
from service.store.events import NewEvent, insert_events

LOOPBACK = "127.0.0.1"
DEADLINE_S = 10.0
LEASE_S = 2.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def eventually(condition: Callable[[], Awaitable[Any]]) -> Any:
    """Wait until the condition holds and return what it gave."""
    async with asyncio.timeout(DEADLINE_S):
        while not (value := await condition()):
            await asyncio.sleep(0.01)
    return value


async def unresolved(_: str) -> Sequence[str]:
    """Know no name at all."""
    return ()


@dataclass
class Receiver:
    """A receiver that gives its scripted answers in turn, the last one for ever."""

    answers: list[tuple[int, Mapping[str, str]]]
    url: str = ""
    headers: list[Mapping[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Take a request."""
        self.headers.append(request.headers)
        self.bodies.append(await request.read())
        status, headers = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return web.Response(status=status, headers=headers, text=f"answer {status}")


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Handler], Awaitable[str]]]:
    """Start HTTP servers on loopback; gives the URL of each."""
    async with AsyncExitStack() as stack:

        async def start(handler: Handler) -> str:
            application = web.Application(client_max_size=16 * 1024 * 1024)
            application.router.add_route("*", "/{tail:.*}", handler)
            runner = web.AppRunner(application, shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, LOOPBACK, 0).start()
            return f"http://{LOOPBACK}:{runner.addresses[0][1]}/in"

        yield start


@pytest.fixture
async def receive(
    serve: Callable[[Handler], Awaitable[str]],
) -> Callable[..., Awaitable[Receiver]]:
    """Start receivers that answer with these statuses, or statuses and headers."""

    async def start(*answers: int | tuple[int, Mapping[str, str]]) -> Receiver:
        script = [(one, {}) if isinstance(one, int) else one for one in answers or (204,)]
        receiver = Receiver(list(script))
        receiver.url = await serve(receiver.take)
        return receiver

    return start


@pytest.fixture
async def serve_raw() -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """Start receivers that speak whatever they want over TCP; gives the URL of each."""
    async with AsyncExitStack() as stack:

        async def start(
            talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
        ) -> str:
            async def talk_and_close(
                reader: asyncio.StreamReader, writer: asyncio.StreamWriter
            ) -> None:
                try:
                    with suppress(ConnectionError, EOFError):
                        await talk(reader, writer)
                finally:
                    writer.close()

            server = await asyncio.start_server(talk_and_close, LOOPBACK, 0)
            stack.callback(server.close)
            return f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}/in"

        yield start


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of ours that nobody listens on."""
    with socket.socket() as opened:
        opened.bind((LOOPBACK, 0))
        yield opened.getsockname()[1]


@pytest.fixture
def box() -> SecretBox:
    """A box with a key of its own."""
    return SecretBox([Fernet.generate_key().decode()])


@pytest.fixture
async def workspace(pool: asyncpg.Pool, box: SecretBox) -> NewWorkspace:
    """A workspace with its default secret."""
    return await create_workspace(pool, box, "Acme")


@pytest.fixture
async def http() -> AsyncIterator[ReceiverHTTP]:
    """A client that may reach loopback."""
    async with ReceiverHTTP(EgressPolicy.parse(["127.0.0.0/8"]), unresolved) as client:
        yield client


@pytest.fixture
async def dispatch(
    pool: asyncpg.Pool, http: ReceiverHTTP, box: SecretBox
) -> AsyncIterator[Callable[..., Awaitable[Dispatcher]]]:
    """Start dispatchers with a live process row each; settings by keyword.

    With a lease of its own a dispatcher has to beat for it, as in production.
    """
    async with AsyncExitStack() as stack:

        async def start(
            *,
            client: ReceiverHTTP = http,
            own_lease_s: float | None = None,
            listen_url: str | None = None,
            **settings: Any,
        ) -> Dispatcher:
            lease = ProcessLease(pool, "dispatcher", timedelta(seconds=own_lease_s or LEASE_S))
            if own_lease_s is not None:
                await lease.start()
                stack.push_async_callback(lease.stop)
            dispatcher = Dispatcher(
                pool=pool,
                http=client,
                box=box,
                settings=DispatcherSettings(**{"poll_interval_s": 0.02, **settings}),
                process_id=lease.process_id if own_lease_s else await add_process(pool),
                lease_s=own_lease_s or LEASE_S,
                listen_url=listen_url,
            )
            await dispatcher.start()
            stack.push_async_callback(dispatcher.stop)
            return dispatcher

        yield start


@dataclass
class World:
    """What tests do to the database of one workspace, and ask it."""

    pool: asyncpg.Pool
    workspace: NewWorkspace

    async def add_endpoint(self, url: str, **columns: Any) -> int:
        """Write an endpoint that gets every event."""
        parsed = URL(url)
        values = {
            "workspace_id": self.workspace.id,
            "name": "test",
            "url": url,
            "host": parsed.host,
            "port": parsed.port,
            "event_types": ["*"],
            **columns,
        }
        names, places = ", ".join(values), ", ".join(f"${n + 1}" for n in range(len(values)))
        endpoint_id: int = await self.pool.fetchval(
            f"insert into endpoints ({names}) values ({places}) returning id", *values.values()
        )
        return endpoint_id

    async def publish(
        self,
        count: int = 1,
        *,
        url: str | None = None,
        connection: asyncpg.Connection | None = None,
    ) -> list[UUID]:
        """Write events as a flow would; in the transaction of `connection` if there is one."""
        events = [
            NewEvent(
                id=new_id(),
                aggregatetype="lead",
                aggregateid=str(number),
                type="lead.enriched",
                payload=orjson.dumps({"type": "lead.enriched", "data": {"name": f"Zoë {number}"}}),
                workspace_id=self.workspace.id,
                url=url,
            )
            for number in range(count)
        ]
        if connection is not None:
            await insert_events(connection, events)
            return [event.id for event in events]
        async with self.pool.acquire() as own, own.transaction():
            await insert_events(own, events)
        return [event.id for event in events]

    async def eventually(self, condition: Callable[[], Awaitable[Any]]) -> None:
        """Wait until the condition holds."""
        await eventually(condition)

    async def until_turned(self, dispatcher: Dispatcher, count: int = 2) -> None:
        """Wait until the loop has begun so many turns; one less was then made whole."""
        for _ in range(count):
            moment = time.monotonic()
            await eventually(partial(_turned_after, dispatcher, moment))

    async def delivery(self, event_id: UUID) -> asyncpg.Record:
        """Return the delivery of an event that has one."""
        return await self._row("select * from deliveries where event_id = $1", event_id)

    async def attempts(self, event_id: UUID) -> list[asyncpg.Record]:
        """Return the attempts of an event, in order."""
        return await self.pool.fetch(
            "select * from attempts where event_id = $1 order by number", event_id
        )

    async def endpoint(self, endpoint_id: int) -> asyncpg.Record:
        """Return an endpoint."""
        return await self._row("select * from endpoints where id = $1", endpoint_id)

    async def until_attempted(self, event_id: UUID, number: int = 1) -> asyncpg.Record:
        """Wait until so many attempts are written and return the delivery."""
        await eventually(lambda: self._has_attempts(event_id, number))
        return await self.delivery(event_id)

    async def until_state(self, state: str, count: int = 1) -> None:
        """Wait until exactly so many deliveries are in this state."""
        await eventually(lambda: self._counts(state, count))

    async def until_unsent(self, event_id: UUID) -> asyncpg.Record:
        """Wait until a claim was given up unsent and return the delivery."""
        await eventually(lambda: self._was_unsent(event_id))
        return await self.delivery(event_id)

    async def until_failures(self, endpoint_id: int, count: int) -> None:
        """Wait until an endpoint has exactly so many failures in a row."""
        await eventually(lambda: self._failed(endpoint_id, count))

    async def move_clock(self, seconds: float) -> None:
        """Let that much time pass for everything."""
        await self.pool.execute(
            """insert into clock_shift (shift) values (make_interval(secs => $1))
               on conflict (only_row) do update set shift = clock_shift.shift + excluded.shift""",
            seconds,
        )

    async def _row(self, query: str, key: object) -> asyncpg.Record:
        [row] = await self.pool.fetch(query, key)
        return row

    async def _has_attempts(self, event_id: UUID, number: int) -> bool:
        return len(await self.attempts(event_id)) >= number

    async def _was_unsent(self, event_id: UUID) -> bool:
        delivery = await self.delivery(event_id)
        return bool(delivery["state"] == "due" and delivery["unsent_claim_count"] > 0)

    async def _failed(self, endpoint_id: int, count: int) -> bool:
        return bool((await self.endpoint(endpoint_id))["failure_count"] == count)

    async def _counts(self, state: str, count: int) -> bool:
        found = await self.pool.fetchval("select count(*) from deliveries where state = $1", state)
        return bool(found == count)


@pytest.fixture
def world(pool: asyncpg.Pool, workspace: NewWorkspace) -> World:
    """The database of one workspace."""
    return World(pool, workspace)


async def _turned_after(dispatcher: Dispatcher, moment: float) -> bool:
    return dispatcher.beat > moment


async def add_process(pool: asyncpg.Pool, *, beat_age_s: float = -3_600.0) -> UUID:
    """Write a process row; by default its heartbeat stays good for the whole test."""
    process_id = uuid4()
    await pool.execute(
        """insert into processes (id, role, host, pid, started_at, beat_at)
           values ($1, 'dispatcher', 'test', 1, leadfall_now(),
                   leadfall_now() - make_interval(secs => $2))""",
        process_id,
        beat_age_s,
    )
    return process_id
