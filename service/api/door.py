"""The listening socket: holds as many connections as allowed and turns the others away at once.

It accepts by itself. uvloop takes one connection in each turn of the loop, so thousands of callers
who come at once would wait seconds even to be told that the server is busy.
"""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog
from aiohttp import web
from prometheus_client import Counter

from service.api.farewell import Farewells
from service.api.malformed import RequestReader
from service.api.open_files import allow_files

_log = structlog.get_logger()

_ACCEPTED_PER_TURN: Final = 64
# What accept may say of one connection, or of a moment without free descriptors.
_PAUSE_S: Final = 0.1
# Sockets beside the connections: database, Redis, vendors, the ops address.
_OTHER_FILES: Final = 200

_turned_away = Counter("leadfall_connections_turned_away_total", "Connections above the bound.")


class BoundedSite(web.BaseSite):
    """Listens on TCP for an application.

    Args:
        connections_max: connections that are served at once; others are told to come later.
        is_behind: whether whoever comes after so many who are being let in would wait too long
            even for an error; those are told to come later, too.
    """

    __slots__ = ("_connections_max", "_host", "_is_behind", "_port")

    def __init__(
        self,
        runner: web.AppRunner,
        host: str,
        port: int,
        *,
        backlog: int,
        connections_max: int,
        is_behind: Callable[[int], bool] = lambda _: False,
    ) -> None:
        super().__init__(runner, backlog=backlog)
        self._host = host
        self._port = port
        self._connections_max = connections_max
        self._is_behind = is_behind

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
        server = self._runner.server
        if server is None:
            raise RuntimeError("the runner is not set up")
        loop = asyncio.get_running_loop()
        farewells = Farewells()
        allow_files(self._connections_max + farewells.count_max + _OTHER_FILES)
        listening = await _listen(self._host, self._port, self._backlog)
        self._server = _Acceptor(
            listening,
            # The server makes readers of its own sort only; the arguments for them are its own.
            serve=lambda: RequestReader(server, loop=loop, **server._kwargs),  # noqa: SLF001
            # Its public view of the connections copies all of them.
            served_count=lambda: len(server._connections),  # noqa: SLF001
            served_max=self._connections_max,
            is_behind=self._is_behind,
            farewells=farewells,
        )


class _Acceptor(asyncio.AbstractServer):
    """Accepts on listening sockets from the beginning until it is closed."""

    def __init__(
        self,
        sockets: list[socket.socket],
        *,
        serve: Callable[[], asyncio.Protocol],
        served_count: Callable[[], int],
        served_max: int,
        is_behind: Callable[[int], bool],
        farewells: Farewells,
    ) -> None:
        self.sockets = sockets
        self._serve = serve
        self._served_count = served_count
        self._served_max = served_max
        self._is_behind = is_behind
        self._farewells = farewells
        # Accepted, and not yet among the served.
        self._joining: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        for each in sockets:
            self._loop.add_reader(each, self._accept, each)

    def close(self) -> None:
        """Stop listening; what is served goes on."""
        for each in self.sockets:
            self._loop.remove_reader(each)
            each.close()
        self._farewells.close()
        self.sockets = []

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop it accepts in."""
        return self._loop

    def is_serving(self) -> bool:
        """Tell whether it accepts."""
        return bool(self.sockets)

    async def start_serving(self) -> None:
        """Do nothing: it has begun."""

    async def serve_forever(self) -> None:
        """Return at once: the loop serves."""

    async def wait_closed(self) -> None:
        """Return at once: closing takes no time."""

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(_ACCEPTED_PER_TURN):
            try:
                connection, _ = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                # Most likely no descriptor is free; asking again at once would be of no use.
                _log.warning("connection.not_accepted", error=type(error).__name__)
                self._loop.remove_reader(listening)
                self._loop.call_later(_PAUSE_S, self._resume, listening)
                return
            connection.settimeout(0)
            joining = len(self._joining)
            held = self._served_count() + joining
            if held < self._served_max and not self._is_behind(joining):
                self._spawn(self._join(connection))
            else:
                _turned_away.inc()
                self._farewells.take(connection)

    def _resume(self, listening: socket.socket) -> None:
        if listening in self.sockets:
            self._loop.add_reader(listening, self._accept, listening)

    async def _join(self, connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(self._serve, connection)
        except OSError:
            # The caller has left already.
            connection.close()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._joining.add(task)
        task.add_done_callback(self._joining.discard)


async def _listen(host: str, port: int, backlog: int) -> list[socket.socket]:
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            listening = socket.socket(family, kind, protocol)
            sockets.append(listening)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listening.settimeout(0)
            listening.bind(address)
            listening.listen(backlog)
    except BaseException:
        for each in sockets:
            each.close()
        raise
    return sockets
