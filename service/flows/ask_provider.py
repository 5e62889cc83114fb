"""Asks one provider once for one lead, directly or by our own means, and says what is known."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import structlog

from providers.contract import (
    AskAgain,
    BrokenAnswer,
    Direct,
    Limits,
    Offer,
    Provider,
    Throttled,
    VendorDown,
    VendorFault,
)
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import Found, Missing, NoAnswer, Outcome
from service.domain.retry_budget import RetryBudget
from service.edges.secret_box import SecretUnreadable
from service.edges.vendor_http import VendorHTTP
from service.flows.credentials import OPERATOR, Credential, Credentials
from service.flows.gate import Gate

_log = structlog.get_logger()

AskLocally = Callable[[LeadInput], Awaitable[Outcome]]


class Certainty(StrEnum):
    """What is known of a request after it was made."""

    # The vendor answered: the outcome stands.
    ANSWERED = "answered"
    # It certainly was not taken, so asking again cannot be paid for twice.
    NOT_TAKEN = "not_taken"
    # It may have been taken and charged for; nobody knows.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Asked:
    """What one request came to."""

    outcome: Outcome
    certainty: Certainty = Certainty.ANSWERED
    price_thousandths: int = 0
    duration_ms: int = 0


class ProviderDesk:
    """Everything needed to ask any provider from this process.

    Args:
        credentials: the operator's keys and the workspaces' own.
        local: what the service does itself, by capability.
        time_scale: real seconds per vendor second; below 1 only against a sandbox.
    """

    def __init__(
        self,
        vendor_http: VendorHTTP,
        credentials: Credentials,
        local: Mapping[Capability, AskLocally],
        *,
        time_scale: float = 1.0,
    ) -> None:
        self.vendor_http = vendor_http
        self.time_scale = time_scale
        self._credentials = credentials
        self._local = local
        self._gates: dict[str, Gate] = {}
        self._budgets: defaultdict[str, RetryBudget] = defaultdict(RetryBudget)

    async def credential(self, provider: Provider, workspace_id: int | None) -> Credential | None:
        """Return the operator's key for a vendor, or a workspace's own; None when there is none."""
        if provider.auth.place == "none":
            return Credential(OPERATOR, "")
        try:
            return await self._credentials.find(provider.slug, workspace_id=workspace_id)
        except SecretUnreadable:
            _log.error("secret.unreadable", provider=provider.slug, workspace_id=workspace_id)
            return None

    async def credential_by_id(self, provider: Provider, credential_id: str) -> Credential | None:
        """Return the very key that a submission was made with, if it is still there."""
        try:
            return await self._credentials.by_id(provider.slug, credential_id)
        except SecretUnreadable:
            _log.error("secret.unreadable", provider=provider.slug, credential=credential_id)
            return None

    def gate(
        self, provider: Provider, credential: Credential, operation: str, limits: Limits | None
    ) -> Gate:
        """Return the gate for an operation at a provider with a key."""
        del credential, operation, limits
        gate = self._gates.get(provider.slug)
        if gate is None:
            gate = Gate(provider.slug, provider.limits, time_scale=self.time_scale)
            self._gates[provider.slug] = gate
        return gate

    def budget(self, provider: Provider) -> RetryBudget:
        """Return what pays for repeats at a provider."""
        return self._budgets[provider.slug]

    async def ask(
        self,
        provider: Provider,
        offer: Offer,
        lead: LeadInput,
        credential: Credential,
        *,
        deadline_s: float,
    ) -> Asked:
        """Make one request and return what came of it; a fault is no answer, never an exception.

        The caller holds the gate, which learns here how the vendor is doing. Takes at most
        `deadline_s` seconds.
        """
        gate = self.gate(provider, credential, offer.capability, offer.limits)
        began_at = time.monotonic()
        try:
            async with asyncio.timeout(deadline_s):
                if isinstance(offer.shape, Direct):
                    outcome = await self._ask_directly(
                        provider, offer.shape, lead, credential, deadline_s
                    )
                else:
                    outcome = await self._local[offer.capability](lead)
        except TimeoutError:
            gate.note_fault(VendorDown(sent=True))
            sent = isinstance(offer.shape, Direct)
            certainty = Certainty.UNKNOWN if sent else Certainty.ANSWERED
            return Asked(NoAnswer("deadline"), certainty, 0, _ms_since(began_at))
        except VendorFault as fault:
            gate.note_fault(fault)
            outcome = NoAnswer(fault.slug, getattr(fault, "retry_after_s", None))
            return Asked(outcome, certainty_of(fault), 0, _ms_since(began_at))
        self.budget(provider).note_success()
        return Asked(outcome, Certainty.ANSWERED, price_of(offer, outcome), _ms_since(began_at))

    async def _ask_directly(
        self,
        provider: Provider,
        shape: Direct,
        lead: LeadInput,
        credential: Credential,
        deadline_s: float,
    ) -> Outcome:
        request = shape.request(lead)
        while True:
            answer = await self.vendor_http.send(
                provider,
                request,
                api_key=credential.api_key,
                base_url=credential.base_url,
                timeout_s=deadline_s,
            )
            reading = shape.read(answer, lead)
            if not isinstance(reading, AskAgain):
                return reading
            await asyncio.sleep(reading.after_s * self.time_scale)


def certainty_of(fault: VendorFault) -> Certainty:
    """Return what a fault leaves known of the request that met it.

    A vendor that throttles did not take the request. One that fails, or answers what nobody can
    read, may have. Any other fault is an answer about the key or the request itself.
    """
    match fault:
        case Throttled():
            return Certainty.NOT_TAKEN
        case VendorDown():
            return Certainty.UNKNOWN if fault.sent else Certainty.NOT_TAKEN
        case BrokenAnswer():
            return Certainty.UNKNOWN
        case _:
            return Certainty.ANSWERED


def price_of(offer: Offer, outcome: Outcome) -> int:
    """Return what the vendor takes for this outcome, in thousandths of its own credit."""
    match outcome:
        case Found():
            return offer.price_found
        case Missing():
            return offer.price_missing
        case _:
            return 0


def _ms_since(began_at: float) -> int:
    return round((time.monotonic() - began_at) * 1_000)
