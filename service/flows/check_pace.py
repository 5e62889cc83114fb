"""When a vendor may be asked about a key: as often as it publishes, by all processes together.

Whoever set the key waits for the answer, so there is no line here: a check that cannot be made
within a second is refused, with the time at which it is worth another try.
"""

import asyncio
import math
from collections.abc import Iterator
from typing import Final

from providers.contract import Limits, Provider, Submitted
from service.domain.pacing import Schedule
from service.edges.rate_slices import Order, RateSlices
from service.errors import KeyChecksLimited
from service.flows.request_pace import budget_name, rates_of

WAIT_S_MAX: Final = 1.0
CHECKS: Final = "checks"
"""The name of what all checks of a vendor share: it sees them come from one place."""


class CheckPace:
    """Paces the checks of this process, and with the others by way of Redis.

    Without Redis each process keeps to the vendor's rate by itself.

    Args:
        slices: None for this process alone.
        time_scale: real seconds per vendor second.
    """

    def __init__(self, slices: RateSlices | None, *, time_scale: float = 1.0) -> None:
        self._slices = slices
        self._time_scale = time_scale
        self._own: dict[str, Schedule] = {}

    async def wait(self, provider: Provider, *, credential: str | None = None) -> None:
        """Wait until one check may be made, for `WAIT_S_MAX` at most.

        Args:
            credential: what the key is known as where it is in use already, so that the check
                counts among its requests.

        Raises:
            KeyChecksLimited: it may not be made now.
        """
        limits = tightest(provider)
        rates = rates_of(limits, time_scale=self._time_scale)
        own = self._own.setdefault(provider.slug, Schedule(rates, first_at_s=0.0))
        _require_soon(provider, own.wait_s(_now_s()))
        # Booked at once: whoever comes while Redis is asked must see it.
        at_s = own.take(_now_s())
        for name in (CHECKS, credential):
            if name is not None and self._slices is not None:
                order = Order(
                    budget_name(provider, name, limits), rates, 1, 0.0, WAIT_S_MAX, pauses=False
                )
                at_s = max(at_s, await _book(self._slices, provider, order))
        await asyncio.sleep(at_s - _now_s())

    async def close(self) -> None:
        """Close the connections to Redis."""
        if self._slices is not None:
            await self._slices.close()


async def _book(slices: RateSlices, provider: Provider, order: Order) -> float:
    """Return when a check may go by what Redis knows; in the past where it knows nothing."""
    found = await slices.reserve(order)
    if found is None:
        return 0.0
    if not found.slots_at_s:
        _require_soon(provider, max(found.held_s, found.wait_s + order.furthest_s))
        return 0.0
    return found.slots_at_s[0]


def tightest(provider: Provider) -> Limits:
    """Return the smallest of a provider's budgets: a check may be counted in any of them."""
    return min(_budgets(provider), key=lambda limits: limits.requests_per_minute)


def _budgets(provider: Provider) -> Iterator[Limits]:
    yield provider.limits
    for offer in provider.offers:
        if offer.limits is not None:
            yield offer.limits
        if isinstance(offer.shape, Submitted) and offer.shape.poll_limits is not None:
            yield offer.shape.poll_limits


def _require_soon(provider: Provider, wait_s: float) -> None:
    if wait_s > WAIT_S_MAX:
        raise KeyChecksLimited(provider.name, math.ceil(wait_s))


def _now_s() -> float:
    return asyncio.get_running_loop().time()
