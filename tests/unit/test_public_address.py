"""The address tables of the dial guard."""

from ipaddress import ip_address

import pytest

from service.domain.public_address import read_address, refusal_of

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "192.0.1.1",
    "198.17.255.255",
    "198.20.0.1",
    "223.255.255.255",
    "2001:200::1",
    "2606:4700:4700::1111",
    "2a00:1450:4001:80b::200e",
]

NOT_PUBLIC = [
    ("0.0.0.0", "this_network"),  # noqa: S104 - an address under test, nothing is bound
    ("0.255.255.255", "this_network"),
    ("10.0.0.1", "private"),
    ("100.64.0.1", "shared"),
    ("100.100.100.200", "shared"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("168.63.129.16", "cloud_platform"),
    ("169.254.169.254", "link_local"),
    ("169.254.170.2", "link_local"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("192.0.0.9", "protocol_assignment"),
    ("192.0.0.192", "protocol_assignment"),
    ("192.0.2.1", "documentation"),
    ("192.31.196.1", "as112"),
    ("192.52.193.1", "multicast_relay"),
    ("192.88.99.1", "six_to_four"),
    ("192.168.1.1", "private"),
    ("192.175.48.1", "as112"),
    ("198.18.0.1", "benchmarking"),
    ("198.19.255.255", "benchmarking"),
    ("198.51.100.1", "documentation"),
    ("203.0.113.1", "documentation"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.255", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.255", "reserved"),
    ("::", "this_network"),
    ("::1", "loopback"),
    ("::7f00:1", "ipv4_compatible"),
    ("::ffff:127.0.0.1", "loopback"),
    ("::ffff:a9fe:a9fe", "link_local"),
    ("::ffff:0:7f00:1", "ipv4_translated"),
    ("64:ff9b::7f00:1", "nat64"),
    ("64:ff9b::a9fe:a9fe", "nat64"),
    ("64:ff9b:1::1", "nat64"),
    ("100::1", "discard"),
    ("100:0:0:1::1", "not_global_unicast"),
    ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "protocol_assignment"),
    ("2001:1::1", "protocol_assignment"),
    ("2001:2::1", "protocol_assignment"),
    ("2001:3::1", "protocol_assignment"),
    ("2001:4:112::1", "protocol_assignment"),
    ("2001:10::1", "protocol_assignment"),
    ("2001:20::1", "protocol_assignment"),
    ("2001:30::1", "protocol_assignment"),
    ("2001:db8::1", "documentation"),
    ("2002:7f00:1::", "six_to_four"),
    ("2620:4f:8000::1", "as112"),
    ("3ffe::1", "former_6bone"),
    ("3fff::1", "documentation"),
    ("4000::1", "not_global_unicast"),
    ("5f00::1", "not_global_unicast"),
    ("fc00::1", "private"),
    ("fd00:ec2::254", "private"),
    ("fd20:ce::254", "private"),
    ("fd7a:115c:a1e0::1", "private"),
    ("fe80::1", "link_local"),
    ("fe80::1%lo", "scoped"),
    ("2606:4700::1%eth0", "scoped"),
    ("fec0::1", "site_local"),
    ("ff02::1", "multicast"),
]


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_pass(text: str) -> None:
    """An ordinary address of the public internet is refused by no rule."""
    assert None is refusal_of(ip_address(text))


@pytest.mark.parametrize(("text", "rule"), NOT_PUBLIC)
def test_other_addresses_are_refused_by_a_named_rule(text: str, rule: str) -> None:
    """Each special range is refused, and the refusal says which range it was."""
    assert rule == refusal_of(ip_address(text))


@pytest.mark.parametrize(
    "text", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost", "", "1.2.3.4 "]
)
def test_only_canonical_notation_is_an_address(text: str) -> None:
    """Spellings that only some resolvers read as addresses are not addresses here."""
    assert None is read_address(text)


def test_a_mapped_address_is_read_as_what_it_dials() -> None:
    """An IPv4-mapped address is judged as the IPv4 address behind it."""
    assert ip_address("10.0.0.1") == read_address("::ffff:10.0.0.1")
