"""Verify one e-mail address: spelling, domain, mail host, and whether the host takes anything."""

import time
from collections.abc import Mapping
from typing import Final, NamedTuple

from service.domain.email_address import EmailAddress, read_email_address
from service.domain.smtp_reply import ReplyMeaning, SmtpReply
from service.domain.verdict import EmailVerdict, VerdictReason, VerdictStatus
from service.edges.dns import MailRoute, Resolver, RouteStatus
from service.edges.mail_exchanger import SERVICE_CLOSING
from service.edges.smtp import SmtpProber
from service.flows.controls import CONCLUSIVE, GREYLIST_RETRY_S, Controls

PROBE_DEADLINE_S: Final = 45.0
"""For each question to a domain's mail hosts; an address takes one, a new domain two."""
BUSY_RETRY_S: Final = 60.0
"""In the mail hosts' own time, which a sandbox runs faster."""
DOUBT_RETRY_S: Final = 5.0
"""As long as it takes to find out whether the mail port is shut."""

_ROUTE_VERDICTS: Final[Mapping[RouteStatus, tuple[VerdictStatus, VerdictReason]]] = {
    RouteStatus.NO_SUCH_DOMAIN: ("undeliverable", "no_such_domain"),
    RouteStatus.NO_MAIL_HOST: ("undeliverable", "no_mail_host"),
    RouteStatus.NULL_MX: ("undeliverable", "null_mx"),
    RouteStatus.UNKNOWN: ("unknown", "dns_silent"),
}


class _Reading(NamedTuple):
    status: VerdictStatus
    reason: VerdictReason
    retry_after_s: float | None = None


_READINGS: Final[Mapping[ReplyMeaning, _Reading]] = {
    ReplyMeaning.ACCEPTED: _Reading("deliverable", "accepted_email"),
    ReplyMeaning.NO_MAILBOX: _Reading("undeliverable", "no_mailbox"),
    ReplyMeaning.FULL: _Reading("risky", "mailbox_full"),
    ReplyMeaning.TRY_LATER: _Reading("unknown", "greylisted", GREYLIST_RETRY_S),
    ReplyMeaning.BLOCKED_PROBER: _Reading("unknown", "prober_blocked"),
    ReplyMeaning.DOMAIN_REFUSES: _Reading("undeliverable", "domain_refuses"),
    ReplyMeaning.DIRECTORY_BLOCK: _Reading("unknown", "directory_block"),
    ReplyMeaning.TLS_REQUIRED: _Reading("unknown", "tls_required"),
    ReplyMeaning.UNKNOWN: _Reading("unknown", "unclear_reply"),
    ReplyMeaning.TIMEOUT: _Reading("unknown", "timeout"),
    ReplyMeaning.UNREACHABLE: _Reading("unknown", "unreachable"),
    ReplyMeaning.PORT_BLOCKED: _Reading("unknown", "port_blocked"),
    ReplyMeaning.PORT_IN_DOUBT: _Reading("unknown", "port_blocked", DOUBT_RETRY_S),
    ReplyMeaning.EGRESS_REFUSED: _Reading("unknown", "egress_refused"),
    ReplyMeaning.BUSY: _Reading("unknown", "host_busy", BUSY_RETRY_S),
}


async def verify_address(
    address: str,
    *,
    resolver: Resolver,
    prober: SmtpProber,
    controls: Controls,
    deadline_s: float = PROBE_DEADLINE_S,
    since_s: float | None = None,
) -> EmailVerdict:
    """Return whether mail to `address` would arrive.

    Asks at most three questions (the address, an invented one, the postmaster), each at most
    `deadline_s` seconds long; `since_s` says since when the lead is looked at, on the monotonic
    clock, where that is not now. Silence and refusals to talk are the status `unknown`.
    A verdict with `retry_after_s` is worth asking for again after that time.
    """
    read = read_email_address(address)
    if read is None:
        return EmailVerdict("undeliverable", "invalid_syntax")
    route = await resolver.mail_exchangers(read.domain)
    if route.status in _ROUTE_VERDICTS:
        return _verdict(read, _Reading(*_ROUTE_VERDICTS[route.status]))
    if read.disposable:
        return _verdict(read, _Reading("risky", "disposable"))
    if await controls.is_catch_all(read.domain):
        return _verdict(read, _Reading("risky", "catch_all"), exchange=route.hosts[0])
    since_s = time.monotonic() if since_s is None else since_s
    reply = await prober.probe(route, read.envelope, deadline_s=deadline_s, since_s=since_s)
    reading = await _weigh(reply, route, prober, controls, deadline_s=deadline_s, since_s=since_s)
    if reading.status == "deliverable" and read.role:
        reading = _Reading("risky", "role")
    return _verdict(read, reading, exchange=reply.exchange)


async def _weigh(
    reply: SmtpReply,
    route: MailRoute,
    prober: SmtpProber,
    controls: Controls,
    *,
    deadline_s: float,
    since_s: float,
) -> _Reading:
    """Return what a reply means in the light of what the domain says about other addresses."""
    if reply.meaning is ReplyMeaning.ACCEPTED:
        control = await controls.invented(prober, route, deadline_s=deadline_s, since_s=since_s)
        if control.meaning is ReplyMeaning.ACCEPTED:
            return _Reading("risky", "catch_all")
        if control.meaning not in CONCLUSIVE:
            # Without a refusal to compare it with, an acceptance says nothing.
            return _read(control)
    if reply.meaning is ReplyMeaning.FULL:
        control = await controls.invented(prober, route, deadline_s=deadline_s, since_s=since_s)
        if control.meaning is ReplyMeaning.FULL:
            # It has no room for anybody, and has not looked whose mailbox it is.
            return _READINGS[ReplyMeaning.UNKNOWN]
    if reply.meaning is ReplyMeaning.TRY_LATER and _is_about_recipient(reply):
        await controls.announce(prober, route, since_s=since_s)
    if reply.meaning is ReplyMeaning.DIRECTORY_BLOCK:
        control = await controls.postmaster(prober, route, deadline_s=deadline_s, since_s=since_s)
        if control.meaning is ReplyMeaning.ACCEPTED:
            return _READINGS[ReplyMeaning.NO_MAILBOX]
    return _read(reply)


def _read(reply: SmtpReply) -> _Reading:
    if reply.meaning is ReplyMeaning.TRY_LATER and not _is_about_recipient(reply):
        return _READINGS[ReplyMeaning.BUSY]
    return _READINGS[reply.meaning]


def _is_about_recipient(reply: SmtpReply) -> bool:
    """Tell a greylist, which names sender and recipient, from a host that has no time now."""
    return reply.stage in {"sender", "recipient"} and reply.code != SERVICE_CLOSING


def _verdict(
    address: EmailAddress, reading: _Reading, *, exchange: str | None = None
) -> EmailVerdict:
    return EmailVerdict(
        status=reading.status,
        reason=reading.reason,
        role=address.role,
        disposable=address.disposable,
        free=address.free,
        exchange=exchange,
        retry_after_s=reading.retry_after_s,
    )
