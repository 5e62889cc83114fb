"""A receiver as its developer would write it, with the public verification library alone."""

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import orjson
from aiohttp import web
from standardwebhooks import Webhook


@dataclass
class Receiver:
    """What came in: by event id, how often, with which bodies.

    Attributes:
        secret: as shown when the workspace was made.
    """

    secret: str = ""
    received: Counter[str] = field(default_factory=Counter)
    bodies: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    jobs: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    url: str = ""
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on a free port."""
        application = web.Application(client_max_size=16 * 1024 * 1024)
        application.router.add_post("/hook/{name}", self._take)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/hook"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        # Raises, and so answers 500, for anything that is not signed right.
        Webhook(self.secret).verify(body, {k.lower(): v for k, v in request.headers.items()})
        event_id = request.headers["webhook-id"]
        self.received[event_id] += 1
        self.bodies[event_id].add(hashlib.sha256(body).hexdigest())
        event = orjson.loads(body)
        job_id = event["data"]["job_id"]
        if event_id not in self.jobs[job_id]:
            self.jobs[job_id].append(event_id)
        return web.Response(status=204)
