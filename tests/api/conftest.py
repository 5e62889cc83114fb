"""A running API over this test's own database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from service.api.application import build_application
from service.api.context import ApiContext
from service.app import publication, receiver_client, secret_box, usable_waterfalls
from service.edges.dial_guard import EgressPolicy
from service.edges.rate_limits import RateLimits
from service.edges.vendor_http import VendorHTTP
from service.flows.check_pace import CheckPace
from service.flows.send_test import Tester
from service.flows.share_commits import SharedCommits
from service.flows.wait_for_jobs import FinishedWatcher
from service.settings import Settings
from service.store.connection import Pool, open_pool
from tests.api.published import Published
from tests.api.real_door import RealDoor
from tests.api.stage import Client, Stage, add_tenant

OpenStage = Callable[..., Awaitable[Stage]]

PROVIDER_KEYS = {"leadmagic": {"api_key": "test"}, "hunter": {"api_key": "test"}}


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool as the service opens it."""
    opened = await open_pool(database_url, size_max=8, role="test")
    yield opened
    await opened.close()


@pytest.fixture
async def open_stage(
    pool: Pool,
    database_url: str,
    aiohttp_client: Callable[..., Awaitable[Client]],
) -> AsyncIterator[OpenStage]:
    """A function that starts the API with credits and settings of the test's choice.

    What it answers must be as the document says.
    """
    published = Published()
    async with AsyncExitStack() as opened:

        async def open_with(credit: int = 1_000, *, listen: bool = True, **settings: Any) -> Stage:
            chosen = Settings(**{"providers": PROVIDER_KEYS, **settings})
            rings: list[None] = []
            draining = asyncio.Event()
            watcher = FinishedWatcher(
                pool,
                listen_url=database_url if listen else None,
                draining=draining,
                waiters_max=chosen.limits.sync_waiters_max,
            )
            await opened.enter_async_context(watcher)
            vendor_http = VendorHTTP()
            receiver_http = await opened.enter_async_context(receiver_client(chosen))
            opened.push_async_callback(vendor_http.close)
            context = ApiContext(
                settings=chosen,
                pool=pool,
                commits=SharedCommits(pool),
                ring=lambda: rings.append(None),
                publication=publication(chosen),
                waterfalls=usable_waterfalls(chosen),
                egress=EgressPolicy.parse(chosen.egress.allow),
                finished=watcher,
                draining=draining,
                vendor_http=vendor_http,
                checks=CheckPace(None, time_scale=chosen.vendor_time_scale),
                rate_limits=RateLimits(),
                box=secret_box(chosen) if chosen.secret_keys else None,
                tester=Tester(pool, receiver_http),
            )
            application = build_application(context)
            application.middlewares.insert(0, published.watch)
            client = await aiohttp_client(RealDoor(application))
            return Stage(context, client, await add_tenant(pool, "Acme", credit), rings)

        yield open_with
    assert published.breaches == []


@pytest.fixture
async def stage(open_stage: OpenStage) -> Stage:
    """The API with 1,000 credits and the default settings."""
    return await open_stage()
