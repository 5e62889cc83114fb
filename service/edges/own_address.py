"""Whether an address is one of this host's own, public or not."""

import errno
import socket

from service.domain.public_address import Address, read_address

_PORT = 9
"""Any port does: nothing is sent to it."""
_NOTHING_LEFT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


def is_own_address(address: Address) -> bool:
    """Tell whether an interface of this host has `address`; no packet is sent for that.

    The kernel speaks to an address of its own from that very address, and to no other one so.
    An address that a router in front of this host translates cannot be known here.

    Raises:
        OSError: there are no sockets left to find out.
    """
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET  # noqa: PLR2004
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), _PORT))
            return read_address(probe.getsockname()[0]) == address
    except OSError as error:
        if error.errno in _NOTHING_LEFT:
            raise
        return False  # There is no way to it, or no such family here.
