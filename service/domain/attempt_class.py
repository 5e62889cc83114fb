"""What an attempt can come to: a closed set, and what its members have in common."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class AttemptClass(StrEnum):
    """What an attempt came to: a class of answer, or why there was none."""

    SUCCESS = "success"
    REDIRECT = "redirect"
    REJECTED = "rejected"
    GONE = "gone"
    THROTTLED = "throttled"
    OVERLOADED = "overloaded"
    UNAVAILABLE = "unavailable"
    NOT_NOW = "not_now"
    SERVER_ERROR = "server_error"
    UNEXPECTED_STATUS = "unexpected_status"

    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_FAILED = "connection_failed"
    CONNECTION_LOST = "connection_lost"
    CONNECT_TIMEOUT = "connect_timeout"
    TIMEOUT = "timeout"
    TLS_FAILED = "tls_failed"
    NAME_UNKNOWN = "name_unknown"
    NAME_UNANSWERED = "name_unanswered"
    BAD_ANSWER = "bad_answer"
    ADDRESS_REFUSED = "address_refused"
    URL_REFUSED = "url_refused"

    RESOLVER_DOWN = "resolver_down"
    NO_ROUTE = "no_route"
    EGRESS_DOWN = "egress_down"
    SECRET_UNREADABLE = "secret_unreadable"  # noqa: S105 - a slug
    OUR_FAULT = "our_fault"


OURS: Final = frozenset(
    {
        AttemptClass.RESOLVER_DOWN,
        AttemptClass.NO_ROUTE,
        AttemptClass.EGRESS_DOWN,
        AttemptClass.SECRET_UNREADABLE,
        AttemptClass.OUR_FAULT,
    }
)
"""Faults of ours: they use up none of the receiver's attempts and change nothing about it."""

UNREACHED: Final = frozenset(
    {
        AttemptClass.CONNECTION_REFUSED,
        AttemptClass.CONNECTION_FAILED,
        AttemptClass.CONNECT_TIMEOUT,
        AttemptClass.TLS_FAILED,
        AttemptClass.NAME_UNKNOWN,
        AttemptClass.NAME_UNANSWERED,
    }
)
"""Failures that speak of the host and port, not of one URL there."""

SILENT: Final = frozenset({AttemptClass.CONNECTION_LOST, AttemptClass.TIMEOUT})
"""Failures after which nobody knows whether the receiver has the event."""

WAITS_LONGER: Final = frozenset(
    {
        AttemptClass.THROTTLED,
        AttemptClass.OVERLOADED,
        AttemptClass.TIMEOUT,
        AttemptClass.CONNECT_TIMEOUT,
    }
)
"""Signs of overload: the next attempt waits for at least a minute."""

SLOWS_DOWN: Final = (
    UNREACHED
    | SILENT
    | {
        AttemptClass.THROTTLED,
        AttemptClass.OVERLOADED,
        AttemptClass.UNAVAILABLE,
        AttemptClass.SERVER_ERROR,
        AttemptClass.BAD_ANSWER,
    }
)
"""After these, half as much is sent to the endpoint at once."""

_STATUS_CLASSES: Final[Mapping[int, AttemptClass]] = MappingProxyType(
    {
        408: AttemptClass.NOT_NOW,
        410: AttemptClass.GONE,
        425: AttemptClass.NOT_NOW,
        429: AttemptClass.THROTTLED,
        502: AttemptClass.OVERLOADED,
        503: AttemptClass.UNAVAILABLE,
        504: AttemptClass.OVERLOADED,
    }
)

HINTS: Final[Mapping[int, str]] = MappingProxyType(
    {
        400: "it could not read the request",
        401: "it wants a login",
        403: "it refuses us",
        404: "the URL may be wrong",
        405: "the URL does not take POST",
        413: "the body is too large for it",
        415: "it does not take JSON",
        422: "it could not use the body",
    }
)
"""What a status tells the endpoint's owner."""

SENTENCES: Final[Mapping[AttemptClass, str]] = MappingProxyType(
    {
        AttemptClass.CONNECTION_REFUSED: "the receiver refused the connection",
        AttemptClass.CONNECTION_FAILED: "the receiver could not be reached",
        AttemptClass.CONNECTION_LOST: "the receiver closed the connection without an answer",
        AttemptClass.CONNECT_TIMEOUT: "the receiver did not accept a connection in time",
        AttemptClass.TIMEOUT: "the receiver did not answer in time",
        AttemptClass.TLS_FAILED: "no secure connection could be agreed with the receiver",
        AttemptClass.NAME_UNKNOWN: "the receiver's host name has no address",
        AttemptClass.NAME_UNANSWERED: "nobody answered for the receiver's host name",
        AttemptClass.BAD_ANSWER: "the receiver's answer is not proper HTTP",
        AttemptClass.ADDRESS_REFUSED: (
            "the receiver's address is not public, or denied: an operator changes that with "
            "LEADFALL_EGRESS__ALLOW or LEADFALL_EGRESS__DENY"
        ),
        AttemptClass.URL_REFUSED: (
            "the receiver's URL is not one we may use: an operator can allow its host and port "
            "with LEADFALL_EGRESS__ALLOW"
        ),
        AttemptClass.RESOLVER_DOWN: "our name servers did not answer",
        AttemptClass.NO_ROUTE: "our network had no way to the receiver",
        AttemptClass.EGRESS_DOWN: "nothing could be reached from our network, not even our own",
        AttemptClass.SECRET_UNREADABLE: "our copy of the signing secret could not be read",
        AttemptClass.OUR_FAULT: "we failed to send it",
    }
)
"""What to say of an attempt without an answer."""

GIVEN_BACK: Final = "a dispatcher of ours ended before it could be sent"
"""What to say of a delivery that was claimed and never tried."""


def class_of_status(status: int) -> AttemptClass:
    """Return the class of a status; 101 and whatever is no status at all are failures."""
    known = _STATUS_CLASSES.get(status)
    if known is not None:
        return known
    by_hundred = {
        2: AttemptClass.SUCCESS,
        3: AttemptClass.REDIRECT,
        4: AttemptClass.REJECTED,
        5: AttemptClass.SERVER_ERROR,
    }
    return by_hundred.get(status // 100, AttemptClass.UNEXPECTED_STATUS)
