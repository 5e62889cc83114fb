"""Tests of endpoints that hang are bounded for each workspace."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from service.edges.receiver_http import ReceiverHTTP
from service.edges.secret_box import SecretBox
from service.errors import TooBusy
from service.flows import send_test
from service.flows.create_workspace import create_workspace

Start = Callable[..., Awaitable[Any]]


async def test_hanging_tests_of_one_workspace_leave_others_theirs(
    world: Any,
    http: ReceiverHTTP,
    box: SecretBox,
    receive: Start,
    serve: Start,
) -> None:
    """Who tests receivers that hang is soon told to wait; a neighbour's test goes out at once."""
    opened = asyncio.Event()

    async def hold(_: web.Request) -> web.Response:
        await opened.wait()
        return web.Response(status=204)

    other = await create_workspace(world.pool, box, "Other")
    healthy = await receive(204)
    slow = (await world.endpoint(await world.add_endpoint(await serve(hold))))["public_id"]
    quick_id = await world.add_endpoint(healthy.url, workspace_id=other.id)
    quick = (await world.endpoint(quick_id))["public_id"]
    tester = send_test.Tester(world.pool, http)
    crowd = [
        asyncio.create_task(tester.send(box, world.workspace.id, slow))
        for _ in range(send_test.TESTS_AT_ONCE_MAX)
    ]
    await asyncio.sleep(0)

    tested = await tester.send(box, other.id, quick)
    opened.set()
    ended = await asyncio.gather(*crowd, return_exceptions=True)

    assert tested.delivered
    refused = [each for each in ended if isinstance(each, TooBusy)]
    assert len(ended) - len(refused) == send_test.TESTS_OF_WORKSPACE_MAX
