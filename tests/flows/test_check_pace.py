"""Asking vendors about keys: never more often than they allow, by all processes together."""

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from providers.registry import all_providers
from service.edges.rate_slices import RateSlices
from service.errors import KeyChecksLimited
from service.flows.check_pace import CheckPace, tightest

SCALE = 0.1
MINUTE_S = 60 * SCALE
NOWHERE = "redis://127.0.0.1:1/0"
FULLENRICH = all_providers()["fullenrich"]
LIMIT = 60
"""Checks of FullEnrich in a minute."""

OpenPace = Callable[..., CheckPace]


@pytest.fixture
async def open_pace(redis_url: str) -> AsyncIterator[OpenPace]:
    """Open the pace of one more API process."""
    async with AsyncExitStack() as stack:

        def open_one(url: str = redis_url) -> CheckPace:
            pace = CheckPace(RateSlices.connect(url, time_scale=SCALE), time_scale=SCALE)
            stack.push_async_callback(pace.close)
            return pace

        yield open_one


async def check_for(
    pace: CheckPace, seconds: float, *, credential: str | None = None
) -> tuple[list[float], list[int]]:
    """Check keys for so long, one after another; return when they went, and what was refused."""
    loop, went, refused = asyncio.get_running_loop(), list[float](), list[int]()
    until_s = loop.time() + seconds
    while loop.time() < until_s:
        try:
            await pace.wait(FULLENRICH, credential=credential)
            went.append(loop.time())
        except KeyChecksLimited as limited:
            refused.append(limited.retry_after_s)
            await asyncio.sleep(0.05)
    return went, refused


def most_in_a_minute(went: list[float]) -> int:
    """Return the largest number in any sliding minute of the vendor."""
    times = sorted(went)
    return max(bisect_left(times, at_s + MINUTE_S) - place for place, at_s in enumerate(times))


@pytest.mark.parametrize(
    ("slug", "per_minute"), [("icypeas", 30), ("fullenrich", 60), ("hunter", 300), ("enrow", 600)]
)
def test_the_tightest_of_a_vendors_limits_counts(slug: str, per_minute: int) -> None:
    """Which of its budgets a check is counted in is not known of every vendor."""
    assert tightest(all_providers()[slug]).requests_per_minute == per_minute


async def test_two_processes_share_the_vendors_rate(open_pace: OpenPace) -> None:
    """Both together stay within it, and a check waits a second at most."""
    took = await asyncio.gather(*(check_for(open_pace(), MINUTE_S / 2) for _ in range(2)))

    went = [at_s for each, _ in took for at_s in each]
    assert LIMIT * 0.3 < len(went) <= LIMIT * 0.6


async def test_without_redis_a_process_keeps_to_the_rate_by_itself(open_pace: OpenPace) -> None:
    """Nobody is let through because the count is gone."""
    went, _ = await check_for(open_pace(NOWHERE), MINUTE_S / 4)

    assert 1 < len(went) <= LIMIT * 0.3 + 3


async def test_a_check_that_would_wait_for_long_is_refused() -> None:
    """It says when to come again, in whole seconds."""
    pace = CheckPace(None)
    checks = [asyncio.create_task(pace.wait(FULLENRICH)) for _ in range(10)]

    ended = await asyncio.gather(*checks, return_exceptions=True)
    refused = [each for each in ended if isinstance(each, KeyChecksLimited)]

    assert len(refused) == 7
    assert {each.retry_after_s for each in refused} == {2}


async def test_a_key_in_use_is_checked_within_its_own_budget(
    open_pace: OpenPace, redis_url: str
) -> None:
    """A check of it counts among the requests that the workers make with it."""
    slices = RateSlices.connect(redis_url, time_scale=SCALE)
    await slices.hold("fullenrich:key:7:all", 5.0)

    with pytest.raises(KeyChecksLimited) as limited:
        await open_pace().wait(FULLENRICH, credential="key:7")
    await open_pace().wait(FULLENRICH, credential="key:8")
    await slices.close()

    assert limited.value.retry_after_s == 5
