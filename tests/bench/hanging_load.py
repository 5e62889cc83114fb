"""Events of which a fifth goes to receivers that hang, in turn with the same without these."""

import asyncio
from typing import Final

from tests.bench.conftest import Scale
from tests.bench.webhook_load import Course, latencies_ms

HEALTHY: Final = 16
HANGING: Final = 4
RATE: Final = 100
RATE_TO_HEALTHY: Final = RATE * HEALTHY // (HEALTHY + HANGING)
WARM_UP_S: Final = 3.0
TIMEOUT_S: Final = 15.0


async def latencies_without_and_with_hanging(
    course: Course, scale: Scale
) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    """Return, for each repeat, the times of the events for healthy receivers.

    Args:
        course: with so many healthy receivers and so many that hang.

    Returns:
        In milliseconds by id: while nobody hangs, and beside a fifth of the traffic that does.
    """
    alone, beside = [], []
    everybody, healthy = course.workspaces, course.workspaces[:HEALTHY]
    for seconds in (WARM_UP_S, *[scale.seconds] * scale.repeats):
        course.workspaces = healthy
        alone.append(
            await latencies_ms(course, course.publish, rate=RATE_TO_HEALTHY, seconds=seconds)
        )
        course.workspaces = everybody
        beside.append(await _healthy_latencies_ms(course, seconds))
        await _forget_hanging(course)
    return alone[1:], beside[1:]


async def _healthy_latencies_ms(course: Course, seconds: float) -> dict[str, float]:
    """Publish to everybody and return the times of those for healthy receivers."""

    async def publish(number: int) -> str | None:
        name = await course.publish(number)
        return name if number % len(course.workspaces) < HEALTHY else None

    return await latencies_ms(course, publish, rate=RATE, seconds=seconds)


async def _forget_hanging(course: Course) -> None:
    """Withdraw what hangs and wait until nothing is under way."""
    await course.pool.execute(
        "update deliveries set state = 'withdrawn', finished_at = leadfall_now()"
        " where state = 'due' and workspace_id = any($1::bigint[])",
        course.workspaces[HEALTHY:],
    )
    async with asyncio.timeout(TIMEOUT_S * 2):
        while await course.pool.fetchval("select count(*) from deliveries where state = 'sending'"):
            await asyncio.sleep(0.2)
