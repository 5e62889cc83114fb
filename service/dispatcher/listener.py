"""Listens for the notice that something is to be delivered, on a connection of its own."""

import asyncio
import random
from collections.abc import Callable
from typing import Final

import asyncpg
import structlog

from service.store.transient import TRANSIENT

CHANNEL: Final = "leadfall_due"
CONNECT_S_MAX: Final = 10.0
CHECK_S: Final = 30.0
"""How often a quiet connection is asked whether it is still there."""
RECONNECT_S: Final = 1.0

_log = structlog.get_logger()


async def listen(url: str, hear: Callable[[str], None]) -> None:
    """Call `hear` with every notice, and with an empty one after every (re)connect.

    Notices that came while there was no connection are lost, hence the call after connecting;
    whoever hears them polls as well. Goes on until it is cancelled.
    """
    while True:
        try:
            await _listen_once(url, hear)
        except (*TRANSIENT, asyncpg.PostgresError) as error:
            _log.warning("listener.disconnected", error=type(error).__name__)
        await asyncio.sleep(RECONNECT_S * random.uniform(0.5, 1.5))  # noqa: S311 - jitter


async def _listen_once(url: str, hear: Callable[[str], None]) -> None:
    connection = await asyncpg.connect(
        url, timeout=CONNECT_S_MAX, server_settings={"application_name": "leadfall-listener"}
    )
    lost = asyncio.Event()
    try:
        connection.add_termination_listener(lambda _: lost.set())
        await connection.add_listener(CHANNEL, lambda *notice: hear(str(notice[-1])))
        hear("")
        while not lost.is_set():
            try:
                await asyncio.wait_for(lost.wait(), CHECK_S)
            except TimeoutError:
                await connection.execute("select", timeout=CONNECT_S_MAX)
    finally:
        connection.terminate()
