"""Bulks that are not used for a while, because one of them was in vain.

What some vendors answer to a bulk is inferred. Should it be otherwise, one bulk is lost to each
process, and not all of them: whether its answer to a submit does not say what it is called, it is
never told to be ready, or what is told names none of its rows. The same goes for bulks that are
refused whoever is in them, as a plan may not allow for any, and for a host of theirs that cannot be
reached.
"""

from typing import Final

import structlog
from prometheus_client import Counter

from providers.contract import Offer, Provider
from service.domain.expiring_map import ExpiringMap

_log = structlog.get_logger()

DOUBT_S: Final = 3_600.0
"""For how long everybody is asked about alone; the next bulk is a trial."""
_DOUBTS_MAX: Final = 1_000

_unread = Counter(
    "leadfall_bulk_unread_total",
    "Bulks that were not taken, or whose answers did not come in time or could not be read.",
    ["provider", "operation"],
)

_Key = tuple[str, str, str]


class BulkDoubts:
    """What one process doubts; one key's bulk says nothing about another's."""

    def __init__(self) -> None:
        self._doubted: ExpiringMap[_Key, str] = ExpiringMap(_DOUBTS_MAX)

    def note_unread(self, provider: Provider, offer: Offer, credential_id: str) -> None:
        """Note that nothing came of it; of what is asked about one by one, nothing follows."""
        operation = provider.operation(offer)
        if operation == offer.capability:
            return
        self._doubted.put((provider.slug, operation, credential_id), operation, ttl_s=DOUBT_S)
        _unread.labels(provider.slug, operation).inc()
        _log.error("bulk.unread", provider=provider.slug, operation=operation)

    def has(self, provider: Provider, offer: Offer, credential_id: str) -> bool:
        """Tell whether the bulk of this offer is in doubt."""
        key = (provider.slug, provider.operation(offer), credential_id)
        return self._doubted.get(key) is not None
