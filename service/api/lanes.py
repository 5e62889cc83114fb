"""Keeps database connections free for everybody else while many callers wait for their results."""

import asyncio
from typing import Final

from aiohttp import web

from service.store.connection import Pool

SYNC_LANE: Final = web.AppKey("sync_lane", asyncio.Semaphore)
"""What sync requests hold while they are accepted and while they are answered, never between."""


def sync_lane(pool: Pool) -> asyncio.Semaphore:
    """Return a lane as wide as half the pool.

    Thousands of sync callers may come at once. Without it all others, also the look-up of a key,
    would queue behind them for a connection, and even a refusal would come late.
    """
    return asyncio.Semaphore(max(pool.get_max_size() // 2, 1))
