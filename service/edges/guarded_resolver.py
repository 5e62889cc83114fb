"""Name resolution for HTTP clients, behind the dial guard.

A name with any non-public answer is refused as a whole; the socket factory of `dial_guard` still
has the last word, because a URL with an address in it never comes here.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from aiohttp import TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

from service.domain.expiring_map import ExpiringMap
from service.edges.dial_guard import (
    EgressPolicy,
    NamedAddress,
    guarded_socket_factory,
    normal_host,
)

LOOKUP_TIMEOUT_S: Final = 5.0
NAMES_MAX: Final = 1_000
NAME_TTL_S: Final = 10.0
ADDRESSES_MAX: Final = 16
KEEPALIVE_S: Final = 75.0

Lookup = Callable[[str], Awaitable[Sequence[str]]]


class NameNotResolved(OSError):  # noqa: N818 - said of the name, not of the program
    """A host name has no address, or nobody answered in time."""


async def ask_system(host: str) -> list[str]:
    """Return what the operating system says about `host`, its hosts file included.

    Runs in the default thread pool: only for names an operator allowed, since a name that hangs
    holds its thread.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(answer[4][0]) for answer in found]


class GuardedResolver(AbstractResolver):
    """Resolver for `aiohttp.TCPConnector`; use it together with `guarded_socket_factory`."""

    def __init__(
        self,
        policy: EgressPolicy,
        lookup: Lookup,
        *,
        system_lookup: Lookup = ask_system,
        timeout_s: float = LOOKUP_TIMEOUT_S,
    ) -> None:
        self._policy = policy
        self._lookup = lookup
        self._system_lookup = system_lookup
        self._timeout_s = timeout_s
        self._known: ExpiringMap[str, tuple[str, ...]] = ExpiringMap(NAMES_MAX)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of `host`, each carrying the name it belongs to.

        Raises:
            DialRefused: the name is not a public one, or any of its answers is not public.
            NameNotResolved: there is no answer, or none within the time-out.
        """
        name = normal_host(host)
        self._policy.check_name(name, port)
        addresses = self._known.get(name)
        if addresses is None:
            addresses = await self._ask(name, port)
            self._known.put(name, addresses, ttl_s=NAME_TTL_S)
        for address in addresses:
            self._policy.check_address(address, port, host=name)
        results = [
            ResolveResult(
                hostname=host,
                host=NamedAddress(address, name),
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address in addresses
        ]
        usable = [one for one in results if family in {socket.AF_UNSPEC, one["family"]}]
        if not usable:
            raise NameNotResolved("the host name has no usable address")
        return usable[:ADDRESSES_MAX]

    async def close(self) -> None:
        """Do nothing: the look-up belongs to whoever made it."""

    async def _ask(self, name: str, port: int) -> tuple[str, ...]:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._answers(name, port)
        except TimeoutError:
            raise NameNotResolved("the host name was not resolved in time") from None

    async def _answers(self, name: str, port: int) -> tuple[str, ...]:
        # A name without a dot passed only because the operator allowed it, and lives in a hosts
        # file or a search list, which only the system knows.
        allowed = "." not in name or self._policy.allows_host(name, port)
        addresses = await _try(self._lookup, name) if "." in name else ()
        if not addresses and allowed:
            addresses = await _try(self._system_lookup, name)
        if not addresses:
            raise NameNotResolved("the host name has no address")
        return tuple(dict.fromkeys(addresses))


async def _try(lookup: Lookup, name: str) -> Sequence[str]:
    try:
        return await lookup(name)
    except OSError:
        return ()


def guarded_connector(
    policy: EgressPolicy, lookup: Lookup, *, connections_max: int = 0, per_host_max: int = 0
) -> TCPConnector:
    """Return a connector with both halves of the guard in place; 0 means no limit of its own.

    The connector's own name cache stays off: it has no bound and no guard.
    """
    return TCPConnector(
        resolver=GuardedResolver(policy, lookup),
        socket_factory=guarded_socket_factory(policy),
        use_dns_cache=False,
        limit=connections_max,
        limit_per_host=per_host_max,
        keepalive_timeout=KEEPALIVE_S,
    )
