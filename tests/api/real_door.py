"""Serves an application as the API process does: through its own door, to the test client."""

from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from service.api.door import BoundedSite

_CONNECTIONS_MAX = 1_000


class RealDoor(TestServer):
    """Listens with the process's own reader of requests instead of the library's."""

    async def start_server(self, *_: Any, **__: Any) -> None:
        """Listen, once."""
        if self.runner is not None:
            return
        self.runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=1.0)
        await self.runner.setup()
        site = BoundedSite(self.runner, self.host, 0, backlog=128, connections_max=_CONNECTIONS_MAX)
        await site.start()
        self.port = self.runner.addresses[0][1]
        self._root = URL(f"http://{self.host}:{self.port}")
