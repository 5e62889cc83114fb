"""A running sandbox and an HTTP client for it, new for every test."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from providers.sandbox.server import Sandbox, start_sandbox

# So fast that a vendor's minute takes 6 ms: what is pending is ready at the next poll or so.
TIME_SCALE = 0.0001


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    started = await start_sandbox(time_scale=TIME_SCALE)
    yield started
    await started.stop()


@pytest.fixture
async def slow_sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox whose limits can be reached and whose pending things stay pending."""
    started = await start_sandbox(time_scale=0.05)
    yield started
    await started.stop()


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        yield session
