"""Which product an exchanger's name belongs to."""

import pytest

from service.domain.mail_gateways import (
    classify,
    gateway_of,
    mailbox_host_in_spf,
    mailbox_host_of,
)


@pytest.mark.parametrize(
    ("host", "slug"),
    [
        ("mx0a-001.pphosted.com", "proofpoint"),
        ("MX0A-001.PPHOSTED.COM.", "proofpoint"),
        ("mx1.acme.ppsmtp.net", "proofpoint"),
        ("mx1-us1.ppe-hosted.com", "proofpoint_essentials"),
        ("us-smtp-inbound-1.mimecast.com", "mimecast"),
        ("d1.ess.barracudanetworks.com", "barracuda"),
        ("mx1.hc1-2.eu.iphmx.com", "cisco"),
        ("cluster1.eu.messagelabs.com", "symantec"),
        ("acme.in.tmes.trendmicro.eu", "trend_micro"),
        ("mx-01-eu-west-1.prod.hydra.sophos.com", "sophos"),
        ("cust1-1.in.mailcontrol.com", "forcepoint"),
        ("primary.us.email.fireeyecloud.com", "trellix"),
        ("mx01.hornetsecurity.com", "hornetsecurity"),
        ("mailstream-east.mxrecord.io", "cloudflare_area_1"),
    ],
)
def test_gateways(host: str, slug: str) -> None:
    """A gateway is known by the suffix of its host names."""
    assert slug == getattr(gateway_of(host), "slug", None)


@pytest.mark.parametrize(
    "host",
    [
        "acme-com.mail.protection.outlook.com",
        "aspmx.l.google.com",
        "mx.notmimecast.com",
        "mimecast.com.acme.com",
        "mx.mimecast.com.evil.example",
        "route1.mx.cloudflare.net",
    ],
)
def test_other_hosts_are_no_gateways(host: str) -> None:
    """Mailbox hosts, forwarders and look-alikes are not gateways."""
    assert None is gateway_of(host)


@pytest.mark.parametrize(
    ("host", "slug"),
    [
        ("acme-com.mail.protection.outlook.com", "microsoft"),
        ("acme-com.a-v1.mx.microsoft", "microsoft"),
        ("outlook-com.olc.protection.outlook.com", "outlook"),
        ("alt1.aspmx.l.google.com", "google"),
        ("aspmx2.googlemail.com", "google"),
        ("smtp.google.com", "google"),
        ("gmail-smtp-in.l.google.com", "gmail"),
        ("alt1.gmail-smtp-in.l.google.com", "gmail"),
        ("mx2.zoho.eu", "zoho"),
        ("mta5.am0.yahoodns.net", "yahoo"),
        ("mx01.mail.icloud.com", "apple"),
        ("inbound-smtp.eu-west-1.amazonaws.com", "amazon"),
        ("in1-smtp.messagingengine.com", "fastmail"),
        ("mail.protonmail.ch", "proton"),
        ("route1.mx.cloudflare.net", "cloudflare_routing"),
        ("mail.example.com", None),
        ("evil-amazonaws.com", None),
    ],
)
def test_mailbox_hosts(host: str, slug: str | None) -> None:
    """A mailbox host is known by its longest suffix, at a label boundary."""
    assert slug == getattr(mailbox_host_of(host), "slug", None)


@pytest.mark.parametrize(
    ("texts", "slug"),
    [
        (["v=spf1 include:spf.protection.outlook.com -all"], "microsoft"),
        (["unrelated", "v=spf1 ip4:1.2.3.4 +include:_spf.google.com ~all"], "google"),
        (["v=spf1 include:mail.example.com -all"], None),
        (["include:_spf.google.com"], None),
        ([], None),
    ],
)
def test_the_spf_record_may_name_the_mailbox_host(texts: list[str], slug: str | None) -> None:
    """Only what the domain's own SPF record includes counts."""
    assert slug == getattr(mailbox_host_in_spf(texts), "slug", None)


def test_a_fallback_gateway_does_not_count() -> None:
    """A gateway of worse preference than a plain exchanger is not in the mail path."""
    assert classify(["mx.acme.com"], ["mx.acme.com", "mx0a-1.pphosted.com"]) == (None, None)
