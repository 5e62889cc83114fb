"""The made-up mail world: every domain under `.leadfall`, its DNS records and its mail server.

The table below is the whole truth about domains. Any other name of two labels, such as
`whatever.leadfall`, is an ordinary domain of its own (naming `first.last`); every other name does
not exist. Exchangers carry real vendors' host names so that gateways and mail hosts are detected
as they are in the wild, yet the sandbox's DNS server answers 127.0.0.1 for all of them.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

ZONE: Final = "leadfall"
_MICROSOFT_SPF: Final = "v=spf1 include:spf.protection.outlook.com -all"
_GOOGLE_SPF: Final = "v=spf1 include:_spf.google.com ~all"


class Records(StrEnum):
    """What DNS says about a domain."""

    EXCHANGERS = "exchangers"
    NULL_EXCHANGER = "null_exchanger"
    ADDRESS_ONLY = "address_only"
    NONE = "none"
    FAILING = "failing"
    SILENT = "silent"


class Reception(StrEnum):
    """How the domain's mail server treats a recipient."""

    DECISIVE = "decisive"
    CATCH_ALL = "catch_all"
    GREYLISTING = "greylisting"
    REFUSING = "refusing"
    HANGING = "hanging"


class Naming(StrEnum):
    """How the house writes its mailboxes; chosen so that an address tells its owner's names."""

    FIRST_DOT_LAST = "first.last"
    INITIAL_LAST = "flast"
    INITIAL_DOT_LAST = "f.last"


@dataclass(frozen=True, slots=True)
class Domain:
    """One made-up company's domain.

    Attributes:
        exchangers: host names, best preference first; preferences are 10, 20, ...
        gateway: slug of the filter visible in front of the mailboxes, if any.
        esp: slug of the mailbox host visible in the exchangers or, behind a gateway, in SPF.
    """

    name: str
    company: str
    records: Records = Records.EXCHANGERS
    reception: Reception = Reception.DECISIVE
    naming: Naming = Naming.FIRST_DOT_LAST
    exchangers: tuple[str, ...] = ()
    spf: str | None = None
    gateway: str | None = None
    esp: str | None = None

    @property
    def takes_mail(self) -> bool:
        """Tell whether DNS names a host for this domain's mail."""
        return self.records in {Records.EXCHANGERS, Records.ADDRESS_ONLY}

    @property
    def is_dead(self) -> bool:
        """Tell whether DNS says, for certain, that no mail can reach this domain."""
        return self.records in {Records.NONE, Records.NULL_EXCHANGER}


DOMAINS: Final = (
    Domain("brightwater.leadfall", "Brightwater Tools", exchangers=("mx1.brightwater.leadfall",)),
    Domain(
        "kestrel-labs.leadfall",
        "Kestrel Labs",
        naming=Naming.INITIAL_LAST,
        exchangers=("mx1.kestrel-labs.leadfall", "mx2.kestrel-labs.leadfall"),
    ),
    Domain(
        "northgate.leadfall",
        "Northgate Freight",
        naming=Naming.INITIAL_DOT_LAST,
        exchangers=("aspmx.l.google.com", "alt1.aspmx.l.google.com"),
        spf=_GOOGLE_SPF,
        esp="google",
    ),
    Domain(
        "maplefield.leadfall",
        "Maplefield Foods",
        exchangers=("maplefield-leadfall.mail.protection.outlook.com",),
        spf=_MICROSOFT_SPF,
        esp="microsoft",
    ),
    Domain(
        "harborline.leadfall",
        "Harborline Insurance",
        exchangers=("mx0a-00431701.pphosted.com", "mx0b-00431701.pphosted.com"),
        spf=_MICROSOFT_SPF,
        gateway="proofpoint",
        esp="microsoft",
    ),
    Domain(
        "quillstone.leadfall",
        "Quillstone Legal",
        reception=Reception.CATCH_ALL,
        exchangers=("us-smtp-inbound-1.mimecast.com", "us-smtp-inbound-2.mimecast.com"),
        spf=_GOOGLE_SPF,
        gateway="mimecast",
        esp="google",
    ),
    Domain(
        "opendoor.leadfall",
        "Open Door Studio",
        reception=Reception.CATCH_ALL,
        exchangers=("mx1.opendoor.leadfall",),
    ),
    Domain(
        "slowpost.leadfall",
        "Slowpost Paper",
        reception=Reception.GREYLISTING,
        exchangers=("mx1.slowpost.leadfall",),
    ),
    Domain(
        "ironwall.leadfall",
        "Ironwall Security",
        reception=Reception.REFUSING,
        exchangers=("mx1.ironwall.leadfall",),
    ),
    Domain(
        "oldbarn.leadfall",
        "Old Barn Timber",
        records=Records.ADDRESS_ONLY,
    ),
    Domain("nomail.leadfall", "Nomail Holdings", records=Records.NULL_EXCHANGER),
    Domain("nowhere.leadfall", "Nowhere Travel", records=Records.NONE),
    Domain("darkdns.leadfall", "Dark Telecom", records=Records.FAILING),
    Domain("deafdns.leadfall", "Deaf Point Systems", records=Records.SILENT),
    Domain(
        "stuckpost.leadfall",
        "Stuckpost Logistics",
        reception=Reception.HANGING,
        exchangers=("mx1.stuckpost.leadfall",),
    ),
)

_BY_NAME: Final = {domain.name: domain for domain in DOMAINS}
_BY_COMPANY: Final = {domain.company.casefold(): domain for domain in DOMAINS}
_FOREIGN_HOSTS: Final = frozenset(
    host for d in DOMAINS for host in d.exchangers if not host.endswith(f".{ZONE}")
)


@lru_cache(maxsize=65_536)
def domain_at(name: str) -> Domain | None:
    """Return the domain of this name, in any case and with or without the last dot, or None."""
    name = name.strip().lower().rstrip(".")
    if name in _BY_NAME:
        return _BY_NAME[name]
    label, _, zone = name.partition(".")
    if not label or zone != ZONE:
        return None
    return Domain(name, label.title(), exchangers=(f"mx1.{name}",))


def domain_of_company(company_name: str) -> Domain | None:
    """Return the domain of the company of this name in the table, or None."""
    return _BY_COMPANY.get(company_name.strip().casefold())


def is_mail_host(name: str) -> bool:
    """Tell whether this host name stands for the sandbox's mail server."""
    name = name.lower().rstrip(".")
    if name in _FOREIGN_HOSTS:
        return True
    domain = domain_at(name.partition(".")[2])
    if domain is None:
        domain = domain_at(name)
        return domain is not None and domain.records is Records.ADDRESS_ONLY
    return name in domain.exchangers
