"""The lookups that a process holds, from the claim until its end is written."""

from collections import Counter
from dataclasses import dataclass

from prometheus_client import Gauge

from service.domain.claim import Claim
from service.domain.fair_queue import Queue

_held = Gauge("leadfall_lookups_held", "Lookups that this process holds now.")


@dataclass(slots=True)
class _Holding:
    epoch: int
    queue: Queue
    ended: bool = False


class Holdings:
    """What is held, by lookup, and how much of it is still to be run, by queue."""

    def __init__(self) -> None:
        self._held: dict[int, _Holding] = {}
        self._to_run: Counter[Queue] = Counter()
        self._of_queue: Counter[Queue] = Counter()

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, lookup_id: int) -> bool:
        return lookup_id in self._held

    @property
    def ended(self) -> int:
        """How many were run and are held until that is written."""
        return len(self._held) - self._to_run.total()

    def add(self, claim: Claim, queue: Queue) -> None:
        """Hold a claim; what was just parked can come again before its end was noticed here."""
        earlier = self._held.get(claim.lookup_id)
        if earlier is not None:
            self._drop(claim.lookup_id, earlier)
        self._held[claim.lookup_id] = _Holding(claim.epoch, queue)
        self._to_run[queue] += 1
        self._of_queue[queue] += 1
        _held.set(len(self._held))

    def end(self, claim: Claim) -> None:
        """Count a claim out of its queue: it was run, and is held until that is written."""
        holding = self._held.get(claim.lookup_id)
        if holding is not None and holding.epoch == claim.epoch:
            self._count_out(holding)

    def remove(self, claim: Claim) -> None:
        """Hold a claim no longer; one of the same lookup that came since is another."""
        holding = self._held.get(claim.lookup_id)
        if holding is not None and holding.epoch == claim.epoch:
            self._drop(claim.lookup_id, holding)
        _held.set(len(self._held))

    def queues_above(self, window: int) -> set[Queue]:
        """Return the queues of which more than so many are to be run, or more than twice are held.

        The second holds where settlements are slow: what was run waits in memory for its own.
        """
        return {
            queue
            for queue, count in self._of_queue.items()
            if self._to_run[queue] > window or count > 2 * window
        }

    def _count_out(self, holding: _Holding) -> None:
        if not holding.ended:
            holding.ended = True
            _lower(self._to_run, holding.queue)

    def _drop(self, lookup_id: int, holding: _Holding) -> None:
        self._count_out(holding)
        _lower(self._of_queue, holding.queue)
        del self._held[lookup_id]


def _lower(counts: Counter[Queue], queue: Queue) -> None:
    counts[queue] -= 1
    if not counts[queue]:
        del counts[queue]
