"""Connections to receivers: guarded, counted, and able to say how far a request came."""

import socket
import ssl
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakSet

from aiohttp import ClientRequest, ClientTimeout, TCPConnector
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from service.edges.dial_guard import AddressInfo, EgressPolicy, guarded_socket_factory
from service.edges.guarded_resolver import GuardedResolver, Lookup

KEEPALIVE_S: Final = 75.0


@dataclass(slots=True)
class Progress:
    """How far one request came; filled in by whatever the request passes on its way.

    Attributes:
        owner: whose request it is; None is nobody in particular.
        asking: the name servers were asked and have not answered.
        dialled: a new connection was tried, none was left over from before.
        address: of the connection, or that was dialled last and not reached.
        connected_at_s: when there was a connection, in monotonic seconds. From here on the
            request may be on its way.
    """

    owner: int | None = None
    asking: bool = False
    dns_s: float | None = None
    dialled: bool = False
    connected_at_s: float | None = None
    address: str | None = None
    tls_began_at_s: float | None = None
    tls_version: str | None = None

    @property
    def unnamed(self) -> bool:
        """Whether it ended at its name, for which nobody answered."""
        return self.asking and not self.dialled


CURRENT: Final[ContextVar[Progress | None]] = ContextVar("receiver_progress", default=None)
"""The request that this task, or one it started, is making."""


class CountedSockets:
    """Opens sockets and knows about how many of them are still open.

    Attributes:
        count: how many were ever opened.
    """

    def __init__(self) -> None:
        self._open: WeakSet[socket.socket] = WeakSet()
        self.count = 0

    def __len__(self) -> int:
        return len(self._open)

    def __call__(self, family: int, kind: int, protocol: int) -> socket.socket:
        """Open a socket for the request that is being made."""
        opened = socket.socket(family, kind, protocol)
        self._open.add(opened)
        self.count += 1
        return opened


class NotingContext(ssl.SSLContext):
    """What checks receivers' certificates; it notes in `CURRENT` when a handshake begins."""

    def wrap_bio(self, *given: Any, **named: Any) -> ssl.SSLObject:
        """Begin a handshake; every event loop calls this for it."""
        progress = CURRENT.get()
        if progress is not None:
            progress.tls_began_at_s = time.monotonic()
        return super().wrap_bio(*given, **named)


def tls_context() -> ssl.SSLContext:
    """Return what trusts whom the system trusts, and checks names."""
    context = NotingContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    context.set_alpn_protocols(["http/1.1"])
    return context


class ReceiverConnector(TCPConnector):
    """A connector behind the dial guard that notes in `CURRENT` what it did for a request."""

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: ClientTimeout,  # noqa: ASYNC109 - the name is that of the method it replaces
    ) -> Connection:
        """Return a connection, pooled or new."""
        connection = await super().connect(req, traces, timeout)
        progress = CURRENT.get()
        if progress is not None:
            progress.connected_at_s = time.monotonic()
            transport = connection.transport
            peer = None if transport is None else transport.get_extra_info("peername")
            progress.address = None if peer is None else str(peer[0])
            secure = None if transport is None else transport.get_extra_info("ssl_object")
            progress.tls_version = None if secure is None else secure.version()
        return connection


def receiver_connector(
    policy: EgressPolicy, lookup: Lookup, sockets: CountedSockets, *, pooled: bool
) -> ReceiverConnector:
    """Return a connector without limits of its own: the dispatcher's caps nest more finely."""
    resolver = GuardedResolver(policy, lookup)
    factory = _noting_factory(guarded_socket_factory(policy, open_socket=sockets))
    if not pooled:
        return ReceiverConnector(
            resolver=resolver,
            socket_factory=factory,
            ssl=tls_context(),
            use_dns_cache=False,
            limit=0,
            force_close=True,
        )
    return ReceiverConnector(
        resolver=resolver,
        socket_factory=factory,
        ssl=tls_context(),
        use_dns_cache=False,
        limit=0,
        keepalive_timeout=KEEPALIVE_S,
    )


def _noting_factory(
    factory: Callable[[AddressInfo], socket.socket],
) -> Callable[[AddressInfo], socket.socket]:
    def open_noted(info: AddressInfo) -> socket.socket:
        progress = CURRENT.get()
        if progress is not None:
            progress.dialled = True
        opened = factory(info)
        if progress is not None:
            progress.address = str(info[4][0])
        return opened

    return open_noted
