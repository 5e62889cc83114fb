"""Asks one provider for one lead, directly or by our own means, until answer or deadline."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import structlog

from providers.contract import (
    AskAgain,
    Direct,
    Offer,
    Provider,
    VendorDown,
    VendorFault,
)
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import Found, Missing, NoAnswer, Outcome
from service.edges.vendor_http import VendorHTTP
from service.flows.gate import Gate

_log = structlog.get_logger()

AskLocally = Callable[[LeadInput], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Access:
    """How the operator reaches a vendor; `base_url` None means the vendor's own."""

    api_key: str = field(repr=False)
    base_url: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What one ask came to.

    Attributes:
        ambiguous: the request may have reached the vendor and been charged, and nobody knows.
    """

    outcome: Outcome
    price_thousandths: int = 0
    ambiguous: bool = False


class ProviderDesk:
    """Everything needed to ask any provider from this process.

    Args:
        access: by slug, for every vendor that is configured.
        local: what the service does itself, by capability.
        time_scale: real seconds per vendor second; below 1 only against a sandbox.
    """

    def __init__(
        self,
        vendor_http: VendorHTTP,
        access: Mapping[str, Access],
        local: Mapping[Capability, AskLocally],
        *,
        time_scale: float = 1.0,
    ) -> None:
        self.vendor_http = vendor_http
        self.access = access
        self.time_scale = time_scale
        self._local = local
        self._gates: dict[str, Gate] = {}

    def gate(self, provider: Provider) -> Gate:
        """Return the gate of a provider's operator key."""
        gate = self._gates.get(provider.slug)
        if gate is None:
            gate = Gate(provider.slug, provider.limits, time_scale=self.time_scale)
            self._gates[provider.slug] = gate
        return gate

    async def ask(
        self, provider: Provider, offer: Offer, lead: LeadInput, *, deadline_s: float
    ) -> Asked:
        """Ask and return what came of it; a fault of the vendor is no answer, never an exception.

        The caller holds the gate. Takes at most `deadline_s` seconds.
        """
        try:
            async with asyncio.timeout(deadline_s):
                if isinstance(offer.shape, Direct):
                    outcome = await self._ask_directly(provider, offer.shape, lead, deadline_s)
                else:
                    outcome = await self._local[offer.capability](lead)
        except TimeoutError:
            ambiguous = isinstance(offer.shape, Direct)
            return Asked(NoAnswer("deadline"), ambiguous=ambiguous)
        except VendorFault as fault:
            self.gate(provider).note_fault(fault)
            ambiguous = isinstance(fault, VendorDown) and fault.sent
            retry_after_s = getattr(fault, "retry_after_s", None)
            return Asked(NoAnswer(fault.slug, retry_after_s), ambiguous=ambiguous)
        return Asked(outcome, price_of(offer, outcome))

    async def _ask_directly(
        self, provider: Provider, shape: Direct, lead: LeadInput, deadline_s: float
    ) -> Outcome:
        access = self.access[provider.slug]
        request = shape.request(lead)
        while True:
            answer = await self.vendor_http.send(
                provider,
                request,
                api_key=access.api_key,
                base_url=access.base_url,
                timeout_s=deadline_s,
            )
            reading = shape.read(answer, lead)
            if not isinstance(reading, AskAgain):
                return reading
            await asyncio.sleep(reading.after_s * self.time_scale)


def price_of(offer: Offer, outcome: Outcome) -> int:
    """Return what the vendor takes for this outcome, in thousandths of its own credit."""
    match outcome:
        case Found():
            return offer.price_found
        case Missing():
            return offer.price_missing
        case _:
            return 0
