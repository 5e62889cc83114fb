"""The bounded map whose entries expire."""

import pytest

from service.domain.expiring_map import ExpiringMap


class Clock:
    """A clock that is set by hand."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_an_entry_is_gone_when_its_time_has_come() -> None:
    """An entry is there before its time to live has passed, and gone at that moment."""
    clock = Clock()
    known: ExpiringMap[str, int] = ExpiringMap(2, clock=clock)
    known.put("a", 1, ttl_s=10)

    clock.now_s = 9.9
    before = known.get("a")
    clock.now_s = 10.0

    assert (before, known.get("a")) == (1, None)


def test_the_oldest_entry_makes_room() -> None:
    """A full map forgets what was stored longest ago; storing again makes an entry young."""
    known: ExpiringMap[str, int] = ExpiringMap(2)
    known.put("a", 1, ttl_s=10)
    known.put("b", 2, ttl_s=10)
    known.put("a", 3, ttl_s=10)
    known.put("c", 4, ttl_s=10)

    assert (known.get("a"), known.get("b"), known.get("c"), len(known)) == (3, None, 4, 2)


def test_nothing_is_kept_for_no_time() -> None:
    """A time to live of 0 stores nothing and drops what was there."""
    known: ExpiringMap[str, int] = ExpiringMap(2)
    known.put("a", 1, ttl_s=10)
    known.put("a", 2, ttl_s=0)

    assert (known.get("a"), len(known)) == (None, 0)


def test_forgetting_is_harmless_twice() -> None:
    """An entry can be dropped, whether it is there or not."""
    known: ExpiringMap[str, int] = ExpiringMap(2)
    known.put("a", 1, ttl_s=10)
    known.forget("a")
    known.forget("a")

    assert None is known.get("a")


def test_a_map_of_nothing_is_a_mistake() -> None:
    """A map needs room for at least one entry."""
    with pytest.raises(ValueError, match="at least 1"):
        ExpiringMap(0)
