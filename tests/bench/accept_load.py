"""Requests that enrich leads: through the API over HTTP, and as the bare statement behind it."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

import asyncpg
import orjson
import uvloop

from service.domain.api_key import ApiKey, new_key
from service.domain.identifiers import new_id, new_job_public_id
from service.domain.kinds import JOB_TYPES, Face
from service.flows.accept_jobs import ASYNC_PRIORITY
from service.store.acceptance import NewJob, NewRequest, write_requests
from service.store.connection import prepare_connection
from tests.faults.fleet import Fleet, launch

BARE_CONNECTIONS: Final = 16
BALANCE: Final = 1_000_000_000
PRICE: Final = 1
WATERFALL: Final = "bench"
EMAIL: Final = next(each for each in JOB_TYPES if each.requested_as == "email")


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: whose it is, and which leads it enriches."""

    key: str = field(repr=False)
    workspace_id: int
    lead_ids: tuple[int, ...]
    lead_public_ids: tuple[str, ...]

    def as_bytes(self) -> bytes:
        """Return it as HTTP."""
        body = orjson.dumps(
            {"leadIds": self.lead_public_ids, "enrichmentTypes": [EMAIL.requested_as]}
        )
        head = (
            "POST /v1/enrichment/enrich HTTP/1.1\r\nHost: leadfall\r\n"
            f"Authorization: Bearer {self.key}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def as_request(self) -> NewRequest:
        """Return it as the statement takes it."""
        job = NewJob(
            id=new_id(),
            public_id=new_job_public_id(EMAIL),
            type=EMAIL.shown_as,
            kind=EMAIL.kind,
            target=EMAIL.kind.target,
            price=PRICE,
            own_provider=None,
            waterfall_version=WATERFALL,
        )
        return NewRequest(
            id=new_id(),
            workspace_id=self.workspace_id,
            face=Face.SENDKIT,
            mode="async",
            priority=ASYNC_PRIORITY,
            list_id=None,
            webhook_url=None,
            metadata=None,
            lead_events=False,
            idempotency=None,
            facts={},
            jobs=[job],
            lead_ids=(),
            lead_public_ids=self.lead_public_ids,
            skip_filled=False,
            expected_count=len(self.lead_public_ids),
        )


class Caller(asyncio.Protocol):
    """One connection that is kept: it asks, and asks again when the answer is there."""

    __slots__ = ("_asks", "_done", "_received", "_transport")

    def __init__(self, asks: Iterator[bytes], done: "asyncio.Future[None]") -> None:
        self._asks = asks
        self._done = done
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no class of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator or len(body) < _content_length(head):
            return
        self._received = b""
        if head[9:12] == b"200":
            self._ask()
        elif not self._done.done():
            self._done.set_exception(RuntimeError(body.decode()))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the API closed the connection"))

    def _ask(self) -> None:
        if self._transport is None:
            return
        request = next(self._asks, None)
        if request is not None:
            self._transport.write(request)
            return
        if not self._done.done():
            self._done.set_result(None)
        self._transport.close()


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def open_fleet(folder: Path) -> Fleet:
    """Start an API that lets a key ask as often as it likes."""
    fleet = await launch(folder, roles=())
    fleet.environment["LEADFALL_LIMITS__SENDKIT_REQUESTS_PER_MINUTE"] = "100000000"
    await fleet.start("api")
    return fleet


async def seed(fleet: Fleet, *, workspaces: int, requests: int, leads: int) -> list[Ask]:
    """Make workspaces in which so many requests of so many leads each can be made, in turn."""
    keys = [new_key(Face.SENDKIT) for _ in range(workspaces)]
    async with await fleet.pool() as pool:
        ids = await _add_workspaces(pool, keys)
        await pool.execute(
            "insert into leads (workspace_id, first_name, last_name, company_domain)"
            " select w.id, 'Ada', 'Ng' || n, 'brightwater.leadfall'"
            " from unnest($1::bigint[]) with ordinality as w(id, place),"
            "      generate_series(0, $2 - 1) n"
            " where n / $3 % $4 = w.place - 1 order by n",
            ids, requests * leads, leads, workspaces,
        )  # fmt: skip
        rows = await pool.fetch(
            "select id, public_id from leads where workspace_id = any($1) order by id", ids
        )
        await pool.execute("vacuum analyze leads, workspaces")
    chunks = [rows[first : first + leads] for first in range(0, len(rows), leads)]
    return [
        Ask(
            keys[place % workspaces].text,
            ids[place % workspaces],
            tuple(row["id"] for row in chunk),
            tuple(row["public_id"] for row in chunk),
        )
        for place, chunk in enumerate(chunks)
    ]


async def _add_workspaces(pool: asyncpg.Pool, keys: Sequence[ApiKey]) -> list[int]:
    rows = await pool.fetch(
        "with made as (insert into workspaces (public_id, name, balance)"
        "  select leadfall_object_id(), 'bench', $2 from generate_series(1, $1) returning id),"
        " granted as (insert into ledger (workspace_id, kind, amount, created_at)"
        "  select id, 'grant', $2, leadfall_now() from made)"
        " select id from made order by id",
        len(keys),
        BALANCE,
    )
    ids = [row["id"] for row in rows]
    await pool.execute(
        "insert into api_keys (workspace_id, face, name, hint, key_hash)"
        " select k.id, 'sendkit', 'bench', 'bench', k.hash"
        " from unnest($1::bigint[], $2::bytea[]) as k(id, hash)",
        ids,
        [key.hash for key in keys],
    )
    return ids


async def forget_jobs(fleet: Fleet) -> None:
    """Forget what was accepted, so that the same leads can be asked for again."""
    async with await fleet.pool() as pool:
        await pool.execute("truncate jobs, lookups, calls, events, deliveries")
        await pool.execute("delete from ledger where kind <> 'grant'")
        await pool.execute("update workspaces set balance = $1", BALANCE)
        await pool.execute("vacuum analyze ledger, workspaces, jobs, lookups, events, deliveries")


async def through_api(fleet: Fleet, asks: Sequence[Ask], *, callers: int) -> float:
    """Send all of them over so many connections; return how many were accepted in a second."""
    address = urlsplit(fleet.base_url)
    requests = [ask.as_bytes() for ask in asks]

    async def send() -> float:
        loop = asyncio.get_running_loop()
        left = iter(requests)
        ends: list[asyncio.Future[None]] = [loop.create_future() for _ in range(callers)]
        began_s = time.perf_counter()
        for end in ends:
            await loop.create_connection(
                lambda end=end: Caller(left, end),  # type: ignore[misc]
                address.hostname,
                address.port,
            )
        await asyncio.gather(*ends)
        return len(requests) / (time.perf_counter() - began_s)

    return await asyncio.to_thread(uvloop.run, send())


async def through_statement(fleet: Fleet, asks: Sequence[Ask]) -> float:
    """Execute the statement for each of them, over sixteen connections and with nothing else."""
    requests = [ask.as_request() for ask in asks]

    async def execute() -> float:
        left = iter(requests)
        connections = await asyncio.gather(
            *(_connect(fleet.postgres.url) for _ in range(BARE_CONNECTIONS))
        )
        try:
            began_s = time.perf_counter()
            await asyncio.gather(*(_execute(each, left) for each in connections))
            return len(requests) / (time.perf_counter() - began_s)
        finally:
            await asyncio.gather(*(each.close() for each in connections))

    return await asyncio.to_thread(uvloop.run, execute())


async def _connect(url: str) -> asyncpg.Connection:
    connection = await asyncpg.connect(url, server_settings={"jit": "off"})
    await prepare_connection(connection)
    return connection


async def _execute(connection: asyncpg.Connection, requests: Iterable[NewRequest]) -> Any:
    for request in requests:
        await write_requests(connection, [request])
