"""Reading addresses and their classes."""

import pytest

from service.domain.email_address import EmailAddress, is_role, read_email_address


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("jane@acme.com", "jane@acme.com"),
        ("  Jane.Doe@ACME.com ", "jane.doe@acme.com"),
        ("o'hara+news@acme.co.uk", "o'hara+news@acme.co.uk"),
        ("jane@bücher.example", "jane@xn--bcher-kva.example"),
        ("jane@acme.test", "jane@acme.test"),
    ],
)
def test_addresses_are_read(text: str, key: str) -> None:
    """An ordinary address is read; its key is lower case with an ASCII domain."""
    address = read_email_address(text)

    assert address is not None
    assert key == address.key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "jane",
        "jane@",
        "@acme.com",
        "jane@acme",
        "jane@localhost",
        "jane@acme.local",
        "jane@acme.invalid",
        "jane@[127.0.0.1]",
        '"jane doe"@acme.com',
        "jane(comment)@acme.com",
        "Jane <jane@acme.com>",
        "jane..doe@acme.com",
        "jane@acme..com",
        "jane@acme.com.",
        "jane@@acme.com",
        "jane@acme.com\r\nRCPT TO:<x@acme.com>",
        "a" * 65 + "@acme.com",
        "jane@" + "a" * 250 + ".com",
    ],
)
def test_what_mail_could_not_reach_is_no_address(text: str) -> None:
    """Broken, local and smuggling spellings are refused."""
    assert None is read_email_address(text)


@pytest.mark.parametrize(
    ("domain", "told", "ascii_domain"),
    [
        ("ACME.com", "acme.com", "acme.com"),
        ("bücher.example", "bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_everybody_at_a_domain_is_read_alike(domain: str, told: str, ascii_domain: str) -> None:
    """A domain that was read before is read the same, whoever is written to there."""
    read = [read_email_address(f"{local}@{domain}") for local in ("jane.doe", "sales", "J'ohn")]

    assert [each and (each.text, each.domain, each.role) for each in read] == [
        (f"jane.doe@{told}", ascii_domain, False),
        (f"sales@{told}", ascii_domain, True),
        (f"J'ohn@{told}", ascii_domain, False),
    ]


@pytest.mark.parametrize("domain", ["a" * 60 + ".com", ".".join(["b" * 60] * 4)])
def test_an_address_has_its_own_bounds_at_a_known_domain(domain: str) -> None:
    """At a domain that was read before, what is too long before the sign or in all is refused."""
    short, longest = read_email_address(f"j@{domain}"), 254 - len(f"@{domain}")
    local_max = min(64, longest)

    assert short is not None
    assert read_email_address(f"{'j' * local_max}@{domain}") is not None
    assert read_email_address(f"{'j' * (local_max + 1)}@{domain}") is None


@pytest.mark.parametrize(
    ("text", "role", "disposable", "free"),
    [
        ("jane@acme.com", False, False, False),
        ("Info@acme.com", True, False, False),
        ("sales+eu@acme.com", True, False, False),
        ("jane@gmail.com", False, False, True),
        ("jane@mailinator.com", False, True, False),
        ("jane@anything.mailinator.com", False, True, False),
        ("jane@notmailinator.com.acme.com", False, False, False),
    ],
)
def test_addresses_are_classed(*, text: str, role: bool, disposable: bool, free: bool) -> None:
    """Role names, throw-away domains (with those above them) and free-mail domains are marked."""
    address = read_email_address(text)

    assert address is not None
    assert (role, disposable, free) == (address.role, address.disposable, address.free)


@pytest.mark.parametrize("local", ["postmaster", "no-reply", "HR"])
def test_role_names(local: str) -> None:
    """Role names are known whatever their case."""
    assert is_role(local)


def test_an_address_does_not_show_itself() -> None:
    """Printing an address into a log shows its domain only."""
    address = EmailAddress(
        "jane@acme.com", "jane", "acme.com", role=False, disposable=False, free=False
    )

    assert "jane" not in repr(address)
