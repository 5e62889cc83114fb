"""A webhook receiver on loopback that verifies every delivery and keeps a record of each."""

import hashlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import orjson
from aiohttp import web

from service.domain.signing import Verdict, read_secret, verify

_LOOPBACK: Final = "127.0.0.1"
_BODY_BYTES_MAX: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Received:
    """One request that came in.

    Attributes:
        received_at_s: by the database's clock, in seconds since 1970.
        verified_s: when its signature had been looked at, by this process's monotonic clock.
        job: counts and credits as the body tells them, empty when it cannot be read.
    """

    event_id: str
    body_sha256: str
    verdict: Verdict
    received_at_s: float
    verified_s: float
    job: dict[str, Any]


class Receiver:
    """What came in so far."""

    def __init__(self, webhook_secret: str, now_s: Callable[[], float]) -> None:
        self._secret = read_secret(webhook_secret)
        self._now_s = now_s
        self.received: list[Received] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        """Keep a record and answer 204, or 401 when the signature is not good."""
        body = await request.read()
        now_s = self._now_s()
        verdict = verify(request.headers, body, [self._secret], now_s)
        self.received.append(
            Received(
                event_id=request.headers.get("webhook-id", ""),
                body_sha256=hashlib.sha256(body).hexdigest(),
                verdict=verdict,
                received_at_s=now_s,
                verified_s=time.monotonic(),
                job=_read_job(body),
            )
        )
        return web.Response(status=204 if verdict is Verdict.AUTHENTIC else 401)


def _read_job(body: bytes) -> dict[str, Any]:
    try:
        data = orjson.loads(body)["data"]
        names = ("job_id", "total_count", "success_count", "credits_deducted", "credits_refunded")
        return {name: data[name] for name in names}
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return {}


@asynccontextmanager
async def receive_webhooks(
    webhook_secret: str, now_s: Callable[[], float]
) -> AsyncIterator[Receiver]:
    """Listen on a free port of loopback for as long as the context lasts."""
    receiver = Receiver(webhook_secret, now_s)
    application = web.Application(client_max_size=_BODY_BYTES_MAX)
    application.router.add_post("/webhooks", receiver.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, _LOOPBACK, 0).start()
        receiver.url = f"http://{_LOOPBACK}:{runner.addresses[0][1]}/webhooks"
        yield receiver
    finally:
        await runner.cleanup()
