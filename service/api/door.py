"""The listening socket: holds as many connections as allowed and turns the others away at once.

Turning away costs a hundredth of serving, so it stays quick when everybody comes at the same
moment, and what a process holds in memory has a bound.
"""

import asyncio
import resource
from typing import Final, cast

import orjson
import structlog
from aiohttp import web
from prometheus_client import Counter

from service.errors import TooBusy

_log = structlog.get_logger()

# How long one who is turned away may take to send a request and to hang up.
_FAREWELL_S: Final = 5.0
_RETRY_AFTER_S: Final = 2
# Sockets beside the connections: database, Redis, vendors, the ops address.
_OTHER_FILES: Final = 200

_turned_away = Counter("leadfall_connections_turned_away_total", "Connections above the bound.")


class BoundedSite(web.BaseSite):
    """Listens on TCP for an application.

    Args:
        connections_max: connections that are served at once; as many again may be being told to
            come later, and what is beyond is closed without a word.
    """

    __slots__ = ("_connections_max", "_host", "_port", "_turned_away")

    def __init__(
        self, runner: web.AppRunner, host: str, port: int, *, backlog: int, connections_max: int
    ) -> None:
        super().__init__(runner, backlog=backlog)
        self._host = host
        self._port = port
        self._connections_max = connections_max
        self._turned_away: set[_Farewell] = set()

    @property
    def name(self) -> str:
        """Where it listens, as a URL."""
        return f"http://{self._host}:{self._port}"

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address is in use or not ours.
        """
        await super().start()
        _allow_files(2 * self._connections_max + _OTHER_FILES)
        self._server = await asyncio.get_running_loop().create_server(
            self._protocol, self._host, self._port, backlog=self._backlog
        )

    def _protocol(self) -> asyncio.Protocol:
        server = self._runner.server
        if server is not None and len(server._connections) < self._connections_max:  # noqa: SLF001 - its public view copies all of them
            return server()
        _turned_away.inc()
        return _Farewell(self._turned_away, self._connections_max)


class _Farewell(asyncio.Protocol):
    """Answers the first request of a connection with 503, whatever it asks, and ends it."""

    __slots__ = ("_bound", "_others", "_timer", "_transport")

    def __init__(self, others: "set[_Farewell]", bound: int) -> None:
        self._others = others
        self._bound = bound
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no class of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        if len(self._others) >= self._bound:
            self._transport.abort()
            return
        self._others.add(self)
        self._timer = asyncio.get_running_loop().call_later(_FAREWELL_S, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        transport, self._transport = self._transport, None
        # What follows the first part is read and dropped: closing on unread bytes would reset the
        # connection, and the answer with it.
        if transport is not None:
            transport.write(_SELEQT if b" /api/" in data[:16] else _SENDKIT)
            transport.write_eof()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        self._others.discard(self)
        if self._timer is not None:
            self._timer.cancel()


def _answer(payload: dict[str, object]) -> bytes:
    body = orjson.dumps(payload)
    head = (
        "HTTP/1.1 503 Service Unavailable\r\n"
        "Content-Type: application/json; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\n"
        f"Retry-After: {_RETRY_AFTER_S}\r\n"
        "Server: leadfall\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body


_SELEQT: Final = _answer({"error": TooBusy().message})
_SENDKIT: Final = _answer(
    {"success": False, "error": {"code": TooBusy.code, "message": TooBusy().message}}
)


def _allow_files(count: int) -> None:
    """Raise this process's limit of open files to what its connections need, if it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= count:
        return
    allowed = count if hard == resource.RLIM_INFINITY else min(count, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < count:
        _log.warning("open_files.limited", allowed=allowed, wanted=count)
