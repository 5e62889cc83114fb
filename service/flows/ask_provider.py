"""Asks one provider once for one lead, directly or by our own means, and says what is known."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import structlog

from providers.contract import (
    AskAgain,
    BrokenAnswer,
    Direct,
    Limits,
    Local,
    Offer,
    OutOfCredit,
    Provider,
    Throttled,
    VendorDown,
    VendorFault,
)
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import Found, Missing, NoAnswer, Outcome
from service.edges.secret_box import SecretUnreadable
from service.edges.vendor_http import VendorHTTP
from service.flows.bulk_doubts import BulkDoubts
from service.flows.credentials import OPERATOR, Credential, Credentials
from service.flows.gates import Gates
from service.flows.provider_gate import Gate

_log = structlog.get_logger()

# With these no lead was looked at, as far as anybody can tell: a whole submission, or a row of it,
# went wrong. A failure in the vendor's own words says the same under a prefix.
_NOT_LOOKED_AT: Final = frozenset(
    {BrokenAnswer.slug, OutOfCredit.slug, "cancelled_by_vendor", "unnamed_row"}
)
_FAILURE_IN_WORDS: Final = "error_"

# The event loop's timers may be early by this much.
_TIMER_GRAIN_S: Final = 0.005

AskLocally = Callable[[LeadInput], Awaitable[Outcome]]


class Certainty(StrEnum):
    """What is known of a request after it was made."""

    # The vendor answered: the outcome stands.
    ANSWERED = "answered"
    # The vendor is still at it: the same request again, later, is the same question.
    STILL_RUNNING = "still_running"
    # It certainly did not reach the vendor, so asking again cannot be paid for twice.
    NOT_TAKEN = "not_taken"
    # The vendor said to come back later, which it says of requests it did not take.
    TURNED_AWAY = "turned_away"
    # Whoever was asked wants to hear the same again later, and nothing was paid for.
    NOT_YET = "not_yet"
    # It may have been taken and charged for; nobody knows.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Asked:
    """What one request came to.

    Attributes:
        again_s: seconds after which to ask again, when it is known.
    """

    outcome: Outcome
    certainty: Certainty = Certainty.ANSWERED
    price_thousandths: int = 0
    duration_ms: int = 0
    again_s: float = 0.0


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
        gates: Gates,
        *,
        time_scale: float = 1.0,
    ) -> None:
        self.vendor_http = vendor_http
        self.time_scale = time_scale
        self._credentials = credentials
        self._local = local
        self.gates = gates
        self.bulk_doubts = BulkDoubts()

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
        self,
        provider: Provider,
        credential: Credential,
        operation: str,
        limits: Limits | None = None,
    ) -> Gate:
        """Return the gate for an operation at a provider with a key."""
        return self.gates.of(provider, credential.id, operation, limits or provider.limits)

    async def ask(
        self,
        provider: Provider,
        offer: Offer,
        lead: LeadInput,
        credential: Credential,
        gate: Gate,
        *,
        deadline_s: float,
    ) -> Asked:
        """Make one request and return what came of it; a fault is no answer, never an exception.

        The caller holds the gate, which learns here how the vendor is doing. Takes at most
        `deadline_s` seconds.
        """
        began_at = time.monotonic()
        try:
            if isinstance(offer.shape, Direct):
                # The client keeps the deadline by itself.
                reading = await self._send(provider, offer.shape, lead, credential, deadline_s)
            else:
                async with asyncio.timeout(deadline_s):
                    reading = await self._local[offer.capability](lead)
        except TimeoutError:
            # One slow mail host says nothing about the next one.
            return Asked(NoAnswer("deadline"), duration_ms=_ms_since(began_at))
        except VendorFault as fault:
            spent_s = time.monotonic() - began_at
            gate.note_fault(fault, spent_s)
            again_s = getattr(fault, "retry_after_s", None) or 0.0
            late = isinstance(fault, VendorDown) and spent_s >= deadline_s - _TIMER_GRAIN_S
            outcome = NoAnswer("deadline" if late else fault.slug)
            return Asked(outcome, certainty_of(fault), 0, _ms_since(began_at), again_s)
        gate.note_success(time.monotonic() - began_at)
        if isinstance(reading, AskAgain):
            again_s = reading.after_s * self.time_scale
            certainty = Certainty.STILL_RUNNING
            return Asked(NoAnswer("deadline"), certainty, 0, _ms_since(began_at), again_s)
        later_s = reading.retry_after_s if isinstance(reading, NoAnswer) else None
        if isinstance(offer.shape, Local) and later_s is not None:
            again_s = later_s * self.time_scale
            return Asked(reading, Certainty.NOT_YET, 0, _ms_since(began_at), again_s)
        price = price_of(offer, reading)
        return Asked(reading, Certainty.ANSWERED, price, _ms_since(began_at))

    async def _send(
        self,
        provider: Provider,
        shape: Direct,
        lead: LeadInput,
        credential: Credential,
        deadline_s: float,
    ) -> Outcome | AskAgain:
        answer = await self.vendor_http.send(
            provider,
            shape.request(lead.as_told()),
            api_key=credential.api_key,
            base_url=credential.base_url,
            timeout_s=deadline_s,
        )
        return shape.read(answer, lead)


def certainty_of(fault: VendorFault) -> Certainty:
    """Return what a fault leaves known of the request that met it.

    A vendor that fails, or answers what nobody can read, may have taken it. Any fault but these is
    an answer about the key or the request itself.
    """
    match fault:
        case Throttled():
            return Certainty.TURNED_AWAY
        case VendorDown():
            return Certainty.UNKNOWN if fault.sent else Certainty.NOT_TAKEN
        case BrokenAnswer():
            return Certainty.UNKNOWN
        case _:
            return Certainty.ANSWERED


def price_of(offer: Offer, outcome: Outcome) -> int:
    """Return what the vendor takes for an answer of its own, in thousandths of its credit."""
    match outcome:
        case Found():
            return offer.price_found
        case Missing():
            return offer.price_missing
        case NoAnswer(has_value=True):
            return offer.price_found
        case NoAnswer(reason=reason) if reason in _NOT_LOOKED_AT:
            return 0
        case NoAnswer(reason=reason) if not reason.startswith(_FAILURE_IN_WORDS):
            return offer.price_unknown
        case _:
            return 0


def _ms_since(began_at: float) -> int:
    return round((time.monotonic() - began_at) * 1_000)
