"""What the built-in provider does itself, as outcomes: find, verify and detect."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from service.domain.email_address import read_email_address
from service.domain.email_patterns import company_domain
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.mail_gateways import MailProduct
from service.domain.outcome import Found, Missing, NoAnswer, Outcome, RejectedInput
from service.edges.dns import Resolver
from service.edges.smtp import SmtpProber
from service.flows.ask_provider import AskLocally
from service.flows.controls import Controls
from service.flows.detect_mail_host import MailHost, detect_mail_host
from service.flows.guess_address import (
    CouldNotAsk,
    Guessed,
    NoFitReason,
    NoneFits,
    PatternsOf,
    guess_address,
    nothing_known,
)
from service.flows.verify_address import verify_address

# Nobody looked anywhere: the lead lacks what looking takes.
_LACKING: Final[frozenset[NoFitReason]] = frozenset({"no_domain", "no_name"})


@dataclass(frozen=True, slots=True)
class Builtin:
    """The built-in provider with the edges it works over.

    Attributes:
        patterns_of: how domains are known to write their addresses.
    """

    resolver: Resolver
    prober: SmtpProber
    controls: Controls
    patterns_of: PatternsOf = nothing_known

    def capabilities(self) -> Mapping[Capability, AskLocally]:
        """Return what it can do, by capability."""
        return {
            Capability.FIND_EMAIL: self.find_email,
            Capability.VERIFY_EMAIL: self.verify_email,
            Capability.DETECT_GATEWAY: self.detect_gateway,
            Capability.DETECT_ESP: self.detect_esp,
        }

    async def find_email(self, lead: LeadInput) -> Outcome:
        """Guess the address from the name, and let the mail host confirm it."""
        guess = await guess_address(
            lead.first_name or "",
            lead.last_name or "",
            _domain_of(lead) or "",
            resolver=self.resolver,
            prober=self.prober,
            controls=self.controls,
            patterns_of=self.patterns_of,
        )
        match guess:
            case Guessed(address, verdict):
                return Found(
                    {"email": address, "verdict": verdict.status, "reason": verdict.reason}
                )
            case CouldNotAsk(reason, retry_after_s):
                return NoAnswer(reason, retry_after_s)
            case NoneFits(reason):
                return RejectedInput(reason) if reason in _LACKING else Missing()

    async def verify_email(self, lead: LeadInput) -> Outcome:
        """Give a verdict on the lead's address; `unknown` is no answer."""
        address = lead.email or ""
        verdict = await verify_address(
            address, resolver=self.resolver, prober=self.prober, controls=self.controls
        )
        if verdict.status == "unknown":
            return NoAnswer(verdict.reason, verdict.retry_after_s)
        return Found(
            {
                "email": address,
                "verdict": verdict.status,
                "reason": verdict.reason,
                "role": verdict.role,
                "disposable": verdict.disposable,
                "free": verdict.free,
            }
        )

    async def detect_gateway(self, lead: LeadInput) -> Outcome:
        """Tell which secure gateway is visible in the mail path, if any."""
        host = await self._mail_host(lead)
        return _product(host.gateway) if isinstance(host, MailHost) else host

    async def detect_esp(self, lead: LeadInput) -> Outcome:
        """Tell who holds the mailboxes, as far as it shows."""
        host = await self._mail_host(lead)
        return _product(host.esp) if isinstance(host, MailHost) else host

    async def _mail_host(self, lead: LeadInput) -> MailHost | Outcome:
        address = read_email_address(lead.email) if lead.email else None
        domain = address.domain if address else _domain_of(lead)
        if domain is None:
            return RejectedInput("no_domain")
        host = await detect_mail_host(domain, resolver=self.resolver)
        if isinstance(host, MailHost):
            return host
        return NoAnswer(host.reason) if host.reason == "dns_silent" else Missing()


def _domain_of(lead: LeadInput) -> str | None:
    """Return the company's domain; some write it where the company's name belongs."""
    return company_domain(lead.company_domain or "") or company_domain(lead.company_name or "")


def _product(product: MailProduct | None) -> Found:
    """Return the value of a detection; that nothing is visible is a finding too."""
    if product is None:
        return Found({"slug": None, "name": None})
    return Found({"slug": product.slug, "name": product.name})
