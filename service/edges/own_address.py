"""Whether an address is one of this host's own, public or not."""

import errno
import socket
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from service.domain.public_address import Address, read_address

_NOBODYS: Final[Mapping[int, Address]] = {
    4: IPv4Address("192.0.2.1"),
    6: IPv6Address("2001:db8::1"),
}
"""Addresses of the documentation, which no host has."""
_ANY_PORT: Final = 9
_NOTHING_LEFT: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


def is_own_address(address: Address) -> bool:
    """Tell whether an interface of this host has `address`; no packet is sent for that.

    An address that a router in front of this host translates cannot be known here.

    Raises:
        OSError: there are no sockets left to find out.
    """
    # Some hosts may bind what they do not have; they still speak from what they have.
    return _speaks_from(address) or (_binds(address) and not _binds(_NOBODYS[address.version]))


def _speaks_from(address: Address) -> bool:
    """Tell whether the kernel reaches the address from itself, as it does every first one."""
    try:
        with _socket(address) as probe:
            probe.connect((str(address), _ANY_PORT))
            return read_address(probe.getsockname()[0]) == address
    except OSError as error:
        return _is_unknown(error)


def _binds(address: Address) -> bool:
    try:
        with _socket(address) as probe:
            probe.bind((str(address), 0))
            return True
    except OSError as error:
        return _is_unknown(error)


def _socket(address: Address) -> socket.socket:
    family = socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET
    return socket.socket(family, socket.SOCK_DGRAM)


def _is_unknown(error: OSError) -> bool:
    """Return that it is not: there is no way to it, no such family here, or it is another's."""
    if error.errno in _NOTHING_LEFT:
        raise error
    return False
