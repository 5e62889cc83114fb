"""Which IP addresses are public: the tables behind the dial guard, without any I/O.

IPv4 is a list of what to refuse; IPv6 accepts global unicast only, minus a list.
Python's own `is_global` is asked as well, because either of the two may know a range the other
does not: on 3.11 it calls NAT64, 6to4, multicast and the Azure platform address global.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

IPV4_REFUSED: Sequence[tuple[IPv4Network, str]] = tuple(
    (IPv4Network(network), rule)
    for network, rule in (
        ("0.0.0.0/8", "this_network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "cloud_platform"),
        ("169.254.0.0/16", "link_local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol_assignment"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "as112"),
        ("192.52.193.0/24", "multicast_relay"),
        ("192.88.99.0/24", "six_to_four"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "as112"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)

IPV6_GLOBAL_UNICAST = IPv6Network("2000::/3")

IPV6_REFUSED: Sequence[tuple[IPv6Network, str]] = tuple(
    (IPv6Network(network), rule)
    for network, rule in (
        ("2001::/23", "protocol_assignment"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "six_to_four"),
        ("2620:4f:8000::/48", "as112"),
        ("3ffe::/16", "former_6bone"),
        ("3fff::/20", "documentation"),
    )
)

# Everything outside 2000::/3 is refused anyway; these only give the refusal a telling name.
IPV6_NAMES: Sequence[tuple[IPv6Network, str]] = tuple(
    (IPv6Network(network), rule)
    for network, rule in (
        ("::/128", "this_network"),
        ("::1/128", "loopback"),
        ("::/96", "ipv4_compatible"),
        ("::ffff:0:0:0/96", "ipv4_translated"),
        ("64:ff9b::/96", "nat64"),
        ("64:ff9b:1::/48", "nat64"),
        ("100::/64", "discard"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link_local"),
        ("fec0::/10", "site_local"),
        ("ff00::/8", "multicast"),
    )
)


def read_address(text: str) -> Address | None:
    """Return the address `text` spells in canonical notation, or None.

    An IPv4-mapped IPv6 address comes back as the IPv4 address it dials.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def refusal_of(address: Address) -> str | None:
    """Return the slug of the rule that makes `address` non-public, or None if it is public."""
    if isinstance(address, IPv6Address):
        return _ipv6_refusal(address)
    for network, rule in IPV4_REFUSED:
        if address in network:
            return rule
    return None if address.is_global else "not_global"


def _ipv6_refusal(address: IPv6Address) -> str | None:
    if address.scope_id is not None:
        return "scoped"
    if address.ipv4_mapped is not None:
        return refusal_of(address.ipv4_mapped)
    table = IPV6_REFUSED if address in IPV6_GLOBAL_UNICAST else IPV6_NAMES
    for network, rule in table:
        if address in network:
            return rule
    if address not in IPV6_GLOBAL_UNICAST:
        return "not_global_unicast"
    return None if address.is_global else "not_global"
