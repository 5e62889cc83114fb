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
    """A lookup that a vendor works on, and one of the same person that has met it at the gate."""
    async with open_scene(pool, database_url, redis_url, job_type=FIND_EMAIL) as opened:
        await opened.submit_one()
        await opened.accept_one()
        planned = await opened.run_again()
        assert isinstance(planned, PlannedCall)
        await opened.submitter.submit([planned])
        yield opened


async def wake_follower(scene: Scene) -> None:
    """Let the follower look again at once."""
    await scene.shop.pool.execute(
        "update lookups set state = 'ready', owner = null, wake_at = null"
        " where followed_at is not null"
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
    """It has followed in vain, and follows nobody again."""
    await scene.shop.pool.execute(
        "update lookups set state = 'settled', outcome = 'no_answer', wake_at = null, owner = null,"
        " settled_at = leadfall_now() where followed_at is null"
    )
    await wake_follower(scene)

    assert isinstance(await scene.run_again(), PlannedCall)
