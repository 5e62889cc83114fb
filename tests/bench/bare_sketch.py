"""The least that delivers from an outbox: claim, sign, POST, complete; what ours is held against.

No caps, no numbers, no retries, no guard, no evidence. Run as a program: with `--drain` it only
signs and posts what is in the table, without the database, as fast as its client can.
"""

import argparse
import asyncio
import base64
import hmac
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

import aiohttp
import asyncpg
import orjson
import uvloop

SCHEMA: Final = """
create table bare_outbox (
  id uuid primary key, url text not null, body bytea not null, state text not null default 'due',
  created_at timestamptz not null default now()
);
create index bare_due on bare_outbox (created_at) where state = 'due';
create table bare_attempts (id uuid not null, status integer, ended_at timestamptz default now());
"""
INSERT: Final = "insert into bare_outbox (id, url, body) values ($1, $2, $3)"
CHANNEL: Final = "bare_due"
CLAIM_MAX: Final = 128
CLAIM_MIN: Final = 64
"""It claims with so much room at least; claims of less cost more than they bring."""
POLL_S: Final = 0.1
LINGER_S: Final = 0.002
IN_FLIGHT_MAX: Final = 256
DRAINED_AT_ONCE: Final = 128

_KEY: Final = bytes(range(32))
_CLAIM: Final = """
update bare_outbox set state = 'sending' where id in (
  select id from bare_outbox where state = 'due' order by created_at
  for update skip locked limit $1
) returning id, url, body"""
_COMPLETE: Final = """
with ended as (select * from unnest($1::uuid[], $2::integer[]) as e(id, status)),
logged as (insert into bare_attempts (id, status) select id, status from ended)
update bare_outbox b set state = 'delivered' from ended where b.id = ended.id"""


def signed_headers(event_id: str, body: bytes) -> dict[str, str]:
    """Return the three headers of Standard Webhooks."""
    timestamp = str(int(time.time()))
    digest = hmac.new(_KEY, f"{event_id}.{timestamp}.".encode(), "sha256")
    digest.update(body)
    return {
        "content-type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": "v1," + base64.b64encode(digest.digest()).decode(),
    }


@dataclass(frozen=True, slots=True)
class Item:
    """What is to be sent, and what its outbox knows it by."""

    event_id: str
    url: str
    body: bytes
    claim: Any


class Outbox(Protocol):
    """Where a sketch finds what is due, and writes what came of it."""

    async def claim(self, count_max: int) -> list[Item]:
        """Take what is due; nobody else gets it."""
        ...

    async def complete(self, ended: Sequence[tuple[Item, int]]) -> None:
        """Write the status with which each was answered."""
        ...


OpenOutbox = Callable[[asyncpg.Pool], Awaitable[Outbox]]


class BareOutbox:
    """A table of its own: two statements, one for each batch."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @classmethod
    async def open(cls, pool: asyncpg.Pool) -> Self:
        """Take the pool: there is nothing to learn."""
        return cls(pool)

    async def claim(self, count_max: int) -> list[Item]:
        """Take what is due; nobody else gets it."""
        rows = await self._pool.fetch(_CLAIM, count_max)
        return [Item(str(row["id"]), row["url"], row["body"], row["id"]) for row in rows]

    async def complete(self, ended: Sequence[tuple[Item, int]]) -> None:
        """Write the status with which each was answered."""
        ids, statuses = [item.claim for item, _ in ended], [status for _, status in ended]
        await self._pool.execute(_COMPLETE, ids, statuses)


class Sketch:
    """Delivers until it is killed.

    It claims as soon as there is room for half a claim, while what it has is being sent; batches
    are completed side by side.
    """

    def __init__(self, outbox: Outbox, http: aiohttp.ClientSession) -> None:
        self._outbox = outbox
        self._http = http
        self._wake = asyncio.Event()
        self._ended: list[tuple[Item, int]] = []
        self._flush: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, url: str) -> None:
        """Claim, at every notice and every 100 ms."""
        listener = await asyncpg.connect(url)
        await listener.add_listener(CHANNEL, lambda *_: self._wake.set())
        while True:
            self._wake.clear()
            room = IN_FLIGHT_MAX - len(self._tasks)
            items = await self._outbox.claim(min(CLAIM_MAX, room)) if room >= CLAIM_MIN else []
            for item in items:
                task = asyncio.create_task(self._deliver(item))
                self._tasks.add(task)
                task.add_done_callback(self._end)
            if not items:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), POLL_S)

    async def _deliver(self, item: Item) -> None:
        status = await post(self._http, item.event_id, item.url, item.body)
        self._ended.append((item, status))
        if self._flush is None:
            self._flush = asyncio.create_task(self._complete())

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if IN_FLIGHT_MAX - len(self._tasks) == CLAIM_MIN:
            self._wake.set()

    async def _complete(self) -> None:
        await asyncio.sleep(LINGER_S)
        ended, self._ended, self._flush = self._ended, [], None
        await self._outbox.complete(ended)


async def post(http: aiohttp.ClientSession, event_id: str, url: str, body: bytes) -> int:
    """Sign and send once."""
    async with http.post(
        url, data=body, headers=signed_headers(event_id, body), allow_redirects=False
    ) as response:
        await response.read()
        return response.status


async def drain(pool: asyncpg.Pool, http: aiohttp.ClientSession) -> None:
    """Post every row there is, so many at a time; the rows are read before it begins."""
    rows = await pool.fetch("select id, url, body from bare_outbox where state = 'due'")
    left = iter(rows)

    async def post_some() -> None:
        for row in left:
            await post(http, str(row["id"]), row["url"], row["body"])

    await asyncio.gather(*(post_some() for _ in range(DRAINED_AT_ONCE)))


async def main(url: str, open_outbox: OpenOutbox, *, drains: bool) -> None:
    """Say that it is there, then work."""
    async with (
        asyncpg.create_pool(url, min_size=2, max_size=8) as pool,
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
        ) as http,
    ):
        sys.stdout.buffer.write(orjson.dumps({"ready": True}) + b"\n")
        sys.stdout.buffer.flush()
        if drains:
            await drain(pool, http)
            # Its processor time is read when everything has arrived: it is ended then.
            await asyncio.Event().wait()
        await Sketch(await open_outbox(pool), http).run(url)


def run_program(open_outbox: OpenOutbox) -> None:
    """Be the program."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--drain", action="store_true")
    asked = parser.parse_args()
    uvloop.run(main(asked.url, open_outbox, drains=asked.drain))


if __name__ == "__main__":
    run_program(BareOutbox.open)
