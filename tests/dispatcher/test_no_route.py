"""Whose fault it is that a connection could not be opened, told by what the kernel says."""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import pytest

from service.domain.attempt_class import OURS, AttemptClass
from service.edges.dial_guard import EgressPolicy
from service.edges.receiver_connector import CountedSockets
from service.edges.receiver_http import Failed, ReceiverHTTP

Start = Callable[..., Awaitable[Any]]

HOST = "receiver.example"
URL = f"http://{HOST}:81/"
POLICY = EgressPolicy.parse(["127.0.0.0/8", "::1/128", f"{HOST}:81"])


class BrokenNetwork(CountedSockets):
    """Opens no socket of these families; the kernel's answer is what it is given.

    Attributes:
        errors: error number by address family; a family without one works.
    """

    def __init__(self, errors: Mapping[int, int]) -> None:
        super().__init__()
        self.errors = errors

    def __call__(self, family: int, kind: int, protocol: int) -> socket.socket:
        if family in self.errors:
            raise OSError(self.errors[family], "said the kernel")
        return super().__call__(family, kind, protocol)


async def both(_: str) -> Sequence[str]:
    """Resolve to an address of each family."""
    return ["127.0.0.9", "::1"]


async def blame(v4: int, v6: int) -> AttemptClass:
    """Return what a request comes to on a network that is broken so."""
    network = BrokenNetwork({socket.AF_INET: v4, socket.AF_INET6: v6})
    async with ReceiverHTTP(POLICY, both, sockets=network) as client:
        result = await client.post(URL, b"{}", {}, timeout_s=2)
    assert isinstance(result, Failed)
    return result.attempt_class


@pytest.mark.parametrize(
    "number",
    [
        errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN,
        errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM,
    ],
    ids=errno.errorcode.get,
)  # fmt: skip
async def test_without_a_route_nobody_is_blamed(number: int) -> None:
    """A missing route, a network that is down, and a firewall of ours are our own fault."""
    assert await blame(number, number) == AttemptClass.NO_ROUTE
    assert AttemptClass.NO_ROUTE in OURS


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
async def test_what_this_host_lacks_is_our_fault(number: int) -> None:
    """No more files, buffers or memory."""
    assert await blame(number, number) == AttemptClass.OUR_FAULT


async def test_two_sorts_of_no_route_are_one() -> None:
    """The client joins different errors into a sentence; each of them still counts."""
    assert await blame(errno.EHOSTUNREACH, errno.ENETUNREACH) == AttemptClass.NO_ROUTE


async def test_a_host_that_refuses_is_not_excused_by_a_family_we_lack() -> None:
    """Where one address was reached and refused, that decides."""
    assert await blame(errno.ECONNREFUSED, errno.ENETUNREACH) == AttemptClass.CONNECTION_REFUSED


async def test_while_others_are_reached_a_host_without_route_is_down(receive: Start) -> None:
    """Whoever answers after a request began proves that our network is well."""
    other = await receive(204)
    answered = asyncio.Event()

    async def lookup(_: str) -> Sequence[str]:
        await answered.wait()
        return ["::1"]

    network = BrokenNetwork({socket.AF_INET6: errno.EHOSTUNREACH})
    async with ReceiverHTTP(POLICY, lookup, sockets=network) as client:
        before = asyncio.create_task(client.post(URL, b"{}", {}, timeout_s=2))
        await client.post(other.url, b"{}", {}, timeout_s=2)
        answered.set()
        excused = await client.post(URL, b"{}", {}, timeout_s=2)
        blamed = await before

    assert isinstance(blamed, Failed)
    assert isinstance(excused, Failed)
    assert (blamed.attempt_class, excused.attempt_class) == (
        AttemptClass.CONNECTION_FAILED,
        AttemptClass.NO_ROUTE,
    )
