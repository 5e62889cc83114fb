"""Which addresses are this host's own, as its kernel says."""

import errno
import resource
import socket
from contextlib import suppress
from ipaddress import ip_address

import pytest

from service.edges.own_address import is_own_address


def addresses_of_interfaces() -> set[str]:
    """Return the addresses that can be bound here, of those this host has a name for."""
    found = socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_DGRAM)
    named = {str(info[4][0]) for info in found}
    return {each for each in named if "%" not in each} | {"127.0.0.1", "127.0.0.2"}


def test_every_interface_counts() -> None:
    """Loopback, more addresses of one interface, and whatever this host is called by."""
    others = {each for each in addresses_of_interfaces() if not is_own_address(ip_address(each))}

    assert others == set()


@pytest.mark.parametrize("address", ["1.1.1.1", "192.0.2.1", "2606:4700::1111", "2001:db8::1"])
def test_others_do_not_whether_or_not_there_is_a_way_to_them(address: str) -> None:
    """A host without a route, or without IPv6, has no such address either."""
    assert not is_own_address(ip_address(address))


def test_it_is_not_guessed_without_sockets() -> None:
    """Where no socket is left the question stays open, and so does the door not."""
    taken: list[socket.socket] = []
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, limits[1]))
    try:
        with suppress(OSError):
            while True:
                taken.append(socket.socket())
        with pytest.raises(OSError, match="open files") as refused:
            is_own_address(ip_address("1.1.1.1"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for each in taken:
            each.close()

    assert refused.value.errno == errno.EMFILE
