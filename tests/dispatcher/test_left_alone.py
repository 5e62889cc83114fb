"""Receivers that asked for a pause, or only fail: nobody claims for them, but for one probe."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from aiohttp import web

from service.flows.deliver_events import FAILURES_BEFORE_HOLD
from service.store.deliveries import claim

Start = Callable[..., Awaitable[Any]]


@pytest.mark.parametrize(("hold_s", "claimed"), [(60, 0), (-60, 3)], ids=["held", "over"])
async def test_nothing_is_claimed_while_a_receiver_is_held(
    hold_s: int, claimed: int, world: Any, pool: asyncpg.Pool
) -> None:
    """A pause that a receiver asked for after it was seen ready, and before the claim, counts."""
    endpoint_id = await world.add_endpoint("https://hooks.example/in")
    await world.publish(3)
    await pool.execute(
        "update endpoints set hold_until = leadfall_now() + make_interval(secs => $1)", hold_s
    )

    async with pool.acquire() as connection:
        found = await claim(connection, uuid4(), {endpoint_id: 8})

    assert len(found) == claimed


async def test_a_receiver_that_only_fails_gets_one_probe(
    world: Any, serve: Start, dispatch: Start
) -> None:
    """After a row of failures one delivery goes out to see; the others wait for its answer."""
    taken: list[str] = []
    arrived, opened = asyncio.Event(), asyncio.Event()

    async def hold(request: web.Request) -> web.Response:
        taken.append(request.headers["webhook-id"])
        arrived.set()
        await opened.wait()
        return web.Response(status=204)

    await world.add_endpoint(await serve(hold), failure_count=FAILURES_BEFORE_HOLD)
    dispatcher = await dispatch()
    await world.publish(10)
    await arrived.wait()
    await world.until_turned(dispatcher, 5)
    before = len(taken)
    opened.set()
    await world.until_state("delivered", 10)

    assert (before, len(taken)) == (1, 10)
