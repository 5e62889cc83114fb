"""The API process: one listening socket, one watcher for waiting callers, one way to stop."""

from typing import Final

import structlog
from aiohttp import web

from service.api.door import BoundedSite
from service.api.lanes import PACE
from service.edges.doorbell import Doorbell
from service.flows.wait_for_jobs import FinishedWatcher

_log = structlog.get_logger()

# How long a stopping server waits for requests under way; waiting callers are answered at once.
SHUTDOWN_S: Final = 15.0
_KEEPALIVE_S: Final = 75.0
# Callers who come at once wait here, and not for their own second attempt to connect.
_BACKLOG: Final = 4_096
# Who would wait longer before a request of his begins is turned away at the door.
_WAIT_MAX_S: Final = 0.2


class ApiProcess:
    """Serves an application until it is stopped; start and stop it once.

    Attributes:
        port: where it listens, once started; useful when the setting is 0.
    """

    def __init__(
        self,
        application: web.Application,
        *,
        host: str,
        port: int,
        connections_max: int,
        watcher: FinishedWatcher,
        doorbell: Doorbell,
    ) -> None:
        self.port = port
        self._host = host
        self._connections_max = connections_max
        self._watcher = watcher
        self._doorbell = doorbell
        self._pace = application[PACE]
        self._runner = web.AppRunner(
            application,
            access_log=None,
            shutdown_timeout=SHUTDOWN_S,
            keepalive_timeout=_KEEPALIVE_S,
        )

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address is in use or not ours.
        """
        await self._watcher.start()
        await self._runner.setup()
        pace = self._pace
        site = BoundedSite(
            self._runner,
            self._host,
            self.port,
            backlog=_BACKLOG,
            connections_max=self._connections_max,
            is_behind=lambda coming: pace.expected_wait_s(coming) > _WAIT_MAX_S,
        )
        await site.start()
        self.port = self._runner.addresses[0][1]
        _log.info("api.started", host=self._host, port=self.port)

    async def stop(self) -> None:
        """Answer who waits, finish what is under way, stop listening."""
        await self._runner.cleanup()
        await self._watcher.stop()
        await self._doorbell.close()
        _log.info("api.stopped", port=self.port)
