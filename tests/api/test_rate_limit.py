"""How many requests a minute a key may send, and how its callers are told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from service.api.application import build_application
from service.edges.rate_limits import RateLimits
from tests.api.conftest import OpenStage
from tests.api.stage import Client, Stage, add_tenant

HEADERS = ("RateLimit-Policy", "RateLimit", "Retry-After")


@pytest.fixture
async def two_processes(redis_url: str) -> AsyncIterator[tuple[RateLimits, RateLimits]]:
    """The limits of two API processes over one Redis."""
    both = (RateLimits.connect(redis_url), RateLimits.connect(redis_url))
    yield both
    for one in both:
        await one.close()


async def ask(stage: Stage, path: str, key: str) -> tuple[int, Any, dict[str, str | None]]:
    """Get a path; return status, body and the headers that tell of the limit."""
    async with stage.client.get(path, headers={"X-Api-Key": key}) as answer:
        shown = {name: answer.headers.get(name) for name in HEADERS}
        return answer.status, await answer.json(), shown


async def test_seleqt_s_own_body_and_the_headers(open_stage: OpenStage) -> None:
    """The request too many is a 429 in the page's body, with when to come again."""
    stage = await open_stage(limits={"requests_per_minute": 2})
    path = f"/api/v1/public/lead-lists/{stage.tenant.people_list}/leads/"
    key = stage.tenant.seleqt_key.text

    answers = [await ask(stage, path, key) for _ in range(3)]

    assert [status for status, _, _ in answers] == [200, 200, 429]
    assert answers[2][1] == {"error": "Rate limit exceeded"}
    assert answers[0][2]["RateLimit-Policy"] == '"default";q=2;w=60'
    assert answers[0][2]["RateLimit"] == '"default";r=1;t=60'
    assert answers[0][2]["Retry-After"] is None
    assert 1 <= int(answers[2][2]["Retry-After"] or 0) <= 60
    assert (answers[2][2]["RateLimit"] or "").startswith('"default";r=0;t=')


async def test_sendkit_s_shape_and_its_own_limit(open_stage: OpenStage) -> None:
    """SendKit's face has its own setting and answers with a code."""
    stage = await open_stage(limits={"sendkit_requests_per_minute": 1})
    key = stage.tenant.sendkit_key.text

    answers = [await ask(stage, "/v1/enrichment/jobs/none", key) for _ in range(2)]

    assert [status for status, _, _ in answers] == [404, 429]
    assert answers[1][1]["error"]["code"] == "RATE_LIMITED"
    assert "at most 1 requests a minute" in answers[1][1]["error"]["message"]


async def test_keys_are_counted_apart(open_stage: OpenStage) -> None:
    """A key's limit is its own, also within a workspace; unknown keys count for nobody."""
    stage = await open_stage(limits={"requests_per_minute": 1})
    other = await add_tenant(stage.pool, "Other", 0)
    path = f"/api/v1/public/lead-lists/{other.people_list}/leads/"

    first, _, _ = await ask(stage, path, other.seleqt_key.text)
    unknown = [await ask(stage, path, "12345678.unknown") for _ in range(2)]
    mine, _, _ = await ask(stage, path, stage.tenant.seleqt_key.text)

    assert (first, mine) == (200, 404)
    assert [status for status, _, _ in unknown] == [401, 401]


async def test_the_default_is_the_page_s_fifty(stage: Stage) -> None:
    """Fifty requests a minute and key without any setting."""
    path = f"/api/v1/public/lead-lists/{stage.tenant.people_list}/leads/"

    _, _, headers = await ask(stage, path, stage.tenant.seleqt_key.text)

    assert headers["RateLimit-Policy"] == '"default";q=50;w=60'


async def test_processes_share_a_limit_through_redis(
    two_processes: tuple[RateLimits, RateLimits],
) -> None:
    """Requests of one key count together wherever they arrive, also many at once."""
    one, other = two_processes

    tallies = await asyncio.gather(
        *(process.count("seleqt:1", 50) for process in (one, other) for _ in range(40))
    )
    apart = await other.count("seleqt:2", 50)

    assert sum(tally.is_within for tally in tallies) == 50
    assert (apart.is_within, apart.remaining, apart.frees_in_s) == (True, 49, 60)
    assert 0 < (await one.count("seleqt:1", 50)).frees_in_s <= 60


async def test_without_redis_each_process_counts() -> None:
    """A Redis that is not there refuses nobody, and the limit holds per process."""
    limits = RateLimits.connect("redis://127.0.0.1:1/0")

    tallies = [await limits.count("seleqt:1", 3) for _ in range(5)]
    await limits.close()

    assert [tally.is_within for tally in tallies] == [True, True, True, False, False]


async def test_a_redis_that_cannot_count_refuses_nobody(redis_url: str) -> None:
    """Whatever Redis answers in place of a count, the process counts by itself."""
    limits = RateLimits.connect(redis_url)
    async with asyncio.timeout(5):
        await limits._redis.set("leadfall:{limit}:seleqt:1", "not a count")  # type: ignore[union-attr]

        tally = await limits.count("seleqt:1", 3)
    await limits.close()

    assert (tally.is_within, tally.remaining) == (True, 2)


async def test_callers_do_not_notice_that_redis_is_gone(
    open_stage: OpenStage, aiohttp_client: Callable[..., Awaitable[Client]]
) -> None:
    """The limit, its body and its headers stay, counted by this process."""
    stage = await open_stage(limits={"requests_per_minute": 2})
    limits = RateLimits.connect("redis://127.0.0.1:1/0")
    context = replace(stage.context, rate_limits=limits)
    alone = Stage(context, await aiohttp_client(build_application(context)), stage.tenant)
    path = f"/api/v1/public/lead-lists/{stage.tenant.people_list}/leads/"

    answers = [await ask(alone, path, stage.tenant.seleqt_key.text) for _ in range(3)]
    await limits.close()

    assert [status for status, _, _ in answers] == [200, 200, 429]
    assert answers[2][1] == {"error": "Rate limit exceeded"}
    assert [None in headers.values() for _, _, headers in answers] == [True, True, False]
