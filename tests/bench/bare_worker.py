"""The least that enriches leads and keeps the promise: intent before the request, settled once.

Three things for each lead: it is claimed and its intent written, in one batched statement that is
committed before the vendor is asked; the request; the answer, the lead's address, the settlement
and the refund of who was not found, in another batched statement. No jobs, gates, rates, budgets,
remembered answers, equal questions, waterfalls, cancelling, leases, events, retries or logs: it has
nothing that takes lookups back when it dies. Run as a program, it works until it is killed.
"""

import argparse
import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

import aiohttp
import asyncpg
import orjson
import uvloop

from tests.bench.peers.work import HEADERS, database_url, email_in, question, vendor_url

SCHEMA: Final = """
create table bare_lookups (
  lead_id bigint primary key, state text not null default 'ready', settled_at timestamptz
);
create index bare_ready on bare_lookups (lead_id) where state = 'ready';
create table bare_calls (
  lead_id bigint primary key, intended_at timestamptz not null, answered_at timestamptz, email text
);
create table bare_refunds (lead_id bigint primary key, credits integer not null);
create table bare_balance (credits bigint not null);
insert into bare_balance values (0);
"""
FILL: Final = "insert into bare_lookups (lead_id) select unnest($1::bigint[])"
DROP: Final = "drop table bare_lookups, bare_calls, bare_refunds, bare_balance"
POLL_S: Final = 0.05
GC_THRESHOLDS: Final = (20_000, 20, 50)
CONNECTIONS_MAX: Final = 4

_CLAIM: Final = """
with claimed as (
  update bare_lookups set state = 'running' where lead_id in (
    select lead_id from bare_lookups where state = 'ready' order by lead_id
    for update skip locked limit $1
  ) returning lead_id
),
intended as (
  insert into bare_calls (lead_id, intended_at) select lead_id, clock_timestamp() from claimed
)
select l.id, l.first_name, l.last_name, l.company_domain
from claimed c join leads l on l.id = c.lead_id"""
_SETTLE: Final = """
with answered as (
  update bare_calls c set answered_at = clock_timestamp(), email = a.email
  from unnest($1::bigint[], $2::text[]) a(lead_id, email)
  where c.lead_id = a.lead_id and c.lead_id = any($1) and c.answered_at is null
  returning c.lead_id, c.email
),
settled as (
  update bare_lookups l set state = 'settled', settled_at = clock_timestamp()
  from answered a where l.lead_id = a.lead_id and l.lead_id = any($1)
),
filled as (
  update leads l set email = a.email, email_source = 'found', email_parses = true,
    email_verdict = 'deliverable', updated_at = clock_timestamp()
  from answered a where l.id = a.lead_id and l.id = any($1) and a.email is not null
),
refunded as (
  insert into bare_refunds (lead_id, credits)
  select lead_id, 3 from answered where email is null returning credits
)
update bare_balance b set credits = b.credits + r.sum
from (select sum(credits) from refunded) r where r.sum > 0"""


@dataclass(frozen=True, slots=True)
class Item:
    """Whom to ask about, and what a worker's lookups know the lead by.

    Attributes:
        person: first name, last name and domain.
    """

    person: tuple[str, str, str]
    claim: Any


class Lookups(Protocol):
    """Where a worker finds whom to ask about, and writes what came of it.

    Attributes:
        claim_max: how many it takes at once; it does so when fewer are left.
        linger_s: for how long answers wait for others before they are settled together.
    """

    claim_max: int
    linger_s: float

    async def claim(self) -> list[Item]:
        """Take leads that nobody has, with their intents committed."""
        ...

    async def ask(self, http: aiohttp.ClientSession, item: Item) -> Any:
        """Ask the vendor, and return what came of it in whatever form it is settled."""
        ...

    async def settle(self, answered: Sequence[tuple[Item, Any]]) -> None:
        """Write what came of each."""
        ...


async def ask_plainly(http: aiohttp.ClientSession, item: Item) -> str | None:
    """Return the address that the vendor knows, if any."""
    async with http.post(vendor_url(), data=question(*item.person)) as answer:
        return email_in(answer.status, await answer.read())


OpenLookups = Callable[[], AbstractAsyncContextManager[Lookups]]


class BareLookups:
    """Tables of its own: two statements, one for each batch."""

    claim_max = 256
    linger_s = 0.005

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[Lookups]:
        """Connect."""
        async with asyncpg.create_pool(
            database_url(), min_size=2, max_size=CONNECTIONS_MAX
        ) as pool:
            yield cls(pool)

    async def claim(self) -> list[Item]:
        """Take leads that nobody has, with their intents committed."""
        rows = await self._pool.fetch(_CLAIM, self.claim_max)
        return [Item((first, last, domain), lead_id) for lead_id, first, last, domain in rows]

    async def ask(self, http: aiohttp.ClientSession, item: Item) -> str | None:
        """Return the address that the vendor knows, if any."""
        return await ask_plainly(http, item)

    async def settle(self, answered: Sequence[tuple[Item, str | None]]) -> None:
        """Write the address that was found for each, or that there is none."""
        ordered = sorted((item.claim, email) for item, email in answered)
        await self._pool.execute(
            _SETTLE, [each[0] for each in ordered], [each[1] for each in ordered]
        )


class Worker:
    """So many requests at once; claims the next leads while they run, settles side by side."""

    def __init__(self, lookups: Lookups, http: aiohttp.ClientSession, at_once: int) -> None:
        self._lookups = lookups
        self._http = http
        self._at_once = at_once
        self._claimed: asyncio.Queue[Item] = asyncio.Queue()
        self._low = asyncio.Event()
        self._answered: list[tuple[Item, Any]] = []
        self._tasks = asyncio.TaskGroup()
        self._lingering = False

    async def run(self) -> None:
        """Work until the end of the process."""
        async with self._tasks:
            self._tasks.create_task(self._claim())
            for _ in range(self._at_once):
                self._tasks.create_task(self._look_up())

    async def _claim(self) -> None:
        while True:
            self._low.clear()
            items = await self._lookups.claim()
            for item in items:
                self._claimed.put_nowait(item)
            if not items:
                await asyncio.sleep(POLL_S)
            elif not self._is_low():
                await self._low.wait()

    def _is_low(self) -> bool:
        return self._claimed.qsize() < self._lookups.claim_max

    async def _look_up(self) -> None:
        while True:
            item = await self._claimed.get()
            if self._is_low():
                self._low.set()
            came = await self._lookups.ask(self._http, item)
            # Looked up after the wait: meanwhile it may have become another list.
            self._answered.append((item, came))
            if not self._lingering:
                self._lingering = True
                self._tasks.create_task(self._settle())

    async def _settle(self) -> None:
        await asyncio.sleep(self._lookups.linger_s)
        answered, self._answered, self._lingering = self._answered, [], False
        await self._lookups.settle(answered)


async def main(open_lookups: OpenLookups, at_once: int) -> None:
    """Connect, say so, and work."""
    async with (
        open_lookups() as lookups,
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=HEADERS,
        ) as http,
    ):
        # As our processes do: what is loaded now stays, and what comes holds no cycles.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        sys.stdout.buffer.write(orjson.dumps({"ready": True}) + b"\n")
        sys.stdout.buffer.flush()
        await Worker(lookups, http, at_once).run()


def run_program(open_lookups: OpenLookups) -> None:
    """Be the program."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--at-once", type=int, default=64)
    uvloop.run(main(open_lookups, parser.parse_args().at_once))


if __name__ == "__main__":
    run_program(BareLookups.open)
