"""The one guard for every connection made on behalf of a user or a vendor.

It decides on the address that is about to be dialled, at the moment of dialling: receivers, mail
exchangers and callback URLs alike. Checks made earlier only exist to answer a caller sooner.
"""

import asyncio
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, Self

from yarl import URL

from service.domain.public_address import Address, read_address, refusal_of
from service.edges.own_address import is_own_address

ALLOW_SETTING: Final = "LEADFALL_EGRESS__ALLOW"
DENY_SETTING: Final = "LEADFALL_EGRESS__DENY"
OWN_SETTING: Final = "LEADFALL_PUBLIC_URL"
URL_CHARACTERS_MAX: Final = 2_048
URL_PORTS: Final = frozenset({443, 8443})
HOST_CHARACTERS_MAX: Final = 253
LABEL_CHARACTERS_MAX: Final = 63
PORT_MAX: Final = 65_535

PRIVATE_NAMES: Final = (
    "localhost",
    "local",
    "internal",
    "localdomain",
    "home.arpa",
    "lan",
    "svc",
    "cluster.local",
)
"""Names, and everything below them, that never belong to a public host."""

EXPLANATIONS: Final[Mapping[str, str]] = {
    "url_length": f"the URL is longer than {URL_CHARACTERS_MAX} characters",
    "url_characters": "the URL contains spaces, backslashes or control characters",
    "url_form": "the URL cannot be read",
    "url_userinfo": "the URL contains a user name or password",
    "url_scheme": "the URL does not begin with https://",
    "url_port": "the port of the URL is not one of those allowed",
    "url_host": "the host of the URL is not a public host name",
    "url_private_name": "the host of the URL is a private name",
    "url_ip_literal": "the URL names an address instead of a host",
    "url_own_host": "the host of the URL is this service itself",
    "own_address": "the address is one of this service's own",
}
"""What a refusal by these rules says; by all others, that the address is not public."""

FINAL_RULES: Final = frozenset({
    "url_length", "url_characters", "url_form", "url_userinfo",
    "denied", "not_an_address", "port", "scoped",
})  # fmt: skip
"""The rules from which no allowance exempts."""

_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_NUMERIC_LABEL: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_ALLOWED_NAME: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9])?")
_URL_CHARACTER: Final = re.compile(r"[^\s\\\x00-\x20\x7f-\x9f]*")

Network = IPv4Network | IPv6Network
AddressInfo = tuple[
    int | socket.AddressFamily,
    int | socket.SocketKind,
    int,
    str,
    tuple[str, int] | tuple[str, int, int, int],
]
OpenSocket = Callable[[int, int, int], socket.socket]


class DialRefused(OSError):  # noqa: N818 - a refusal is not a mistake of the program
    """A connection the guard would not make.

    The message can be shown to a tenant: it says which kind of rule spoke and, where changing it
    helps, which setting an operator would change; it holds neither a URL nor a resolved address.

    Attributes:
        rule: Short slug of the rule that refused.
        destination: `host:port` as far as known; for operators, not part of the message.
    """

    def __init__(self, rule: str, *, destination: str = "", final: bool = False) -> None:
        """Refuse by a rule; `final` says that no allowance lifts it here."""
        self.rule = rule
        self.destination = destination
        explanation = EXPLANATIONS.get(rule, f"the address is not public ({rule})")
        hint = f"; an operator can allow one with {ALLOW_SETTING}"
        lifted = not final and rule not in FINAL_RULES
        super().__init__(f"destination refused: {explanation}{hint if lifted else ''}")


class NamedAddress(str):
    """An address that remembers the host name it was resolved from.

    The HTTP client hands the resolver's own string on to the socket factory. That is how the guard
    knows, at dial time and without shared state, which name an address belongs to.
    An address that lost its name is judged by the address alone, so losing it fails closed.
    """

    __slots__ = ("name",)

    name: str

    def __new__(cls, address: str, name: str) -> Self:
        """Return `address` as a string that also carries `name`."""
        named = super().__new__(cls, address)
        named.name = name
        return named


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """What may be dialled: public addresses, plus what the operator allowed.

    Attributes:
        networks: Allowed address ranges.
        hosts: Allowed names and literals, each with a port or None for every port.
        denied_networks: Ranges refused whatever else says, such as the operator's own public
            addresses or a network-specific NAT64 prefix.
        own_hosts: Names under which this service is reached itself.
        url_ports: Ports a customer's URL may name.
        is_own: Tells of a public address whether it is one of this host's own.
    """

    networks: tuple[Network, ...] = ()
    hosts: frozenset[tuple[str, int | None]] = frozenset()
    denied_networks: tuple[Network, ...] = ()
    own_hosts: frozenset[str] = frozenset()
    url_ports: frozenset[int] = field(default=URL_PORTS)
    is_own: Callable[[Address], bool] = is_own_address

    @classmethod
    def parse(
        cls,
        allow: Sequence[str],
        *,
        deny: Sequence[str] = (),
        own_url: str | None = None,
        url_ports: frozenset[int] = URL_PORTS,
    ) -> "EgressPolicy":
        """Build a policy from settings: CIDRs and `host[:port]` to allow, CIDRs to deny.

        Args:
            own_url: where this service is reached itself.

        Raises:
            ValueError: an entry is neither; the message names the entry.
        """
        networks: list[Network] = []
        hosts: set[tuple[str, int | None]] = set()
        for entry in map(str.strip, allow):
            network = _read_network(entry)
            if network is not None:
                networks.append(network)
            else:
                hosts.add(_read_host(entry))
        denied = tuple(_require_network(entry.strip()) for entry in deny)
        own_hosts = frozenset({_read_own_host(own_url)} if own_url else ())
        return cls(tuple(networks), frozenset(hosts), denied, own_hosts, url_ports)

    def allows_host(self, host: str, port: int) -> bool:
        """Tell whether the operator allowed this very host name or literal on this port."""
        name = normal_host(host)
        return (name, port) in self.hosts or (name, None) in self.hosts

    def check_address(self, address: str, port: int, *, host: str | None = None) -> None:
        """Refuse an address about to be dialled unless it is another host's public one or allowed.

        `host` is the name it was resolved from, if any.

        Raises:
            DialRefused: the address must not be dialled.
        """
        destination = f"{host or address}:{port}"
        target = read_address(address)
        if target is None:
            raise DialRefused("not_an_address", destination=destination)
        if not 0 < port <= PORT_MAX:
            raise DialRefused("port", destination=destination)
        if _contains(self.denied_networks, target):
            raise DialRefused("denied", destination=destination)
        if self._allows(target, port, host):
            return
        rule = refusal_of(target)
        if rule is None and (str(target) in self.own_hosts or self.is_own(target)):
            rule = "own_address"
        if rule is not None:
            raise DialRefused(rule, destination=destination)

    def check_name(self, host: str, port: int) -> None:
        """Refuse a host name that cannot be a public one, before anybody resolves it.

        Raises:
            DialRefused: the name must not be resolved.
        """
        if self._allows_name(host, port):
            return
        name = normal_host(host)
        rule = "url_own_host" if name in self.own_hosts else _name_refusal(name)
        if rule is not None:
            raise DialRefused(rule, destination=f"{host[:HOST_CHARACTERS_MAX]}:{port}")

    def check_url(self, url: str) -> None:
        """Refuse a customer's URL that could never be dialled; cheap enough for every request.

        An allowed destination is exempt from the rules on scheme, port and name, never from those
        on length, characters and user information.

        Raises:
            DialRefused: the URL breaks a rule.
        """
        scheme, host, port = _split_url(url)
        literal = read_address(host.split("%", 1)[0])
        if literal is not None:
            self._check_literal(literal, host, port)
            return
        if self._allows_name(host, port):
            return
        destination = f"{host[:HOST_CHARACTERS_MAX]}:{port}"
        if scheme != "https":
            raise DialRefused("url_scheme", destination=destination)
        self.check_name(host, port)
        if port not in self.url_ports:
            raise DialRefused("url_port", destination=destination)

    def _check_literal(self, literal: Address, host: str, port: int) -> None:
        denied = _contains(self.denied_networks, literal)
        if denied or "%" in host or not self._allows(literal, port, None):
            raise DialRefused("url_ip_literal", destination=f"{host}:{port}")

    def _allows_name(self, host: str, port: int) -> bool:
        if self.allows_host(host, port):
            return True
        # RFC 6761 makes "localhost" another spelling of the loopback addresses.
        loopback = read_address("127.0.0.1")
        return (
            normal_host(host) == "localhost"
            and loopback is not None
            and self._allows(loopback, port, None)
        )

    def _allows(self, target: Address, port: int, host: str | None) -> bool:
        if _contains(self.networks, target) or self.allows_host(str(target), port):
            return True
        return host is not None and self.allows_host(host, port)


def guarded_socket_factory(
    policy: EgressPolicy, *, open_socket: OpenSocket = socket.socket
) -> Callable[[AddressInfo], socket.socket]:
    """Return a `socket_factory` for `aiohttp.TCPConnector` that opens no socket for a refusal."""

    def open_guarded(info: AddressInfo) -> socket.socket:
        family, kind, protocol, _, address = info
        if len(address) > 2 and address[3]:  # noqa: PLR2004 - (address, port, flow, scope)
            raise DialRefused("scoped", destination=f"{address[0]}:{address[1]}")
        host = address[0].name if isinstance(address[0], NamedAddress) else None
        policy.check_address(address[0], address[1], host=host)
        return open_socket(family, kind, protocol)

    return open_guarded


async def dial(
    policy: EgressPolicy,
    address: str,
    port: int,
    *,
    host: str | None = None,
    open_socket: OpenSocket = socket.socket,
) -> socket.socket:
    """Connect to exactly `address` if the policy lets it pass, and return the connected socket.

    The caller owns the socket and the deadline.

    Raises:
        DialRefused: the policy refused; no socket was opened.
        OSError: the connection failed.
    """
    ipv6 = ":" in address
    where: tuple[str, int] | tuple[str, int, int, int]
    named = address if host is None else NamedAddress(address, host)
    where = (named, port, 0, 0) if ipv6 else (named, port)
    family = socket.AF_INET6 if ipv6 else socket.AF_INET
    info: AddressInfo = (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where)
    connection = guarded_socket_factory(policy, open_socket=open_socket)(info)
    try:
        connection.settimeout(0)
        await asyncio.get_running_loop().sock_connect(connection, where)
    except BaseException:
        connection.close()
        raise
    return connection


def normal_host(host: str) -> str:
    """Return `host` as the policy compares it: lower case, without brackets or a final dot."""
    return host.strip("[]").removesuffix(".").lower()


def _read_network(entry: str) -> Network | None:
    try:
        return ip_network(entry)
    except ValueError:
        return None


def _require_network(entry: str) -> Network:
    network = _read_network(entry)
    if network is None:
        raise ValueError(f"{DENY_SETTING}: {entry!r} is not an address range")
    return network


def _read_host(entry: str) -> tuple[str, int | None]:
    problem = f"{ALLOW_SETTING}: {entry!r} is neither an address range nor host[:port]"
    host, separator, port_text = entry.rpartition(":")
    if not separator:
        host, port_text = entry, ""
    elif not port_text.isascii() or not port_text.isdigit() or not 0 < int(port_text) <= PORT_MAX:
        raise ValueError(problem)
    name = normal_host(host)
    literal = read_address(name)
    if literal is not None:
        name = str(literal)
    elif not _ALLOWED_NAME.fullmatch(name) or "/" in entry or len(name) > HOST_CHARACTERS_MAX:
        raise ValueError(problem)
    return name, int(port_text) if separator else None


def _read_own_host(url: str) -> str:
    try:
        host = URL(url).raw_host
    except ValueError:
        host = None
    if not host:
        raise ValueError(f"{OWN_SETTING}: {url!r} is not a URL with a host")
    return normal_host(host)


def _contains(networks: Sequence[Network], target: Address) -> bool:
    return any(target in network for network in networks)


def _split_url(url: str) -> tuple[str, str, int]:
    if len(url) > URL_CHARACTERS_MAX:
        raise DialRefused("url_length")
    if not _URL_CHARACTER.fullmatch(url):
        raise DialRefused("url_characters")
    try:
        parsed = URL(url)
        authority = parsed.raw_authority
        host, port = parsed.raw_host, parsed.port
    except ValueError:
        raise DialRefused("url_form") from None
    if parsed.scheme not in {"https", "http"}:
        raise DialRefused("url_scheme", final=True)
    if not host or not port:
        raise DialRefused("url_form")
    written = re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]
    if "@" in written or "@" in authority:
        raise DialRefused("url_userinfo", destination=f"{host}:{port}")
    if "[" in written and ":" not in host:
        raise DialRefused("url_form")
    return parsed.scheme, host, port


def _name_refusal(name: str) -> str | None:
    labels = name.split(".")
    if len(name) > HOST_CHARACTERS_MAX or not all(
        len(label) <= LABEL_CHARACTERS_MAX and _LABEL.fullmatch(label) for label in labels
    ):
        return "url_host"
    # Some resolvers read 127.1, 0x7f.1 or 2130706433 as addresses; no public name ends so.
    if _NUMERIC_LABEL.fullmatch(labels[-1]):
        return "url_ip_literal"
    if any(name == private or name.endswith(f".{private}") for private in PRIVATE_NAMES):
        return "url_private_name"
    return "url_host" if len(labels) == 1 else None
