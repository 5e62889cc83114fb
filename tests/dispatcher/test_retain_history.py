"""What was delivered is kept as long as the operator says, and let go of in bounded steps."""

from typing import Any

import asyncpg
import pytest

from service.flows.retain_history import retain_history
from service.settings import RetentionSettings
from service.store.delivery_history import read_missed
from service.store.retention import fold_tallies

DAY_S = 86_400.0


@pytest.fixture
async def parked(world: Any) -> int:
    """An endpoint that is off, at which five deliveries wait."""
    endpoint_id: int = await world.add_endpoint("https://a.example/in", enabled=False)
    for _ in range(5):
        await world.publish()
    return endpoint_id


async def states(pool: asyncpg.Pool) -> list[str]:
    """Return the states of all deliveries, the oldest event first."""
    rows = await pool.fetch("select state from deliveries order by event_created_at, event_id")
    return [row["state"] for row in rows]


async def test_too_many_parked_expire_oldest_first(pool: asyncpg.Pool, parked: int) -> None:
    """Beyond the bound the oldest expire, and their endpoint counts them."""
    forgotten = await retain_history(pool, RetentionSettings(parked_max=3))
    await fold_tallies(pool, 100)

    assert await states(pool) == ["expired"] * 2 + ["parked"] * 3
    assert forgotten.expired == 2
    counted = await pool.fetchval("select expired_count from endpoints where id = $1", parked)
    assert counted == 2


async def test_parked_for_too_long_expires(world: Any, pool: asyncpg.Pool, parked: int) -> None:
    """After thirty days nothing waits for its endpoint any more; until then all of it does."""
    await world.move_clock(29 * DAY_S)
    await retain_history(pool, RetentionSettings())
    waiting = await states(pool)
    await world.move_clock(2 * DAY_S)
    await retain_history(pool, RetentionSettings())

    assert waiting == ["parked"] * 5
    assert await states(pool) == ["expired"] * 5


async def test_what_expired_leaves_a_gap_to_be_seen(
    world: Any, pool: asyncpg.Pool, receive: Any, dispatch: Any
) -> None:
    """What comes after it has a higher number, and the events are still there to be read."""
    receiver = await receive(204)
    endpoint_id = await world.add_endpoint(receiver.url, enabled=False)
    missed = await world.publish(3)
    await world.move_clock(31 * DAY_S)
    await retain_history(pool, RetentionSettings())
    await pool.execute("update endpoints set enabled = true")
    await dispatch()

    await world.publish()
    await world.until_state("delivered")

    assert [headers["webhook-sequence"] for headers in receiver.headers] == ["4"]
    async with pool.acquire() as connection:
        rows = await read_missed(connection, endpoint_id, after=0, limit=3)
    assert [(row.event_id, row.sequence, row.state) for row in rows] == [
        (event_id, number, "expired") for number, event_id in enumerate(missed, 1)
    ]


async def test_parked_at_a_deleted_endpoint_is_withdrawn(pool: asyncpg.Pool, parked: int) -> None:
    """Nobody can enable it again."""
    await pool.execute("update endpoints set deleted_at = leadfall_now() where id = $1", parked)

    await retain_history(pool, RetentionSettings())

    assert await states(pool) == ["withdrawn"] * 5


async def test_old_days_are_dropped_whole(
    world: Any, pool: asyncpg.Pool, receive: Any, dispatch: Any
) -> None:
    """Events, their finished deliveries and the attempts go when their time is over."""
    receiver = await receive(204)
    await world.add_endpoint(receiver.url)
    dispatcher = await dispatch()
    await world.publish(3)
    await world.until_state("delivered", 3)
    await dispatcher.stop()
    await world.move_clock(32 * DAY_S)
    first = await retain_history(pool, RetentionSettings())
    after_a_month = [await pool.fetchval(f"select count(*) from {t}") for t in TABLES]
    await world.move_clock(60 * DAY_S)
    second = await retain_history(pool, RetentionSettings())
    after_a_quarter = [await pool.fetchval(f"select count(*) from {t}") for t in TABLES]

    assert (after_a_month, after_a_quarter) == ([3, 3, 0], [0, 0, 0])
    assert {name.partition("_")[0] for name in first.partitions} == {"attempts"}
    assert {name.partition("_")[0] for name in second.partitions} == {"events", "attempts"}


TABLES = ("events", "deliveries", "attempts")


async def test_a_delivery_that_waits_outlives_its_days(world: Any, pool: asyncpg.Pool) -> None:
    """Only what is finished is deleted, however old."""
    await world.add_endpoint("https://a.example/in")
    await world.publish()
    await world.move_clock(1_000 * DAY_S)

    await retain_history(pool, RetentionSettings())

    assert await states(pool) == ["due"]


async def test_what_was_delivered_is_counted_at_its_endpoint(
    world: Any, pool: asyncpg.Pool, receive: Any, dispatch: Any
) -> None:
    """Each batch leaves a tally, and folding loses and doubles none."""
    receiver = await receive(204)
    endpoint_id = await world.add_endpoint(receiver.url)
    await dispatch()
    await world.publish(7)
    await world.until_state("delivered", 7)

    await fold_tallies(pool, 1)
    await fold_tallies(pool, 100)
    await fold_tallies(pool, 100)

    endpoint = await world.endpoint(endpoint_id)
    assert (endpoint["delivered_count"], endpoint["failed_count"]) == (7, 0)
    assert endpoint["last_delivered_at"] is not None


async def test_expired_secrets_are_deleted_after_a_week(world: Any, pool: asyncpg.Pool) -> None:
    """The current one stays for ever."""
    await pool.execute(
        """insert into signing_secrets (workspace_id, ciphertext, expires_at)
           select workspace_id, ciphertext, leadfall_now() from signing_secrets"""
    )
    await world.move_clock(8 * DAY_S)

    await retain_history(pool, RetentionSettings())

    assert await pool.fetchval("select count(*) from signing_secrets") == 1
