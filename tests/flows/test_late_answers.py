"""Late answers of submissions: written down and remembered, and never what a lookup goes by."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from service.domain.outcome import OutcomeName
from service.flows.poll_submissions import LATE_EVERY_POLLS, LATE_PATIENCE_S
from service.flows.run_waterfall import Parked
from service.store.statements import load_statements
from tests.flows.submitting import POLL_EVERY_S, SCALE, SLUG, Scene, open_scene
from tests.flows.workshop import FIND_EMAIL


@pytest.fixture
async def scene(pool: asyncpg.Pool, database_url: str, redis_url: str) -> AsyncIterator[Scene]:
    """A worker and a vendor that finds an address."""
    async with open_scene(pool, database_url, redis_url, job_type=FIND_EMAIL) as opened:
        yield opened


async def test_a_late_answer_goes_to_trace_and_memory_only(scene: Scene) -> None:
    """The lookup ended without it and stays so, refunded; the next one profits."""
    claim = await scene.submit_one()
    await scene.poll_late(1)
    await scene.settle()
    before = await scene.settled()
    assert before[0] == [("no_answer", None, "deadline", 3)]
    assert await scene.trace(claim) == [(SLUG, None, None)]

    scene.vendor.ready = True
    await scene.poll_late(10)

    assert await scene.settled() == before
    assert [step[:2] for step in await scene.trace(claim)] == [(SLUG, "found")]
    assert await scene.remembered(claim) == OutcomeName.FOUND
    assert await scene.shop.pool.fetchval("select poll_at from submissions") is None


async def test_a_late_answer_does_not_bring_a_lookup_back(scene: Scene) -> None:
    """One that went on but has not ended yet goes on as if no answer had come."""
    claim = await scene.submit_one()
    await scene.poll_late(1)
    scene.vendor.ready = True
    await scene.poll_late(10)

    await scene.settle()

    assert (await scene.settled())[0] == [("no_answer", None, "deadline", 3)]
    assert [step[:2] for step in await scene.trace(claim)] == [(SLUG, "found")]


async def test_late_answers_are_asked_for_seldom_and_not_for_ever(scene: Scene) -> None:
    """A poll in many intervals; when the patience is over the call ends as what it came to."""
    claim = await scene.submit_one()
    await scene.poll_late(1)
    wait_s = await scene.shop.pool.fetchval(
        "select extract(epoch from poll_at - leadfall_now())::float8 from submissions"
    )
    assert wait_s == pytest.approx(POLL_EVERY_S * LATE_EVERY_POLLS, abs=1)

    await scene.poll_late(LATE_PATIENCE_S * SCALE + 1)
    polls = scene.vendor.polls
    await scene.poll_late(LATE_PATIENCE_S * SCALE + 2)

    assert scene.vendor.polls == polls
    assert await scene.trace(claim) == [(SLUG, "no_answer", None)]


async def test_a_person_erased_meanwhile_is_not_brought_back(scene: Scene) -> None:
    """What was under way when its person was erased leaves neither a trace nor a memory."""
    claim = await scene.submit_one()
    await scene.poll_late(1)
    await scene.settle()
    async with scene.shop.pool.acquire() as connection:
        await connection.execute(load_statements("erasure")["scrub_calls"], [claim.lookup_id])

    scene.vendor.ready = True
    await scene.poll_late(10)

    assert await scene.trace(claim) == [(SLUG, "interrupted", None)]
    assert await scene.remembered(claim) is None


async def test_nobody_follows_a_submission_that_was_given_up(scene: Scene) -> None:
    """Its lookup has gone on but not ended; whoever has the same question asks for itself."""
    await scene.submit_one()
    await scene.poll_late(1)
    await scene.run_again()

    twin = await scene.submit_one()

    assert await scene.trace(twin) == [(SLUG, None, None)]
    assert await scene.shop.pool.fetch("select state from submissions order by created_at") == [
        ("late",),
        ("submitted",),
    ]


async def test_a_submission_that_is_waited_for_is_followed(scene: Scene) -> None:
    """Its answer is for all who ask the same."""
    await scene.submit_one()
    await scene.accept_one()

    assert isinstance(await scene.run_again(), Parked)

    assert await scene.shop.pool.fetchval("select count(*) from calls") == 1
    assert scene.vendor.polls == 0


async def test_a_late_answer_is_for_whoever_asks_the_same(scene: Scene) -> None:
    """What came too late for one lead costs the next one nothing."""
    await scene.submit_one()
    await scene.poll_late(1)
    scene.vendor.ready = True
    await scene.poll_late(10)
    await scene.run_again()

    await scene.accept_one()
    await scene.settle()

    assert ("found", None, 0) in [
        (outcome, reason, refunded) for outcome, _, reason, refunded in (await scene.settled())[0]
    ]
    assert await scene.shop.pool.fetchval("select count(*) from submissions") == 1
