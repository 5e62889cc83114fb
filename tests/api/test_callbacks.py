"""Vendors calling back: what a call may do, and that its word alone is never believed."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from service.store.connection import Pool
from service.store.submissions import claim_due_submissions
from tests.api.stage import Stage
from tests.flows.submitting import LEASE, SLUG, TASK, Scene, open_scene
from tests.flows.workshop import TYPES, new_worker

PUBLIC_URL = "https://leadfall.test"


@pytest.fixture
async def scene(pool: Pool, database_url: str, redis_url: str) -> AsyncIterator[Scene]:
    """A worker that says where it can be called back, and a vendor not to be asked twice."""
    async with open_scene(
        pool, database_url, redis_url, job_type=TYPES["FIND_PHONE"], public_url=PUBLIC_URL
    ) as opened:
        yield opened


async def call_back(stage: Stage, path: str, handle: str = TASK) -> tuple[int, Any]:
    """Call back as the vendor does; return status and body of the answer."""
    async with stage.client.post(path, json={"id": handle}) as answer:
        return answer.status, await answer.json()


def path_of(scene: Scene) -> str:
    """Return where the vendor was told to call."""
    return urlsplit(scene.vendor.told["webhook"]).path


async def submission(stage: Stage) -> tuple[Any, ...]:
    """Return how the one submission stands: its state, what a callback calls it, if it is due."""
    row = await stage.pool.fetchrow(
        "select state, claimed_handle, coalesce(poll_at <= leadfall_now(), false) from submissions"
    )
    return tuple(row)


async def test_a_callback_brings_the_poll_forward(stage: Stage, scene: Scene) -> None:
    """The vendor's pace need not be waited for once it says that it is ready."""
    await scene.submit_one()
    await stage.pool.execute("update submissions set poll_at = leadfall_now() + interval '1 hour'")

    assert await call_back(stage, path_of(scene)) == (200, {"success": True})

    assert await submission(stage) == ("submitted", None, True)
    assert len(stage.rings) == 1


@pytest.mark.parametrize("path", ["bettercontact/unknown", "nobody/{token}", "enrow/{token}"])
async def test_a_token_is_good_for_its_own_submission_only(
    stage: Stage, scene: Scene, path: str
) -> None:
    """One that nobody gave out, or that another provider brings, does nothing."""
    await scene.submit_one()
    before = await submission(stage)
    token = path_of(scene).rpartition("/")[2]

    status, _ = await call_back(stage, "/v1/callbacks/" + path.format(token=token))

    assert status == 404
    assert await submission(stage) == before
    assert stage.rings == []


async def test_a_callback_that_is_faster_than_its_handle_is_not_lost(
    stage: Stage, scene: Scene
) -> None:
    """It came before the answer to the submit was stored; storing that makes the poll due."""
    scene.vendor.before_answer = lambda: call_back(stage, path_of(scene))

    await scene.submit_one()

    assert await submission(stage) == ("submitted", TASK, True)


async def test_a_callback_makes_up_for_a_lost_answer(stage: Stage, scene: Scene) -> None:
    """Whoever lost the vendor's id waits for it, and fetches what was paid for with it."""
    scene.vendor.mute = scene.vendor.ready = True
    claim = await scene.submit_one()
    assert await submission(stage) == ("intended", None, False)
    # It looks for the answer, and goes on waiting.
    await scene.look_again()
    await scene.poll()
    assert scene.vendor.polls == 0

    await call_back(stage, path_of(scene))
    await scene.poll()
    await scene.settle()

    assert (await submission(stage))[0] == "answered"
    assert [step[:2] for step in await scene.trace(claim)] == [(SLUG, "found")]
    assert await stage.pool.fetchval("select outcome from lookups") == "found"


async def test_a_poll_that_came_to_nothing_is_made_again(stage: Stage, scene: Scene) -> None:
    """What only its callback names is not left with a living worker that polls it no more."""
    scene.vendor.mute = scene.vendor.ready = True
    claim = await scene.submit_one()
    await call_back(stage, path_of(scene))
    async with stage.pool.acquire() as connection:
        await claim_due_submissions(
            connection, scene.owner, busy=[], count_max=1, hold_s=60.0, lease=LEASE
        )

    await scene.poller.give_back()
    await scene.poll()

    assert (await submission(stage))[0] == "answered"
    assert [step[:2] for step in await scene.trace(claim)] == [(SLUG, "found")]


async def test_what_another_worker_polls_by_its_callback_is_left_to_it(
    stage: Stage, scene: Scene
) -> None:
    """Its claim stands for as long as it beats."""
    scene.vendor.mute = True
    await scene.submit_one()
    await call_back(stage, path_of(scene))
    async with stage.pool.acquire() as connection:
        await claim_due_submissions(
            connection, await new_worker(stage.pool), busy=[], count_max=1, hold_s=60.0, lease=LEASE
        )

    await scene.poller.give_back()
    await scene.poll()

    assert scene.vendor.polls == 0


async def test_what_is_still_being_submitted_is_not_given_back(stage: Stage, scene: Scene) -> None:
    """A callback that is faster than its handle has nobody poll before the handle is stored."""

    async def overtake() -> None:
        await call_back(stage, path_of(scene))
        await scene.poller.give_back()
        await scene.poll()

    scene.vendor.before_answer = overtake

    await scene.submit_one()

    assert scene.vendor.polls == 0
    assert await submission(stage) == ("submitted", TASK, True)


async def test_a_handle_that_leads_to_others_is_forgotten(stage: Stage, scene: Scene) -> None:
    """What it names is fetched with our key, and believed only where it names our own rows."""
    scene.vendor.mute = scene.vendor.ready = True
    claim = await scene.submit_one()

    await call_back(stage, path_of(scene), "somebody-elses")
    await scene.poll()

    assert scene.vendor.polls == 1
    assert await submission(stage) == ("intended", None, False)
    assert [step[:2] for step in await scene.trace(claim)] == [(SLUG, None)]


async def test_a_lost_answer_without_a_callback_ends_after_the_wait(
    stage: Stage, scene: Scene
) -> None:
    """Nobody waits for ever: the lookup ends as no answer, refunded, and asked once."""
    scene.vendor.mute = True
    await scene.submit_one()
    await stage.pool.execute("update calls set intended_at = intended_at - interval '1 hour'")
    await stage.pool.execute("update lookups set state = 'ready', wake_at = null")

    await scene.settle()

    ended = await stage.pool.fetchrow("select outcome, reason, refunded from lookups")
    assert tuple(ended) == ("no_answer", "interrupted", 3)
    assert await stage.pool.fetchval("select ask_count from calls") == 1
