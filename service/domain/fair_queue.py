"""Whose turn it is among many: reads have every second one, and of each sync callers go first."""

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator
from typing import Final, Generic, TypeVar

T = TypeVar("T")

Queue = tuple[int, int]
"""The priority at which lookups were claimed, lowest first, and their workspace."""
UNCLAIMED: Final[Queue] = (1, 0)
"""The queue of what no workspace asked for: it takes a turn like any workspace's lookups."""
APART_MAX: Final = 4
"""So many queues are taken out apart; where more wait, a group holds some of each."""
# Brings each of the two priorities before both.
_READING: Final = -2
CREDIT: Final = 16
"""So many items of a queue go before those of queues that had their turns while it did not wait."""
LONGEST_EVERY: Final = 4
"""Every so manieth turn is that of the queue which has waited longest, whatever others had."""
REMEMBERED_MAX: Final = 1_000
"""Of so many queues it is kept what turns they had; beyond that, only of those that wait."""


class FairQueue(Generic[T]):
    """Items in queues: the lowest priority first, then queues in turn, each in its own order.

    A queue that had no turns lately has `CREDIT` items taken before the others of its priority, so
    that a few go through at once where many have been waiting for long. However many come anew one
    after another, a queue waits for no more than `LONGEST_EVERY` turns of its priority for each
    queue that waited before it.

    Between any two that are taken of other queues, one is of a queue that `reading` returned;
    beside what nobody asked for alone, these go first.

    It bounds nothing: whoever puts items in holds no more of them than they have slots for.
    """

    __slots__ = ("_count", "_had", "_has_read", "_most", "_queue_of", "_queues", "_turns")

    def __init__(self, queue_of: Callable[[T], Queue]) -> None:
        self._queue_of = queue_of
        self._queues: dict[Queue, deque[T]] = {}
        self._count = 0
        self._has_read = False
        # How many items of each queue were taken, counted from where it began; and by priority the
        # most that one had. Of another priority it says nothing: that one never waits for it.
        self._had: dict[Queue, int] = {}
        self._most: dict[int, int] = {}
        self._turns: Counter[int] = Counter()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[T]:
        """Return every item, in no order that means anything."""
        return (item for items in self._queues.values() for item in items)

    def ahead_of(self, queue: Queue) -> int:
        """Return about how many items will be taken before one that comes to this queue now."""
        own = len(self._queues.get(queue, ()))
        return own + sum(
            len(items) if each[0] < queue[0] else min(len(items), own + 1)
            for each, items in self._queues.items()
            if each != queue and each[0] <= queue[0]
        )

    def append(self, item: T) -> None:
        """Let an item wait at the end of its queue."""
        queue = self._queue_of(item)
        if queue not in self._queues:
            self._begin(queue)
        self._queues[queue].append(item)
        self._count += 1

    def popleft(self) -> T:
        """Take the item whose turn it is.

        Raises:
            IndexError: there is none.
        """
        if not self._count:
            raise IndexError("nothing waits")
        [item] = self._take_turn(1)
        return item

    def take(self, count_max: int, but: Collection[Queue] = ()) -> list[T]:
        """Take up to so many items that share a fate, as the leads of one submission do.

        They are of the queue whose turn it is, so that the few do not wait for the slowest of the
        many; where more than `APART_MAX` queues wait they are of all of these, in turn.

        Args:
            but: queues whose turn it is not, unless they are all there is.
        """
        if not self._queues:
            return []
        if len(self._queues) > APART_MAX:
            return [self.popleft() for _ in range(min(count_max, self._count))]
        return self._take_turn(count_max, but)

    def drop(self, is_unwanted: Callable[[T], bool]) -> list[T]:
        """Take out all items of which this is true, whosever turn it is."""
        dropped: list[T] = []
        for queue, items in list(self._queues.items()):
            kept: deque[T] = deque()
            for item in items:
                (dropped if is_unwanted(item) else kept).append(item)
            if kept:
                self._queues[queue] = kept
            else:
                del self._queues[queue]
        self._count -= len(dropped)
        return dropped

    def _begin(self, queue: Queue) -> None:
        if len(self._had) >= REMEMBERED_MAX:
            self._had = {each: self._had[each] for each in self._queues}
        self._queues[queue] = deque()
        self._had[queue] = max(self._had.get(queue, 0), self._most.get(queue[0], 0) - CREDIT)

    def _take_turn(self, count_max: int, but: Collection[Queue] = ()) -> list[T]:
        queue = self._next_queue(but)
        self._has_read = _is_reading(queue)
        # Taken out and put back at the end: the first is always the one that waited longest.
        items = self._queues.pop(queue)
        group = [items.popleft() for _ in range(min(count_max, len(items)))]
        if items:
            self._queues[queue] = items
        self._count -= len(group)
        self._turns[queue[0]] += 1
        self._had[queue] += len(group)
        self._most[queue[0]] = max(self._most.get(queue[0], 0), self._had[queue])
        return group

    def _next_queue(self, but: Collection[Queue]) -> Queue:
        able = [queue for queue in self._queues if queue not in but] if but else []
        first = self._first_of(able or self._queues)
        if not _is_reading(first) or not self._has_read:
            return first
        others = [queue for queue in self._queues if not _is_reading(queue)]
        # What nobody asked for has the turns that nobody else wants.
        return first if others in ([], [UNCLAIMED]) else self._first_of(others)

    def _first_of(self, queues: Collection[Queue]) -> Queue:
        priority = min(queues)[0]
        is_longest = not (self._turns[priority] + 1) % LONGEST_EVERY
        return min(
            (queue for queue in queues if queue[0] == priority),
            key=lambda queue: 0 if is_longest else self._had[queue],
        )


def reading(queue: Queue) -> Queue:
    """Return the queue in which many of this one are asked about, or read, in one request."""
    return queue[0] + _READING, queue[1]


def _is_reading(queue: Queue) -> bool:
    return queue[0] < 0
