"""A bounded map whose entries expire; it reads the clock it was given and does no I/O."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ExpiringMap(Generic[K, V]):
    """Keep at most `entries_max` values, each until its own time to live has passed.

    When full, the entry that was stored longest ago goes first.
    Safe for one event loop; it is not made for threads.
    """

    __slots__ = ("_clock", "_entries", "_entries_max")

    def __init__(self, entries_max: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        if entries_max < 1:
            raise ValueError("entries_max must be at least 1")
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._entries_max = entries_max
        self._clock = clock

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """Return the value of `key`, or None when there is none or it has expired."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        expires_at_s, value = entry
        if expires_at_s <= self._clock():
            del self._entries[key]
            return None
        return value

    def put(self, key: K, value: V, *, ttl_s: float) -> None:
        """Store `value` for `ttl_s` seconds; a time to live of 0 or less stores nothing."""
        self._entries.pop(key, None)
        if ttl_s <= 0:
            return
        while len(self._entries) >= self._entries_max:
            self._entries.popitem(last=False)
        self._entries[key] = (self._clock() + ttl_s, value)

    def forget(self, key: K) -> None:
        """Drop `key` if it is there."""
        self._entries.pop(key, None)
