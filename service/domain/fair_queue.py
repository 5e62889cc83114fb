"""Whose turn it is among many who wait: callers who wait for an answer, then workspaces in turn."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

T = TypeVar("T")

Queue = tuple[int, int]
"""The priority at which lookups were claimed, lowest first, and their workspace."""
UNCLAIMED: Final[Queue] = (1, 0)
"""The queue of what no workspace asked for: it takes a turn like any workspace's lookups."""


class FairQueue(Generic[T]):
    """Items in queues: the lowest priority first, then queues in turn, each in its own order.

    It bounds nothing: whoever puts items in holds no more of them than they have slots for.
    """

    __slots__ = ("_count", "_queue_of", "_queues")

    def __init__(self, queue_of: Callable[[T], Queue]) -> None:
        self._queue_of = queue_of
        self._queues: dict[Queue, deque[T]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[T]:
        """Return every item, in no order that means anything."""
        return (item for items in self._queues.values() for item in items)

    def append(self, item: T) -> None:
        """Let an item wait at the end of its queue."""
        self._queues.setdefault(self._queue_of(item), deque()).append(item)
        self._count += 1

    def popleft(self) -> T:
        """Take the item whose turn it is.

        Raises:
            IndexError: there is none.
        """
        if not self._count:
            raise IndexError("nothing waits")
        queue = min(self._queues, key=_priority)
        # Taken out and put back at the end: the next turn is another's.
        items = self._queues.pop(queue)
        item = items.popleft()
        if items:
            self._queues[queue] = items
        self._count -= 1
        return item


def _priority(queue: Queue) -> int:
    return queue[0]
