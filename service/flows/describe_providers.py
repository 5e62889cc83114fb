"""Tells an operator what each provider can do, costs and allows, and whether its key works."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from providers.contract import Batched, Limits, Offer, Provider, Submitted
from service.domain.kinds import Capability
from service.edges.vendor_http import VendorHTTP
from service.errors import KeyChecksLimited
from service.flows.check_pace import CheckPace
from service.flows.check_provider_key import KeyCheck, KeyState, check_key
from service.flows.credentials import OPERATOR
from service.settings import Settings

_THOUSANDTHS = 1_000


@dataclass(frozen=True, slots=True)
class OfferLine:
    """One capability.

    Attributes:
        price_found, price_missing, price_unknown: in the vendor's own credits.
        batch_max: calls that one request takes; None where each is asked for by itself.
        limits: its own budget, where it has one beside the provider's.
        bulk_limits: the budget of asking for many, where that has one beside `limits`.
        poll_limits: the budget of reading what was submitted, where it has one.
    """

    capability: Capability
    price_found: float
    price_missing: float
    price_unknown: float
    deadline_s: float
    batch_max: int | None
    limits: Limits | None
    bulk_limits: Limits | None
    poll_limits: Limits | None


@dataclass(frozen=True, slots=True)
class ProviderLine:
    """One provider.

    Attributes:
        source: where the facts come from.
        needs_key: False for what the service does itself.
        configured: the operator has given a key, or none is needed.
        key_checkable: the vendor has a free request that tells whether a key works.
        check: what came of it, where it was asked for and there is a key.
    """

    provider: str
    name: str
    offers: tuple[OfferLine, ...]
    limits: Limits
    repeats: str
    source: str
    needs_key: bool
    configured: bool
    key_checkable: bool
    check: KeyCheck | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the line as one JSON object."""
        return asdict(self)


async def describe_providers(
    providers: Iterable[Provider],
    settings: Settings,
    http: VendorHTTP | None = None,
    pace: CheckPace | None = None,
) -> list[ProviderLine]:
    """Return a line for each provider, in their order.

    Args:
        http: asks each vendor that has a key about it, all at once; None asks nobody.
        pace: lets each be asked within the limits of its key; None asks in any case.
    """
    every = list(providers)
    checks: Sequence[KeyCheck | None] = [None] * len(every)
    if http is not None:
        checks = await asyncio.gather(*(_check(http, pace, each, settings) for each in every))
    return [_line(each, settings, check) for each, check in zip(every, checks, strict=True)]


async def _check(
    http: VendorHTTP, pace: CheckPace | None, provider: Provider, settings: Settings
) -> KeyCheck | None:
    given = settings.providers.get(provider.slug)
    if given is None or given.api_key is None:
        return None
    if pace is not None and provider.key_check is not None:
        try:
            await pace.wait(provider, credential=OPERATOR)
        except KeyChecksLimited as limited:
            said = f"{provider.name} was not asked: the workers ask it as often as it allows. "
            said += f"Try again in {limited.retry_after_s} s."
            return KeyCheck(KeyState.UNREACHABLE, said)
    return await check_key(http, provider, given.api_key.get_secret_value(), given.base_url)


def _line(provider: Provider, settings: Settings, check: KeyCheck | None) -> ProviderLine:
    return ProviderLine(
        provider=provider.slug,
        name=provider.name,
        offers=tuple(_offer_line(offer) for offer in provider.offers),
        limits=provider.limits,
        repeats=provider.repeats,
        source=provider.source,
        needs_key=provider.auth.place != "none",
        configured=provider.slug in settings.configured_providers,
        key_checkable=provider.key_check is not None,
        check=check,
    )


def _offer_line(offer: Offer) -> OfferLine:
    many = offer.bulk or offer
    submitted = many.shape if isinstance(many.shape, Submitted) else None
    return OfferLine(
        capability=offer.capability,
        price_found=offer.price_found / _THOUSANDTHS,
        price_missing=offer.price_missing / _THOUSANDTHS,
        price_unknown=offer.price_unknown / _THOUSANDTHS,
        deadline_s=offer.deadline_s,
        batch_max=many.shape.batch_max if isinstance(many.shape, Batched | Submitted) else None,
        limits=offer.limits,
        bulk_limits=many.limits if many.limits != offer.limits else None,
        poll_limits=submitted.poll_limits if submitted else None,
    )
