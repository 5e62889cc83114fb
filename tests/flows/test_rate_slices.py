"""Slices of rates: for how long Redis keeps what it knows of a budget."""

import asyncio

import pytest
from redis.asyncio import Redis

from service.domain.pacing import Rate
from service.edges.rate_slices import Order, RateSlices

STORM = 100
HOUR_S, DAY_S = 3_600.0, 86_400.0


@pytest.mark.parametrize(("held_s", "kept_s"), [(DAY_S, DAY_S + HOUR_S), (0.0, HOUR_S)])
async def test_a_hold_is_kept_until_it_is_over(
    redis_url: str, held_s: float, kept_s: float
) -> None:
    """Whoever asks for slots meanwhile does not shorten it, however long nobody asks after that."""
    slices = RateSlices.connect(redis_url)
    await slices.hold("acme", held_s)

    await slices.reserve(Order("acme", [Rate(0.1)], 1, 0.0, 1.0))

    await slices.close()
    async with Redis.from_url(redis_url) as redis:
        ttl_s = await redis.pttl("leadfall:{rate}:acme") / 1000
    assert ttl_s == pytest.approx(kept_s, abs=5)


async def test_a_storm_of_budgets_is_no_lost_redis(redis_url: str) -> None:
    """However many keys are used at once, each gets its slots."""
    slices = RateSlices.connect(redis_url)
    orders = [Order(f"key{n}", [Rate(0.1)], 1, 0.0, 1.0, pauses=False) for n in range(STORM)]
    async with Redis.from_url(redis_url) as redis:
        # A moment in which no answer comes, so that nobody gets another's connection.
        await redis.client_pause(100)

    found = await asyncio.gather(*(slices.reserve(order) for order in orders))

    await slices.close()
    assert [len(each.slots_at_s) if each else 0 for each in found] == [1] * STORM
