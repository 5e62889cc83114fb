"""Posts vendors' callbacks when results are ready, and only to this machine."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

import aiohttp
from yarl import URL

from providers.sandbox.books import Books
from providers.sandbox.pace import Pace

ATTEMPTS_MAX: Final = 6
RETRY_EVERY_S: Final = 60.0  # vendor time
OPEN_MAX: Final = 20_000
_CONNECTIONS_MAX: Final = 32
_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Callback:
    """One body to post.

    Attributes:
        due_s: on the vendors' clock.
        compose: makes the body and headers at that moment.
        on_delivered: called once, when the receiver answered 2xx.
    """

    vendor: str
    url: str = field(repr=False)
    due_s: float
    compose: Callable[[], tuple[bytes, Mapping[str, str]]]
    on_delivered: Callable[[], None]


class Callbacks:
    """Keeps callbacks until they are due and retries them at the vendors' pace."""

    def __init__(self, pace: Pace, books: Books) -> None:
        self._pace = pace
        self._books = books
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    def schedule(self, callback: Callback) -> None:
        """Post this callback when it is due; one that leaves the machine is a violation."""
        if not _is_local(callback.url):
            self._books.violate("callback.not_local")
            return
        if len(self._tasks) >= OPEN_MAX:
            self._books.tally(callback.vendor, "callback", "dropped")
            return
        task = asyncio.create_task(self._deliver(callback))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Forget what is still due."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _deliver(self, callback: Callback) -> None:
        await self._pace.wait(max(0.0, callback.due_s - self._pace.now_s()))
        body, headers = callback.compose()
        for attempt in range(ATTEMPTS_MAX):
            if attempt:
                await self._pace.wait(RETRY_EVERY_S)
            if await self._post(callback.url, body, headers):
                self._books.tally(callback.vendor, "callback", "delivered")
                callback.on_delivered()
                return
            self._books.tally(callback.vendor, "callback", "failed")

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> bool:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_CONNECTIONS_MAX),
                timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S),
            )
        headers = {"Content-Type": "application/json", **headers}
        with suppress(aiohttp.ClientError, TimeoutError):
            async with self._session.post(
                url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                return answer.ok
        return False


def _is_local(url: str) -> bool:
    try:
        target = URL(url)
        host = target.host or ""
        return target.scheme in {"http", "https"} and (
            host == "localhost" or ip_address(host).is_loopback
        )
    except ValueError:
        return False
