"""What every peer does for a lead: read it, ask the vendor, write what it said.

It does less than a worker of ours: nothing is charged or refunded, no intent is kept, nobody is
told. Two forms, for queues that run coroutines and for those that run threads.
"""

import argparse
import os
from collections.abc import Callable, Sequence
from typing import Any, Final, Self

import aiohttp
import asyncpg
import orjson

SLUG: Final = "findymail"
CONNECTIONS_MAX: Final = 8
AT_ONCE: Final = 64
SCHEMA: Final = (
    "create table peer_results (lead_id bigint primary key, email text,"
    " settled_at timestamptz not null)"
)
READ: Final = "select first_name, last_name, company_domain from leads where id = {}"
WRITE: Final = (
    "with settled as (insert into peer_results (lead_id, email, settled_at)"
    " values ({0}, {1}::text, clock_timestamp()) on conflict do nothing returning lead_id, email)"
    " update leads l set email = s.email, email_source = 'found', email_parses = true,"
    " email_verdict = 'deliverable', updated_at = clock_timestamp()"
    " from settled s where l.id = s.lead_id and s.email is not null"
)
HEADERS: Final = {"Authorization": "Bearer sandbox", "Content-Type": "application/json"}
_FOUND: Final = 200


def database_url() -> str:
    """Return where the leads are."""
    return os.environ["BENCH_DATABASE_URL"]


def redis_url() -> str:
    """Return where the queue is, for those that keep it in Redis."""
    return os.environ["BENCH_REDIS_URL"]


def vendor_base_url() -> str:
    """Return where the vendor is."""
    return os.environ["BENCH_VENDOR_URL"]


def vendor_url() -> str:
    """Return what is asked about people."""
    return vendor_base_url() + "/search/name"


def question(first_name: str, last_name: str, domain: str) -> bytes:
    """Return the body of the request."""
    return orjson.dumps({"name": f"{first_name} {last_name}", "domain": domain})


def email_in(status: int, body: bytes) -> str | None:
    """Return the address in an answer, if there is one."""
    if status != _FOUND:
        return None
    email: str = orjson.loads(body)["contact"]["email"]
    return email


class CoroutineWork:
    """The work, for queues that run coroutines."""

    def __init__(self, pool: asyncpg.Pool, http: aiohttp.ClientSession) -> None:
        self._pool = pool
        self._http = http

    @classmethod
    async def open(cls) -> Self:
        """Connect."""
        pool = await asyncpg.create_pool(database_url(), min_size=2, max_size=CONNECTIONS_MAX)
        http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=HEADERS,
        )
        return cls(pool, http)

    async def run(self, lead_id: int) -> None:
        """Look one lead up."""
        person = await self._pool.fetchrow(READ.format("$1"), lead_id)
        async with self._http.post(vendor_url(), data=question(*person)) as answer:
            email = email_in(answer.status, await answer.read())
        await self._pool.execute(WRITE.format("$1", "$2"), lead_id, email)

    async def close(self) -> None:
        """Disconnect."""
        await self._http.close()
        await self._pool.close()


class ThreadWork:
    """The work, for queues that run threads."""

    def __init__(self) -> None:
        import psycopg_pool
        import urllib3

        self._pool = psycopg_pool.ConnectionPool(
            database_url(), min_size=2, max_size=CONNECTIONS_MAX, open=True
        )
        self._http = urllib3.PoolManager(maxsize=AT_ONCE)

    def run(self, lead_id: int) -> None:
        """Look one lead up."""
        with self._pool.connection() as connection:
            person: Any = connection.execute(READ.format("%s"), (lead_id,)).fetchone()
        answer = self._http.request(
            "POST", vendor_url(), body=question(*person), headers=HEADERS, retries=False
        )
        with self._pool.connection() as connection:
            connection.execute(
                WRITE.format("%s", "%s"), (lead_id, email_in(answer.status, answer.data))
            )


def run_program(enqueue: Callable[[Sequence[int]], None], work: Callable[[], None]) -> None:
    """Be the program of a peer."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    enqueuing = commands.add_parser("enqueue")
    enqueuing.add_argument("first", type=int)
    enqueuing.add_argument("count", type=int)
    commands.add_parser("work")
    asked = parser.parse_args()
    if asked.command == "work":
        work()
    else:
        enqueue(range(asked.first, asked.first + asked.count))
