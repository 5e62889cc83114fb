"""Find out who stands in a domain's mail path: the gateway in front and the mailbox host."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from service.domain.mail_gateways import MailProduct, classify, mailbox_host_in_spf
from service.edges.dns import Resolver, RouteStatus

NotResolvableReason = Literal["no_such_domain", "no_mail_host", "null_mx", "dns_silent"]


@dataclass(frozen=True, slots=True)
class MailHost:
    """What a domain's mail exchangers show.

    Attributes:
        gateway: The secure e-mail gateway in the mail path; None means that none is visible.
        esp: Who holds the mailboxes, as far as it shows.
        exchanges: The exchangers' names, best preference first.
    """

    gateway: MailProduct | None
    esp: MailProduct | None
    exchanges: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotResolvable:
    """The domain has no mail exchanger to look at; `dns_silent` may be different later."""

    reason: NotResolvableReason


_REASONS: Final[Mapping[RouteStatus, NotResolvableReason]] = {
    RouteStatus.NO_SUCH_DOMAIN: "no_such_domain",
    RouteStatus.NO_MAIL_HOST: "no_mail_host",
    RouteStatus.NULL_MX: "null_mx",
    RouteStatus.UNKNOWN: "dns_silent",
}


async def detect_mail_host(domain: str, *, resolver: Resolver) -> MailHost | NotResolvable:
    """Return the gateway and the mailbox host of `domain`.

    Behind a gateway the mailbox host is read from the domain's own SPF record, if that names one.
    """
    route = await resolver.mail_exchangers(domain)
    if route.status in _REASONS:
        return NotResolvable(_REASONS[route.status])
    gateway, esp = classify(route.best_hosts, route.hosts)
    if gateway is not None and esp is None:
        esp = mailbox_host_in_spf(await resolver.texts(domain))
    return MailHost(gateway, esp, route.hosts)
