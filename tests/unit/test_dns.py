"""Reading names and name server settings."""

import pytest

from service.edges.dns import ascii_domain, read_server


@pytest.mark.parametrize(
    ("domain", "name"),
    [
        ("ACME.com.", "acme.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("_dmarc.acme.com", "_dmarc.acme.com"),
        ("acme..com", None),
        ("", None),
        ("a b.com", None),
        ("a\\.com", None),
        ("a" * 64 + ".com", None),
        ("a." * 127 + "com", None),
        ("\ud800.com", None),
    ],
)
def test_names_are_asked_for_in_ascii(domain: str, name: str | None) -> None:
    """A name is lower case and ASCII, or it is not asked for at all."""
    assert name == ascii_domain(domain)


@pytest.mark.parametrize(
    ("server", "read"),
    [
        ("1.1.1.1", "Do53:1.1.1.1@53"),
        ("127.0.0.1:5353", "Do53:127.0.0.1@5353"),
        ("::1", "Do53:::1@53"),
        ("[::1]:5353", "Do53:::1@5353"),
    ],
)
def test_name_servers_are_read(server: str, read: str) -> None:
    """A name server is an address with or without a port."""
    assert read == str(read_server(server))


@pytest.mark.parametrize("server", ["", "dns.example.com", "1.1.1.1:", "1.1.1.1:x", "1.1.1.1.1"])
def test_a_bad_name_server_is_named(server: str) -> None:
    """A server that cannot be read is refused with the setting and the entry in the message."""
    with pytest.raises(ValueError, match="LEADFALL_DNS__SERVERS") as problem:
        read_server(server)

    assert repr(server) in str(problem.value)
