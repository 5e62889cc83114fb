"""Feeds running replays into the delivery loop, a little at a time."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from service.flows.replay_deliveries import feed_replays
from service.store.connection import Pool

BUSY_S: Final = 0.1
IDLE_S: Final = 1.0

_log = structlog.get_logger()


async def feed(pool: Pool, wake: Callable[[], None], *, idle_s: float = IDLE_S) -> None:
    """Make deliveries of replays due and call `wake` for them, until cancelled."""
    while True:
        fed = 0
        try:
            fed = await feed_replays(pool)
        except Exception as error:  # noqa: BLE001 - the edge of the loop: the next may fare better
            _log.warning("replays.unfed", error=type(error).__name__)
        if fed:
            wake()
        await asyncio.sleep(BUSY_S if fed else idle_s)
