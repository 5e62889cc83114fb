"""Detecting gateway and mailbox host against a real name server."""

from collections.abc import AsyncIterator

import pytest

from service.domain.mail_gateways import MailProduct
from service.edges.dns import Resolver
from service.flows.detect_mail_host import MailHost, NotResolvable, detect_mail_host
from tests.flows.mail_world import MailWorld


@pytest.fixture
async def world() -> AsyncIterator[MailWorld]:
    """An empty world."""
    async with MailWorld() as world:
        yield world


def slugs(host: MailHost | NotResolvable) -> tuple[str | None, str | None]:
    """Return the slugs of gateway and mailbox host."""
    assert isinstance(host, MailHost)
    return getattr(host.gateway, "slug", None), getattr(host.esp, "slug", None)


@pytest.mark.parametrize(
    ("exchangers", "texts", "expected"),
    [
        (["10 mx0a-1.pphosted.com."], [], ("proofpoint", None)),
        (
            ["10 mx0a-1.pphosted.com."],
            ['"v=spf1 include:spf.protection.outlook.com -all"'],
            ("proofpoint", "microsoft"),
        ),
        (
            ["20 acme-com.mail.protection.outlook.com.", "10 eu-smtp-inbound-1.mimecast.com."],
            [],
            ("mimecast", "microsoft"),
        ),
        (
            ["10 acme-com.mail.protection.outlook.com.", "20 mx.spamhero.mxthunder.com."],
            [],
            (None, "microsoft"),
        ),
        (["10 aspmx.l.google.com.", "10 mx1.hc1-2.iphmx.com."], [], ("cisco", "google")),
        (["1 aspmx.l.google.com.", "5 alt1.aspmx.l.google.com."], [], (None, "google")),
        (["10 mail.own-server.test."], [], (None, None)),
    ],
)
async def test_the_mail_path_shows_gateway_and_mailbox_host(
    world: MailWorld,
    exchangers: list[str],
    texts: list[str],
    expected: tuple[str | None, str | None],
) -> None:
    """The best exchanger decides on the gateway; fallbacks and SPF may name the mailbox host."""
    world.names.records["acme.test", "MX"] = exchangers
    world.names.records["acme.test", "TXT"] = texts or ['"nothing"']

    host = await detect_mail_host("acme.test", resolver=Resolver([world.dns_server]))

    assert expected == slugs(host)


async def test_the_exchangers_are_kept_as_evidence(world: MailWorld) -> None:
    """The answer names the product in words and lists the exchangers, best first."""
    world.names.records["acme.test", "MX"] = ["20 B.acme.test.", "10 smtp.google.com."]

    host = await detect_mail_host("ACME.test.", resolver=Resolver([world.dns_server]))

    google = MailProduct("google", "Google Workspace")
    assert MailHost(None, google, ("smtp.google.com", "b.acme.test")) == host


@pytest.mark.parametrize(
    ("domain", "reason"),
    [
        ("nowhere.test", "no_such_domain"),
        ("not a domain", "no_such_domain"),
        ("null.test", "null_mx"),
        ("bare.test", "no_mail_host"),
        ("failing.test", "dns_silent"),
    ],
)
async def test_a_domain_without_mail_says_why(world: MailWorld, domain: str, reason: str) -> None:
    """Without an exchanger the answer is the reason, and silence is told apart from absence."""
    world.names.records["null.test", "MX"] = ["0 ."]
    world.names.records["bare.test", "TXT"] = ['"no mail"']
    world.names.failing.add("failing.test")

    resolver = Resolver([world.dns_server], timeout_s=0.3)
    host = await detect_mail_host(domain, resolver=resolver)

    assert isinstance(host, NotResolvable)
    assert reason == host.reason
