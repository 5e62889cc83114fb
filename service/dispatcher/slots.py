"""Decides how many deliveries may be on their way at once: caps nested from process to endpoint."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from service.dispatcher.host_watch import HostKey, HostWatch
from service.domain.attempt_class import AttemptClass
from service.domain.expiring_map import ExpiringMap
from service.domain.retry import Pace
from service.settings import DispatcherSettings
from service.store.deliveries import ReadyEndpoint

ENDPOINTS_REMEMBERED: Final = 10_000
MEMORY_S: Final = 600.0
START_CAP: Final = 2
"""What an endpoint may have in flight before it was seen to answer."""
DENIED_REMEMBERED: Final = 10_000

SLOW_FACTOR: Final = 4
"""How many times the caps of process and workspace may wait aside for slow receivers."""

_Key = tuple[str, object]
_PROCESS: Final[_Key] = ("process", None)
_UNPROVEN: Final[_Key] = ("unproven", None)
_ASIDE: Final[_Key] = ("aside", None)


@dataclass(frozen=True, slots=True)
class Slot:
    """The right to have one delivery in flight; give it back exactly once."""

    endpoint_id: int
    workspace_id: int
    host: HostKey
    keys: tuple[_Key, ...]


@dataclass(frozen=True, slots=True)
class _Standing:
    """What an endpoint may have in flight, and whether it took the last delivery."""

    cap: int
    proven: bool


class Slots:
    """Counts what is in flight and shares out what is free.

    The cap of an endpoint grows by one with each success and is halved by each sign of overload;
    one that only fails, in whatever way, gets a single probe.
    Two rules keep a crowd of hanging receivers from delaying the others: endpoints that were not
    yet seen to work get at most half of the process and of their workspace, and whoever takes
    long waits aside, where a request costs a socket and nobody's turn.
    """

    def __init__(self, settings: DispatcherSettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._hosts = HostWatch(clock)
        self._taken: Counter[_Key] = Counter()
        self._standings: ExpiringMap[int, _Standing] = ExpiringMap(ENDPOINTS_REMEMBERED)
        self._denied: set[int] = set()
        self._turn = 0

    @property
    def in_flight(self) -> int:
        """Slots that somebody holds, aside or not."""
        return self._taken[_PROCESS] + self._taken[_ASIDE]

    @property
    def free(self) -> int:
        """Slots of the process that nobody holds."""
        return self._settings.concurrency - self._taken[_PROCESS]

    def take_denied(self) -> frozenset[int]:
        """Return and forget the endpoints that wait because of their own or their host's pace."""
        denied = frozenset(self._denied)
        self._denied.clear()
        return denied

    def allot(self, ready: Sequence[ReadyEndpoint]) -> dict[int, list[Slot]]:
        """Take free slots for what is ready, one at a time, round robin over workspaces."""
        queues: defaultdict[int, deque[tuple[ReadyEndpoint, int]]] = defaultdict(deque)
        for endpoint in ready:
            queues[endpoint.workspace_id].append((endpoint, endpoint.ready_count))
        # Begin elsewhere each time, or the last in line would get nothing while slots are few.
        self._turn += 1
        turns = deque(queues.values())
        turns.rotate(-self._turn)
        for queue in turns:
            queue.rotate(-(self._turn // len(turns)))
        left = min(self.free, self._settings.claim_batch)
        shares: defaultdict[int, list[Slot]] = defaultdict(list)
        while turns and left > 0:
            queue = turns.popleft()
            endpoint, wanted = queue.popleft()
            slot = self._take(endpoint)
            if slot is not None:
                shares[endpoint.id].append(slot)
                left -= 1
                if wanted > 1:
                    queue.append((endpoint, wanted - 1))
            if queue:
                turns.append(queue)
        return dict(shares)

    def give_back(self, slot: Slot) -> None:
        """Free a slot."""
        for key in slot.keys:
            self._taken[key] -= 1
            if self._taken[key] <= 0:
                del self._taken[key]

    def move_aside(self, slot: Slot) -> Slot:
        """Exchange the slot of a request that takes long for one aside, while there is room.

        Its endpoint and host stay as full as they were.
        """
        aside = ("aside", slot.workspace_id)
        room = (
            self._taken[_ASIDE] < SLOW_FACTOR * self._settings.concurrency
            and self._taken[aside] < SLOW_FACTOR * self._settings.workspace_concurrency
        )
        if not room:
            return slot
        self.give_back(slot)
        keys = (*(key for key in slot.keys if key[0] in {"endpoint", "host"}), _ASIDE, aside)
        self._taken.update(keys)
        return replace(slot, keys=keys)

    def learn(self, slot: Slot, attempt_class: AttemptClass, pace: Pace) -> None:
        """Take in what an attempt came to; its slot may still be held."""
        self._hosts.note(slot.host, slot.endpoint_id, attempt_class)
        if pace == "keep":
            return
        cap = self._standing(slot.endpoint_id).cap
        raised = pace == "raise"
        cap = min(cap + 1, self._settings.endpoint_concurrency) if raised else max(cap // 2, 1)
        self._standings.put(slot.endpoint_id, _Standing(cap, proven=raised), ttl_s=MEMORY_S)

    def _take(self, endpoint: ReadyEndpoint) -> Slot | None:
        host = (endpoint.host, endpoint.port)
        caps = self._caps(endpoint, host)
        for key, cap in caps:
            if self._taken[key] >= cap:
                if key[0] in {"endpoint", "host"} and len(self._denied) < DENIED_REMEMBERED:
                    self._denied.add(endpoint.id)
                return None
        keys = tuple(key for key, _ in caps)
        self._taken.update(keys)
        return Slot(endpoint.id, endpoint.workspace_id, host, keys)

    def _caps(self, endpoint: ReadyEndpoint, host: HostKey) -> list[tuple[_Key, int]]:
        settings = self._settings
        workspace_id = endpoint.workspace_id
        standing = self._standing(endpoint.id)
        caps: list[tuple[_Key, int]] = [
            (("endpoint", endpoint.id), 1 if endpoint.failing else standing.cap),
            (("host", host), self._hosts.cap(host, settings.host_concurrency)),
            (("workspace", workspace_id), settings.workspace_concurrency),
            (_PROCESS, settings.concurrency),
        ]
        if not standing.proven:
            caps += [
                (("unproven", workspace_id), max(settings.workspace_concurrency // 2, 1)),
                (_UNPROVEN, max(settings.concurrency // 2, 1)),
            ]
        return caps

    def _standing(self, endpoint_id: int) -> _Standing:
        known = self._standings.get(endpoint_id)
        if known is not None:
            return known
        return _Standing(min(START_CAP, self._settings.endpoint_concurrency), proven=False)
