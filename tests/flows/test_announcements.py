"""What is announced, and to whom: finished jobs to callers who wait, deliveries to dispatchers."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import asyncpg
import pytest

from service.dispatcher.listener import CHANNEL as DUE
from service.domain.claim import Settlement
from service.flows.settle_lookups import settle_lookups
from service.flows.wait_for_jobs import CHANNEL as FINISHED
from tests.flows.workshop import PUBLICATION, found, new_worker, open_workshop

LAST = "nothing_more"


class Listener:
    """Hears everything that is announced."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._heard: Counter[str] = Counter()
        self._last = asyncio.Event()

    async def start(self) -> None:
        """Begin to listen."""
        for channel in (DUE, FINISHED):
            await self._connection.add_listener(channel, self._hear)
        await self._connection.add_listener(LAST, lambda *_: self._last.set())

    async def heard(self, pool: asyncpg.Pool) -> Counter[str]:
        """Return how often each channel spoke since this was last asked."""
        await pool.execute(f"notify {LAST}")
        async with asyncio.timeout(5):
            await self._last.wait()
        self._last.clear()
        heard, self._heard = self._heard, Counter()
        return heard

    def _hear(self, _connection: object, _pid: int, channel: str, _payload: object) -> None:
        self._heard[channel] += 1


@pytest.fixture
async def listener(database_url: str) -> AsyncIterator[Listener]:
    """A listener on a connection of its own."""
    connection = await asyncpg.connect(database_url)
    listening = Listener(connection)
    await listening.start()
    yield listening
    await connection.close()


@pytest.mark.parametrize(
    ("webhook_url", "announced"),
    [(None, [FINISHED]), ("https://hooks.example.net/s", [DUE, FINISHED])],
    ids=["nobody to tell", "somebody"],
)
async def test_the_end_of_a_job_is_announced_and_no_more(
    pool: asyncpg.Pool, listener: Listener, webhook_url: str | None, announced: list[str]
) -> None:
    """What settles before it wakes nobody, and dispatchers only hear of what they can deliver."""
    shop = await open_workshop(pool)
    await shop.accept(await shop.add_leads(2), webhook_url=webhook_url)
    first, last = await shop.claim(await new_worker(pool))

    async def settle(settlement: Settlement) -> list[str]:
        await settle_lookups(pool, [settlement], PUBLICATION)
        return sorted(await listener.heard(pool))

    assert await settle(found(first)) == []
    assert await settle(found(last)) == announced


async def test_a_disabled_endpoint_s_deliveries_wake_no_dispatcher(
    pool: asyncpg.Pool, listener: Listener
) -> None:
    """They wait until it is enabled."""
    shop = await open_workshop(pool)
    await shop.accept(await shop.add_leads(1))
    await pool.execute(
        "insert into endpoints (workspace_id, name, url, host, port, event_types, enabled)"
        " values ($1, 'off', 'https://off.example.net/', 'off.example.net', 443, '{*}', false)",
        shop.workspace_id,
    )
    [claim] = await shop.claim(await new_worker(pool))

    await settle_lookups(pool, [found(claim)], PUBLICATION)

    assert await pool.fetchval("select count(*) from deliveries where state = 'parked'") > 0
    assert sorted(await listener.heard(pool)) == [FINISHED]
