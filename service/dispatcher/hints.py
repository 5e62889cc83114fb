"""What notices tell of new deliveries: which endpoints to claim for without a look at all of them.

A hint saves the look alone. Whether an endpoint is on, held or due is decided by the claim.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from service.domain.expiring_map import ExpiringMap
from service.store.deliveries import ReadyEndpoint

HINTS_MAX: Final = 500
"""Endpoints that are claimed for by hints at once; of more, a look tells."""
ENDPOINTS_KNOWN: Final = 10_000
KNOWN_S: Final = 60.0
"""For so long what a look said of an endpoint is taken for what it still is."""


class Hints:
    """Hints that came since they were last taken, and the endpoints that looks have shown."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._blind = True
        self._known: ExpiringMap[int, ReadyEndpoint] = ExpiringMap(ENDPOINTS_KNOWN)

    def hear(self, notice: str) -> None:
        """Take in a notice: endpoint ids with commas in between, one for each delivery.

        What follows a semicolon only makes it different from others. One without any ids says that
        something is due, and not where.
        """
        endpoint_ids = notice.partition(";")[0].split(",")
        if all(each.isdecimal() for each in endpoint_ids) and len(self._counts) < HINTS_MAX:
            self._counts.update(map(int, endpoint_ids))
        else:
            self._blind = True

    def know(self, endpoints: Iterable[ReadyEndpoint]) -> None:
        """Remember what a look has shown; of one that fails, each look decides anew."""
        for each in endpoints:
            if each.failing:
                self._known.forget(each.id)
            else:
                self._known.put(each.id, each, ttl_s=KNOWN_S)

    def forget(self, endpoint_id: int) -> None:
        """Leave it to a look what an endpoint may have."""
        self._known.forget(endpoint_id)

    def take(self) -> list[ReadyEndpoint] | None:
        """Return the endpoints with as many deliveries as were told of; None where a look must.

        What was told is forgotten in either case.
        """
        counts, blind = self._counts, self._blind
        self._counts, self._blind = Counter(), False
        known = [self._known.get(each) for each in counts]
        found = [each for each in known if each is not None]
        if blind or not found or len(found) < len(known):
            return None
        return [replace(each, ready_count=counts[each.id]) for each in found]
