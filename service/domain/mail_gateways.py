"""Which secure e-mail gateway or mailbox host a mail exchanger's name belongs to.

Only gateways in the mail path show here: one that works through the mailbox host's API leaves no
trace, so "none" reads as "no gateway visible".
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

UPDATED_ON: Final = "2026-11-22"


@dataclass(frozen=True, slots=True)
class MailProduct:
    """A gateway or a mailbox host, with the slug callers see."""

    slug: str
    name: str


_GATEWAY_ROWS: Final = (
    ("proofpoint", "Proofpoint", "pphosted.com gpphosted.com"),
    ("proofpoint_essentials", "Proofpoint Essentials", "ppe-hosted.com"),
    ("mimecast", "Mimecast", "mimecast.com mimecast.co.za mimecast-offshore.com"),
    ("barracuda", "Barracuda Email Gateway Defense", "barracudanetworks.com"),
    ("cisco", "Cisco Secure Email", "iphmx.com"),
    ("symantec", "Symantec Email Security.cloud", "messagelabs.com inboundmx.com"),
    ("trend_micro", "Trend Micro", "trendmicro.com trendmicro.eu trendmicro.co.jp"),
    ("sophos", "Sophos Email", "sophos.com reflexion.net"),
    ("forcepoint", "Forcepoint", "mailcontrol.com"),
    ("trellix", "Trellix (FireEye)", "fireeyecloud.com"),
    ("hornetsecurity", "Hornetsecurity", "hornetsecurity.com antispameurope.com zerospam.ca"),
    (
        "n_able",
        "N-able Mail Assure (SpamExperts)",
        "antispamcloud.com spamexperts.com spamexperts.eu spamexperts.net mtaroutes.com",
    ),
    ("siteground", "SiteGround Spam Protection", "mailspamprotection.com"),
    ("zix", "Zix (AppRiver)", "arsmtp.com zixmail.net zixcorp.com"),
    ("vade", "Vade", "vadesecure.com"),
    ("check_point", "Check Point Harmony Email", "avanan.net checkpointcloudsec.com"),
    ("perception_point", "Perception Point", "perception-point.io"),
    ("cloudflare_area_1", "Cloudflare Area 1", "mxrecord.io mxrecord.mx"),
    ("fortinet", "Fortinet FortiMail Cloud", "fortimailcloud.com"),
    ("retarus", "Retarus", "retarus.com"),
    ("cyren", "Cyren (eleven)", "ctmail.com expurgate.net expurgate.de"),
    ("vipre", "VIPRE", "mailanyone.net"),
    ("spamhero", "SpamHero", "mxthunder.com mxthunder.net"),
    ("securence", "Securence", "securence.com"),
    ("mailroute", "MailRoute", "mailroute.net"),
    ("spamtitan", "TitanHQ SpamTitan", "spamtitan.com titanhq.com"),
    ("seppmail", "SEPPmail", "seppmail.cloud"),
    ("transip", "TransIP Mail Filter", "premiumantispam.nl"),
    ("onlinespamfilter", "Onlinespamfilter", "onlinespamfilter.com onlinespamfilter.nl"),
    ("iij", "IIJ SecureMX", "securemx.jp"),
    ("gosecure", "GoSecure", "gosecure.net"),
    ("iberlayer", "Iberlayer", "iberlayer.com"),
    ("emailservice", "Emailservice.io", "emailservice.io emailservice.co emailservice.cc"),
    ("mcafee", "McAfee (MX Logic)", "mxlogic.net"),
    ("postini", "Google Postini", "psmtp.com"),
)

_MAILBOX_HOST_ROWS: Final = (
    ("microsoft", "Microsoft 365", "mail.protection.outlook.com mx.microsoft"),
    ("outlook", "Outlook.com", "olc.protection.outlook.com"),
    ("google", "Google Workspace", "aspmx.l.google.com googlemail.com smtp.google.com"),
    ("gmail", "Gmail", "gmail-smtp-in.l.google.com"),
    (
        "zoho",
        "Zoho Mail",
        "zoho.com zoho.eu zoho.in zoho.com.au zohomail.com zohomail.eu zohomail.in",
    ),
    ("yahoo", "Yahoo Mail", "yahoodns.net"),
    ("apple", "Apple iCloud Mail", "mail.icloud.com"),
    ("fastmail", "Fastmail", "messagingengine.com"),
    ("proton", "Proton Mail", "protonmail.ch"),
    ("godaddy", "GoDaddy", "secureserver.net"),
    ("rackspace", "Rackspace Email", "emailsrvr.com"),
    ("namecheap", "Namecheap Private Email", "privateemail.com"),
    ("opensrs", "OpenSRS Hosted Email", "hostedemail.com"),
    ("yandex", "Yandex 360", "mx.yandex.net"),
    ("alibaba", "Alibaba Mail", "mxhichina.com qiye.aliyun.com"),
    ("lark", "Lark Mail", "larksuite.com feishu.cn"),
    ("cloudflare_routing", "Cloudflare Email Routing", "mx.cloudflare.net"),
    ("improvmx", "ImprovMX", "improvmx.com"),
    ("forward_email", "Forward Email", "forwardemail.net"),
)

# What a domain's own SPF record includes says who holds the mailboxes behind a gateway.
_SPF_ROWS: Final = (
    ("microsoft", "Microsoft 365", "spf.protection.outlook.com"),
    ("google", "Google Workspace", "_spf.google.com"),
    ("zoho", "Zoho Mail", "zoho.com zohomail.com zoho.eu zoho.in"),
    ("proton", "Proton Mail", "_spf.protonmail.ch"),
    ("fastmail", "Fastmail", "spf.messagingengine.com"),
    ("apple", "Apple iCloud Mail", "icloud.com"),
    ("rackspace", "Rackspace Email", "emailsrvr.com"),
    ("godaddy", "GoDaddy", "secureserver.net"),
    ("yandex", "Yandex 360", "_spf.yandex.net"),
)


def _table(rows: Iterable[tuple[str, str, str]]) -> Mapping[str, MailProduct]:
    return {
        suffix: MailProduct(slug, name)
        for slug, name, suffixes in rows
        for suffix in suffixes.split()
    }


GATEWAYS: Final = _table(_GATEWAY_ROWS)
MAILBOX_HOSTS: Final = _table(_MAILBOX_HOST_ROWS)
SPF_INCLUDES: Final = _table(_SPF_ROWS)

AMAZON: Final = MailProduct("amazon", "Amazon WorkMail or SES")
# These two carry a variable label where a plain suffix cannot reach.
_AMAZON_HOST: Final = re.compile(r"(?:.+\.)?inbound-smtp\.[a-z0-9-]+\.amazonaws\.com")
_PROOFPOINT_HOST: Final = re.compile(r"(?:.+\.)?ppsmtp\.[a-z]{2,63}")


def classify(
    best_hosts: Sequence[str], other_hosts: Sequence[str] = ()
) -> tuple[MailProduct | None, MailProduct | None]:
    """Return the gateway in front of a domain and the mailbox host, as far as they show.

    `best_hosts` are the exchangers of the best preference: a gateway counts only there, because
    mail to a domain with a plain exchanger in front does not pass the others. The mailbox host may
    show as a fallback of worse preference.
    """
    gateway = next(filter(None, map(gateway_of, best_hosts)), None)
    candidates = (*best_hosts, *other_hosts) if gateway else best_hosts
    return gateway, next(filter(None, map(mailbox_host_of, candidates)), None)


def gateway_of(host: str) -> MailProduct | None:
    """Return the gateway that the exchanger `host` belongs to, by its longest known suffix."""
    name = host.lower().removesuffix(".")
    if _PROOFPOINT_HOST.fullmatch(name):
        return GATEWAYS["pphosted.com"]
    return _longest_suffix(GATEWAYS, name)


def mailbox_host_of(host: str) -> MailProduct | None:
    """Return the mailbox host or forwarder that the exchanger `host` belongs to."""
    name = host.lower().removesuffix(".")
    return AMAZON if _AMAZON_HOST.fullmatch(name) else _longest_suffix(MAILBOX_HOSTS, name)


def mailbox_host_in_spf(texts: Iterable[str]) -> MailProduct | None:
    """Return the mailbox host that a domain's own SPF record includes, in the record's order."""
    for text in texts:
        terms = text.lower().split()
        if terms[:1] != ["v=spf1"]:
            continue
        includes = (
            term.lstrip("+").removeprefix("include:") for term in terms if "include:" in term
        )
        found = next(filter(None, (_longest_suffix(SPF_INCLUDES, one) for one in includes)), None)
        if found is not None:
            return found
    return None


def _longest_suffix(table: Mapping[str, MailProduct], name: str) -> MailProduct | None:
    labels = name.split(".")
    suffixes = (".".join(labels[start:]) for start in range(len(labels)))
    return next((table[suffix] for suffix in suffixes if suffix in table), None)
