"""The dial guard's decisions on settings, URLs, names and addresses."""

import socket
from dataclasses import replace

import pytest

from service.edges.dial_guard import (
    AddressInfo,
    DialRefused,
    EgressPolicy,
    NamedAddress,
    dial,
    guarded_socket_factory,
)


class SocketSpy:
    """Stands in for `socket.socket` and counts how often a socket was asked for."""

    def __init__(self) -> None:
        self.opened = 0

    def __call__(self, family: int, kind: int, protocol: int) -> socket.socket:
        self.opened += 1
        return socket.socket(family, kind, protocol)


def address_info(address: str, port: int = 443, scope: int = 0) -> AddressInfo:
    """Return what the HTTP client hands to a socket factory for `address`."""
    kind, protocol = socket.SOCK_STREAM, socket.IPPROTO_TCP
    if ":" in address:
        return (socket.AF_INET6, kind, protocol, "", (address, port, 0, scope))
    return (socket.AF_INET, kind, protocol, "", (address, port))


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/in",
        "https://hooks.example.com:8443/in?x=1#fragment",
        "https://HOOKS.Example.COM./in",
        "https://bücher.example/in",
        "https://xn--bcher-kva.example/in",
        "https://a1-b2.example.co.uk/",
    ],
)
def test_ordinary_receivers_pass(url: str) -> None:
    """An https URL with a public-looking name on an allowed port passes."""
    EgressPolicy().check_url(url)


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("http://hooks.example.com/", "url_scheme"),
        ("ftp://hooks.example.com/", "url_scheme"),
        ("file:///etc/passwd", "url_scheme"),
        ("gopher://127.0.0.1:6379/_", "url_scheme"),
        ("//hooks.example.com/", "url_scheme"),
        ("", "url_scheme"),
        ("https:///path", "url_form"),
        ("https://", "url_form"),
        ("https://hooks.example.com:0/", "url_form"),
        ("https://hooks.example.com:99999/", "url_form"),
        ("https://[v1.example]/", "url_form"),
        ("https://[::1/", "url_form"),
        ("https://hooks.example.com:22/", "url_port"),
        ("https://hooks.example.com:6379/", "url_port"),
        ("https://hooks.example.com:5432/", "url_port"),
        ("https://user@hooks.example.com/", "url_userinfo"),
        ("https://user:pass@hooks.example.com/", "url_userinfo"),
        ("https://@hooks.example.com/", "url_userinfo"),
        ("https://good.example@127.0.0.1/", "url_userinfo"),
        ("https://good.example\\@bad.example/", "url_characters"),
        ("https://hooks.example.com/a b", "url_characters"),
        ("https://hooks.example.com/\r\nX-Evil: 1", "url_characters"),
        ("https://hooks.example.com/\x00", "url_characters"),
        ("https://hooks.example.com/\x85", "url_characters"),
        (" https://hooks.example.com/", "url_characters"),
        ("https://hooks.example.com/" + "a" * 2_048, "url_length"),
        ("https://hooks..example.com/", "url_host"),
        ("https://-hooks.example.com/", "url_host"),
        ("https://ho_oks.example.com/", "url_host"),
        ("https://hooks.example.com../", "url_host"),
        ("https://a%2eexample.com/", "url_host"),
        ("https://%31%32%37.0.0.1/", "url_host"),
        ("https://" + "a." * 130 + "com/", "url_host"),
        ("https://intranet/", "url_host"),
        ("https://localhost/", "url_private_name"),
        ("https://localhost./", "url_private_name"),
        ("https://app.localhost/", "url_private_name"),
        ("https://printer.local/", "url_private_name"),
        ("https://metadata.google.internal/", "url_private_name"),
        ("https://host.localdomain/", "url_private_name"),
        ("https://router.home.arpa/", "url_private_name"),
        ("https://nas.lan/", "url_private_name"),
        ("https://db.default.svc/", "url_private_name"),
        ("https://db.default.svc.cluster.local/", "url_private_name"),
        ("http://127.0.0.1/", "url_ip_literal"),
        ("https://127.1/", "url_ip_literal"),
        ("https://2130706433/", "url_ip_literal"),
        ("https://0x7f000001/", "url_ip_literal"),
        ("https://0x7f.1/", "url_ip_literal"),
        ("https://0177.0.0.1/", "url_ip_literal"),
        ("https://017700000001/", "url_ip_literal"),
        ("https://0/", "url_ip_literal"),
        ("https://0.0.0.0/", "url_ip_literal"),
        ("https://8.8.8.8/", "url_ip_literal"),
        ("https://[::]/", "url_ip_literal"),
        ("https://[::1]/", "url_ip_literal"),
        ("https://[::ffff:127.0.0.1]/", "url_ip_literal"),
        ("https://[::ffff:7f00:1]/", "url_ip_literal"),
        ("https://[::127.0.0.1]/", "url_ip_literal"),
        ("https://[64:ff9b::7f00:1]/", "url_ip_literal"),
        ("https://[64:ff9b::a9fe:a9fe]/", "url_ip_literal"),
        ("https://[2002:7f00:1::]/", "url_ip_literal"),
        ("https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", "url_ip_literal"),
        ("https://[fe80::1%25lo]/", "url_ip_literal"),
        ("https://[fd00:ec2::254]/", "url_ip_literal"),
        ("https://169.254.169.254/latest/meta-data/", "url_ip_literal"),
        ("https://168.63.129.16/", "url_ip_literal"),
        ("https://100.100.100.200/", "url_ip_literal"),
        ("https://①②⑦.⓪.⓪.①/", "url_ip_literal"),
        ("https://１２７.0.0.1/", "url_ip_literal"),  # noqa: RUF001 - full-width on purpose
        ("https://127。0。0。1/", "url_ip_literal"),
    ],
)
def test_hostile_urls_are_refused(url: str, rule: str) -> None:
    """Every URL of the hostile corpus is refused, by the rule that is meant for it."""
    with pytest.raises(DialRefused) as refusal:
        EgressPolicy().check_url(url)

    assert rule == refusal.value.rule


def test_a_refusal_names_the_setting_and_not_the_url() -> None:
    """What a tenant may see names the operator's setting and repeats nothing of the URL."""
    with pytest.raises(DialRefused, match="LEADFALL_EGRESS__ALLOW") as refusal:
        EgressPolicy().check_url("https://secret-host.internal/secret-path")

    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "https://hooks.example.com:22/",
        "https://intranet/",
        "https://db.internal/",
        "https://10.0.0.1/",
    ],
)
def test_a_refusal_that_an_allowance_lifts_says_so(url: str) -> None:
    """Scheme http, port, name and address are the rules an allowed destination is exempt from."""
    with pytest.raises(DialRefused, match="an operator can allow one with LEADFALL_EGRESS__ALLOW"):
        EgressPolicy().check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/" + "a" * 2_048,
        "https://hooks.example.com/a b",
        "https://user@hooks.example.com/",
        "https://",
        "ftp://hooks.example.com/",
        "javascript:alert(1)",
    ],
)
def test_a_refusal_that_no_allowance_lifts_names_no_setting(url: str) -> None:
    """The caller alone can change what is wrong with these."""
    with pytest.raises(DialRefused) as refusal:
        EgressPolicy().check_url(url)

    assert "LEADFALL" not in str(refusal.value)


@pytest.mark.parametrize(
    ("allow", "url"),
    [
        ("127.0.0.1/32", "http://127.0.0.1:9000/hook"),
        ("127.0.0.0/8", "http://localhost:9000/hook"),
        ("::1/128", "http://[::1]:9000/hook"),
        ("localhost:9000", "http://localhost:9000/hook"),
        ("localhost", "http://localhost:9000/hook"),
        ("LocalHost.:9000", "http://LOCALHOST.:9000/hook"),
        ("127.0.0.1:9000", "http://127.0.0.1:9000/hook"),
        ("[::1]:9000", "http://[::1]:9000/hook"),
        ("receiver", "http://receiver:9000/hook"),
        ("hooks.internal:9000", "http://hooks.internal:9000/hook"),
    ],
)
def test_an_allowed_destination_is_exempt(allow: str, url: str) -> None:
    """What the operator allowed may use any port, plain http and a private name."""
    EgressPolicy.parse([allow]).check_url(url)


@pytest.mark.parametrize(
    ("allow", "url", "rule"),
    [
        ("localhost:9000", "http://localhost:9001/", "url_scheme"),
        ("127.0.0.1:9000", "http://127.0.0.1:9001/", "url_ip_literal"),
        ("10.0.0.0/8", "http://11.0.0.1/", "url_ip_literal"),
        ("10.0.0.0/8", "http://localhost:9000/", "url_scheme"),
        ("hooks.internal", "https://more.hooks.internal/", "url_private_name"),
        ("localhost:9000", "http://user@localhost:9000/", "url_userinfo"),
        ("fe80::/10", "http://[fe80::1%25lo]/", "url_ip_literal"),
    ],
)
def test_an_allowance_covers_only_what_it_names(allow: str, url: str, rule: str) -> None:
    """An allowance for one destination opens nothing beside it."""
    with pytest.raises(DialRefused) as refusal:
        EgressPolicy.parse([allow]).check_url(url)

    assert rule == refusal.value.rule


@pytest.mark.parametrize(
    "entry",
    ["", "10.0.0.1/8", "10.0.0.0/33", "*.example.com", "host:port", "host:0", "host:70000", "a/b"],
)
def test_a_bad_setting_is_named(entry: str) -> None:
    """A setting that cannot be read is refused with the entry in the message."""
    with pytest.raises(ValueError, match="LEADFALL_EGRESS__ALLOW") as problem:
        EgressPolicy.parse([entry])

    assert repr(entry) in str(problem.value)


def test_what_is_denied_wins_over_what_is_allowed() -> None:
    """A denied range is refused even inside an allowed one."""
    policy = EgressPolicy.parse(["10.0.0.0/8"], deny=["10.1.0.0/16"])

    policy.check_address("10.2.0.1", 25)
    with pytest.raises(DialRefused) as refusal:
        policy.check_address("10.1.0.1", 25)
    assert refusal.value.rule == "denied"


@pytest.mark.parametrize(
    "url", ["https://Leads.Example.com/in", "https://leads.example.com.:8443/"]
)
def test_the_service_is_no_receiver_of_its_own(url: str) -> None:
    """The host under which callers reach it is refused, unless an operator allows it."""
    own_url = "https://leads.example.com/leadfall"
    with pytest.raises(DialRefused) as refused:
        EgressPolicy.parse([], own_url=own_url).check_url(url)
    EgressPolicy.parse(["leads.example.com"], own_url=own_url).check_url(url)
    EgressPolicy.parse([], own_url=own_url).check_url("https://hooks.leads.example.com/")

    assert refused.value.rule == "url_own_host"


@pytest.mark.parametrize("own_url", [None, "https://1.1.1.1:8000/"])
def test_an_address_of_its_own_is_not_dialled(own_url: str | None) -> None:
    """A public address may be an interface's, or the one in the service's own URL."""
    here = EgressPolicy.parse([], own_url=own_url)
    policy = replace(here, is_own=lambda address: own_url is None and str(address) == "1.1.1.1")
    with pytest.raises(DialRefused) as refused:
        policy.check_address("::ffff:1.1.1.1", 443)
    policy.check_address("8.8.8.8", 443)
    replace(policy, hosts=frozenset({("hooks.example.com", 443)})).check_address(
        "1.1.1.1", 443, host="hooks.example.com"
    )

    assert refused.value.rule == "own_address"
    assert "one of this service's own" in str(refused.value)


@pytest.mark.parametrize("own_url", ["https://bücher.example", "https://xn--bcher-kva.example/"])
@pytest.mark.parametrize("url", ["https://BÜCHER.example/", "https://xn--bcher-kva.example"])
def test_its_own_host_has_two_spellings(own_url: str, url: str) -> None:
    """A name with other letters than English ones is compared as it is asked for."""
    with pytest.raises(DialRefused, match="this service itself"):
        EgressPolicy.parse([], own_url=own_url).check_url(url)


@pytest.mark.parametrize("own_url", ["https://[::1/", "leads.example.com", "https:///in"])
def test_an_own_url_that_cannot_be_read_is_named(own_url: str) -> None:
    """The message says which setting is wrong."""
    with pytest.raises(ValueError, match="LEADFALL_PUBLIC_URL"):
        EgressPolicy.parse([], own_url=own_url)


def test_an_operators_own_nat64_prefix_can_be_denied() -> None:
    """A public-looking prefix that leads inside is refused once it is denied."""
    policy = EgressPolicy.parse([], deny=["2a01:db8:64::/96"])

    with pytest.raises(DialRefused, match="denied"):
        policy.check_address("2a01:db8:64::a9fe:a9fe", 443)


@pytest.mark.parametrize(
    ("address", "port", "scope"),
    [
        ("127.0.0.1", 443, 0),
        ("169.254.169.254", 80, 0),
        ("::ffff:127.0.0.1", 443, 0),
        ("64:ff9b::a9fe:a9fe", 443, 0),
        ("fe80::1", 443, 2),
        ("2606:4700::1111", 443, 2),
        ("127.1", 443, 0),
        ("not an address", 443, 0),
        ("8.8.8.8", 0, 0),
        ("8.8.8.8", 65_536, 0),
    ],
)
def test_a_refused_dial_opens_no_socket(address: str, port: int, scope: int) -> None:
    """The factory refuses before it asks for a socket."""
    spy = SocketSpy()
    factory = guarded_socket_factory(EgressPolicy(), open_socket=spy)

    with pytest.raises(DialRefused):
        factory(address_info(address, port, scope))

    assert spy.opened == 0


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111"])
def test_a_public_dial_opens_one_socket(address: str) -> None:
    """A public address gets its socket, of the right family, not yet connected."""
    spy = SocketSpy()
    factory = guarded_socket_factory(EgressPolicy(), open_socket=spy)

    with factory(address_info(address)) as opened:
        assert (1, address_info(address)[0]) == (spy.opened, opened.family)


def test_an_address_is_excused_only_under_its_allowed_name() -> None:
    """Of two names for one private address, only the allowed one may be dialled."""
    policy = EgressPolicy.parse(["db.internal:443"])
    factory = guarded_socket_factory(policy)

    factory(address_info(NamedAddress("10.0.0.7", "db.internal"))).close()
    with pytest.raises(DialRefused):
        factory(address_info(NamedAddress("10.0.0.7", "evil.example")))
    with pytest.raises(DialRefused):
        factory(address_info("10.0.0.7"))


async def test_dialling_connects_to_the_very_address() -> None:
    """An allowed address is connected; the caller gets the live socket."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        with await dial(EgressPolicy.parse(["127.0.0.1/32"]), "127.0.0.1", port) as connection:
            assert ("127.0.0.1", port) == connection.getpeername()


async def test_a_refused_dial_reaches_nobody() -> None:
    """Without an allowance the same dial is refused before a socket exists."""
    spy = SocketSpy()

    with pytest.raises(DialRefused, match="loopback"):
        await dial(EgressPolicy(), "127.0.0.1", 25, open_socket=spy)

    assert spy.opened == 0
