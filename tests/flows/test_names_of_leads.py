"""What leads are called takes no key out, whatever a vendor that was sent them says of them."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.flows.submitting import Scene, open_scene
from tests.flows.workshop import FIND_EMAIL

NAME = "Invalid API Key"


@pytest.fixture
async def scene(pool: asyncpg.Pool, database_url: str, redis_url: str) -> AsyncIterator[Scene]:
    """A worker and a vendor that takes submissions."""
    async with open_scene(pool, database_url, redis_url, job_type=FIND_EMAIL) as opened:
        yield opened


@pytest.mark.parametrize(("company_name", "is_out"), [(NAME, False), ("Brightwater", True)])
async def test_where_a_submission_is_refused(
    scene: Scene, company_name: str, *, is_out: bool
) -> None:
    scene.vendor.failure = f"{NAME} was not accepted"

    await scene.submit_one(company_name)

    assert scene.is_key_out() is is_out


@pytest.mark.parametrize(("company_name", "is_out"), [(NAME, False), ("Brightwater", True)])
async def test_where_its_answers_are_read(scene: Scene, company_name: str, *, is_out: bool) -> None:
    await scene.submit_one(company_name)
    scene.vendor.failure = f"{NAME} was not accepted"

    await scene.poll_late(-60)

    assert scene.vendor.polls == 1
    assert scene.is_key_out() is is_out
