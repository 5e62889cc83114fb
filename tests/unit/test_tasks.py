"""Ending tasks: all of them, however deaf they are."""

import asyncio

from service.tasks import end_tasks


async def deaf(cancellations: int) -> None:
    """Go on after so many cancellations, as `asyncio.wait_for` does when it loses one."""
    for _ in range(cancellations):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            continue
    await asyncio.Event().wait()


async def failing() -> None:
    """End with an error when told to end."""
    try:
        await asyncio.Event().wait()
    finally:
        raise ValueError


async def test_one_that_loses_cancellations_ends_too() -> None:
    """It is told again until it has ended."""
    deaf_one, prompt_one = (asyncio.create_task(deaf(count)) for count in (3, 0))
    await asyncio.sleep(0)

    await end_tasks([deaf_one, prompt_one], again_s=0.01)

    assert [deaf_one.cancelled(), prompt_one.cancelled()] == [True, True]


async def test_errors_and_ends_before_are_no_matter() -> None:
    """What a task ends with is looked at by nobody."""
    ended = asyncio.create_task(asyncio.sleep(0))
    await ended
    fails = asyncio.create_task(failing())
    await asyncio.sleep(0)

    await end_tasks([ended, fails])
    await end_tasks([])

    assert isinstance(fails.exception(), ValueError)
