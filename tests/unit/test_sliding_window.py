"""Counting requests in a window that slides."""

from service.domain.sliding_window import SlidingCounts, Tally


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1_000.5

    def __call__(self) -> float:
        return self.now_s


def test_requests_up_to_the_limit_are_within_it() -> None:
    """Each one is told what remains; the one too many is not counted."""
    counts = SlidingCounts(10, clock=Clock())

    tallies = [counts.count("a", 2) for _ in range(3)]

    assert tallies == [
        Tally(2, 1, 60, is_within=True),
        Tally(2, 0, 60, is_within=True),
        Tally(2, 0, 60, is_within=False),
    ]


def test_a_caller_who_waits_a_minute_has_everything_again() -> None:
    """A burst is forgotten as a whole once the window has passed."""
    clock = Clock()
    counts = SlidingCounts(10, clock=clock)
    for _ in range(50):
        counts.count("a", 50)
    clock.now_s += 60

    assert all(counts.count("a", 50).is_within for _ in range(50))


def test_the_window_slides() -> None:
    """What was used frees up as it leaves the window, not all at once."""
    clock = Clock()
    counts = SlidingCounts(10, clock=clock)
    counts.count("a", 2)
    clock.now_s += 40
    counts.count("a", 2)

    assert counts.count("a", 2) == Tally(2, 0, 20, is_within=False)
    clock.now_s += 20
    assert counts.count("a", 2) == Tally(2, 0, 40, is_within=True)
    assert not counts.count("a", 2).is_within


def test_names_are_counted_apart_and_bounded() -> None:
    """When there are too many names, the one not seen for longest is forgotten."""
    counts = SlidingCounts(2, clock=Clock())
    for name in ("a", "b", "a", "c"):
        counts.count(name, 2)

    assert not counts.count("a", 2).is_within
    assert counts.count("b", 2) == Tally(2, 1, 60, is_within=True)
