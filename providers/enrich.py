"""The built-in provider: patterns and verification over our own DNS and SMTP, no key, no vendor."""

from typing import Final

from providers.contract import Auth, Limits, Local, Offer, Provider
from service.domain.kinds import Capability

# A company's name will do where it is a domain; only looking at it tells.
_HAS_MAIL_DOMAIN: Final = (("email",), ("company_domain",), ("company_name",))
_HAS_NAME_AND_DOMAIN: Final = tuple(
    (name, company)
    for company in ("company_domain", "company_name")
    for name in ("first_name", "last_name")
)

PROVIDER: Final = Provider(
    slug="enrich",
    name="Leadfall built-in",
    base_url="",
    auth=Auth("none"),
    limits=Limits(requests_per_minute=60_000, concurrency=64),
    repeats="free",
    source="stated: our own code",
    aliases=("sendkit", "builtin"),
    version=2,
    offers=(
        Offer(
            Capability.FIND_EMAIL,
            needs=_HAS_NAME_AND_DOMAIN,
            shape=Local(),
            deadline_s=60.0,
        ),
        Offer(Capability.VERIFY_EMAIL, needs=(("email",),), shape=Local(), deadline_s=45.0),
        Offer(Capability.DETECT_GATEWAY, needs=_HAS_MAIL_DOMAIN, shape=Local(), deadline_s=15.0),
        Offer(Capability.DETECT_ESP, needs=_HAS_MAIL_DOMAIN, shape=Local(), deadline_s=15.0),
    ),
)
