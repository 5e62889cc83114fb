"""Reads from the error of a request to a receiver what happened, and whose fault it is."""

import errno
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeVar

import aiohttp

from service.domain.attempt_class import AttemptClass
from service.edges.dial_guard import DialRefused
from service.edges.guarded_resolver import NameNotResolved
from service.edges.receiver_connector import Progress

E = TypeVar("E", bound=BaseException)

_BY_TYPE: Final = (
    (aiohttp.ClientSSLError, AttemptClass.TLS_FAILED),
    (aiohttp.InvalidURL, AttemptClass.URL_REFUSED),
    (aiohttp.NonHttpUrlClientError, AttemptClass.URL_REFUSED),
    (aiohttp.ClientResponseError, AttemptClass.BAD_ANSWER),
    (aiohttp.ClientPayloadError, AttemptClass.BAD_ANSWER),
)
_JOINED: Final = re.compile(r"\[Errno (\d+)\]")
"""Where every address of a name failed, each in its own way, their errors come as one sentence."""

_BY_ERRNO: Final[Mapping[int | None, AttemptClass]] = MappingProxyType(
    {
        errno.ECONNREFUSED: AttemptClass.CONNECTION_REFUSED,
        errno.ETIMEDOUT: AttemptClass.CONNECT_TIMEOUT,
        errno.ENETUNREACH: AttemptClass.NO_ROUTE,
        errno.EHOSTUNREACH: AttemptClass.NO_ROUTE,
        errno.ENETDOWN: AttemptClass.NO_ROUTE,
        errno.EHOSTDOWN: AttemptClass.NO_ROUTE,
        errno.EADDRNOTAVAIL: AttemptClass.NO_ROUTE,
        # What a firewall of this host says, or a route that prohibits.
        errno.EACCES: AttemptClass.NO_ROUTE,
        errno.EPERM: AttemptClass.NO_ROUTE,
        # Limits of this host: too many files, no buffers, no memory.
        errno.EMFILE: AttemptClass.OUR_FAULT,
        errno.ENFILE: AttemptClass.OUR_FAULT,
        errno.ENOBUFS: AttemptClass.OUR_FAULT,
        errno.ENOMEM: AttemptClass.OUR_FAULT,
    }
)


def class_of_error(
    error: BaseException, progress: Progress, *, resolver_down: bool, others_reached: bool
) -> AttemptClass:
    """Return what kept a request from its answer.

    Args:
        resolver_down: where nobody answered for its name, nobody is answered for. Of one name its
            owner is to blame; of all names, we are.
        others_reached: since the request began somebody else was reached. A host without a route
            is then down; otherwise the way to all of them may be.
    """
    connected = progress.connected_at_s is not None
    if cause(error, DialRefused) is not None:
        return AttemptClass.ADDRESS_REFUSED
    if progress.unnamed:
        return AttemptClass.RESOLVER_DOWN if resolver_down else AttemptClass.NAME_UNANSWERED
    if cause(error, NameNotResolved) is not None:
        return AttemptClass.NAME_UNKNOWN
    if isinstance(error, TimeoutError):
        return AttemptClass.TIMEOUT if connected else AttemptClass.CONNECT_TIMEOUT
    found = next((known for kind, known in _BY_TYPE if isinstance(error, kind)), None)
    if found is None and not connected:
        found = _class_of_dial(error)
        if found is AttemptClass.NO_ROUTE and others_reached:
            found = AttemptClass.CONNECTION_FAILED
    return found or AttemptClass.CONNECTION_LOST


def _class_of_dial(error: BaseException) -> AttemptClass:
    origin = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    number = origin.errno if isinstance(origin, OSError) else None
    numbers = [number] if number is not None else map(int, _JOINED.findall(str(origin)))
    found = [_BY_ERRNO.get(each, AttemptClass.CONNECTION_FAILED) for each in numbers]
    # An address that was reached says more than one to which there was no way.
    told = [each for each in found if each is not AttemptClass.NO_ROUTE] or found
    return told[0] if told else AttemptClass.CONNECTION_FAILED


def cause(error: BaseException | None, kind: type[E]) -> E | None:
    """Return the first error of this kind among `error` and its causes."""
    while error is not None and not isinstance(error, kind):
        error = error.__cause__
    return error
