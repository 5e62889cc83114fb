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
from contextlib import suppress
from typing import Any, Final

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
POLL_S: Final = 0.1
LINGER_S: Final = 0.002
IN_FLIGHT_MAX: Final = 128

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


class Sketch:
    """Delivers until it is killed."""

    def __init__(self, pool: asyncpg.Pool, http: aiohttp.ClientSession) -> None:
        self._pool = pool
        self._http = http
        self._wake = asyncio.Event()
        self._ended: list[tuple[Any, int]] = []
        self._flush: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, url: str) -> None:
        """Claim, at every notice and every 100 ms."""
        listener = await asyncpg.connect(url)
        await listener.add_listener(CHANNEL, lambda *_: self._wake.set())
        while True:
            self._wake.clear()
            free = min(CLAIM_MAX, IN_FLIGHT_MAX - len(self._tasks))
            rows = await self._pool.fetch(_CLAIM, free) if free else []
            for row in rows:
                task = asyncio.create_task(self._deliver(row))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            if not rows:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), POLL_S)

    async def _deliver(self, row: asyncpg.Record) -> None:
        status = await post(self._http, str(row["id"]), row["url"], row["body"])
        self._ended.append((row["id"], status))
        if self._flush is None:
            self._flush = asyncio.create_task(self._complete())
        if len(self._tasks) >= IN_FLIGHT_MAX:
            self._wake.set()

    async def _complete(self) -> None:
        await asyncio.sleep(LINGER_S)
        ended, self._ended, self._flush = self._ended, [], None
        await self._pool.execute(_COMPLETE, [one[0] for one in ended], [one[1] for one in ended])


async def post(http: aiohttp.ClientSession, event_id: str, url: str, body: bytes) -> int:
    """Sign and send once."""
    async with http.post(
        url, data=body, headers=signed_headers(event_id, body), allow_redirects=False
    ) as response:
        await response.read()
        return response.status


async def drain(pool: asyncpg.Pool, http: aiohttp.ClientSession) -> None:
    """Post every row there is, 128 at a time; the rows are read before it begins."""
    rows = await pool.fetch("select id, url, body from bare_outbox where state = 'due'")
    left = iter(rows)

    async def post_some() -> None:
        for row in left:
            await post(http, str(row["id"]), row["url"], row["body"])

    await asyncio.gather(*(post_some() for _ in range(IN_FLIGHT_MAX)))


async def main(url: str, *, drains: bool) -> None:
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
        await Sketch(pool, http).run(url)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--drain", action="store_true")
    asked = parser.parse_args()
    uvloop.run(main(asked.url, drains=asked.drain))
