"""Who follows a lookup that asks the same takes no place at the gate while it waits."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from service.domain.claim import Settlement
from service.domain.outcome import OutcomeName
from service.flows.planned_call import PlannedCall
from service.flows.run_waterfall import Parked
from tests.flows.submitting import Scene, open_scene
from tests.flows.workshop import FIND_EMAIL


@pytest.fixture
async def scene(pool: asyncpg.Pool, database_url: str, redis_url: str) -> AsyncIterator[Scene]:
    """A lookup that a vendor works on, and one of the same person."""
    async with open_scene(pool, database_url, redis_url, job_type=FIND_EMAIL) as opened:
        await opened.submit_one()
        await opened.accept_one()
        await opened.shop.pool.execute(
            "update lookups set state = 'waiting', wake_at = leadfall_now() + interval '1 hour'"
            " where state = 'ready'"
        )
        yield opened


async def wake_follower(scene: Scene) -> None:
    """Let the follower look again at once."""
    await scene.shop.pool.execute(
        "update lookups set state = 'ready', owner = null, wake_at = null"
        " where id = (select max(id) from lookups)"
    )


async def test_it_waits_beside_the_gate(scene: Scene) -> None:
    """However often it looks, it asks for no place: those are for other people."""
    for _ in range(2):
        await wake_follower(scene)

        assert isinstance(await scene.run_again(), Parked)


async def test_it_takes_the_answer(scene: Scene) -> None:
    """What the one before was told is remembered for it."""
    scene.vendor.ready = True
    await scene.shop.pool.execute(
        "update submissions set poll_at = leadfall_now() where poll_at is not null"
    )
    await scene.poll()
    await scene.settle()
    await wake_follower(scene)

    ended = await scene.run_again()

    assert isinstance(ended, Settlement)
    assert ended.outcome is OutcomeName.FOUND


async def test_it_asks_when_the_one_before_is_gone(scene: Scene) -> None:
    """Nobody is left to follow."""
    await scene.shop.pool.execute(
        "update lookups set state = 'settled', outcome = 'no_answer', wake_at = null, owner = null,"
        " settled_at = leadfall_now() where id = (select min(id) from lookups)"
    )
    await wake_follower(scene)

    assert isinstance(await scene.run_again(), PlannedCall)


async def test_who_was_gathered_at_the_same_time_follows(
    pool: asyncpg.Pool, database_url: str, redis_url: str
) -> None:
    """Nobody asked yet when both were planned: the intent tells."""
    async with open_scene(pool, database_url, redis_url, job_type=FIND_EMAIL) as scene:
        planned = []
        for _ in range(2):
            await scene.accept_one()
            call = await scene.run_again()
            assert isinstance(call, PlannedCall)
            planned.append(call)

        for call in planned:
            await scene.submitter.submit([call])

    assert await pool.fetchval("select array_agg(lookup_id) from calls") == [
        planned[0].claim.lookup_id
    ]
    assert await pool.fetchval("select array_agg(state) from lookups") == ["waiting"] * 2
