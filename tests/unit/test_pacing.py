"""Rates that never exceed a vendor's window, and limits that adapt."""

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.pacing import InFlightLimit, LatencyWatch, Rate, Schedule, Window
from service.domain.retry_budget import RetryBudget

WINDOWS = st.builds(Window, st.integers(1, 2_000), st.sampled_from([0.01, 0.05, 0.6, 1.0, 60.0]))
GAPS = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=300)


def most_in(times: list[float], window_s: float) -> int:
    """Return the largest number of moments in any half-open window."""
    ordered = sorted(times)
    return max(
        bisect_left(ordered, start + window_s) - place for place, start in enumerate(ordered)
    )


def taken(schedule: Schedule, gaps: list[float], *, unit_s: float) -> list[float]:
    """Ask for slots after each of the gaps, whose unit is an interval or so, and return them."""
    now_s, slots = 0.0, []
    for gap in gaps:
        now_s += gap * gap * unit_s * 4
        slots.append(schedule.take(now_s))
    return slots


@given(window=WINDOWS, burst_max=st.integers(1, 200), gaps=GAPS, shifts=GAPS)
def test_no_window_ever_holds_more_than_the_limit(
    window: Window, burst_max: int, gaps: list[float], shifts: list[float]
) -> None:
    """Whenever requests come, and however they are delayed within the jitter."""
    rate = window.whole(burst_max)
    slots = taken(Schedule([rate], first_at_s=0.0), gaps, unit_s=rate.interval_s)
    sent = [
        slot + shifts[place % len(shifts)] * window.jitter_s * 0.99
        for place, slot in enumerate(slots)
    ]

    assert most_in(sent, window.seconds) <= window.requests


@given(window=WINDOWS, workers=st.integers(1, 40), gaps=GAPS)
def test_fair_shares_together_keep_within_the_limit(
    window: Window, workers: int, gaps: list[float]
) -> None:
    """Workers that cannot confer, all busy and starting at the same moment."""
    rates = [window.share(workers, rank) for rank in range(workers)]
    sent = [
        slot
        for rate in rates
        if rate is not None
        for slot in taken(Schedule([rate], first_at_s=rate.interval_s), gaps, unit_s=0.0)
    ]

    assert 1 <= most_in(sent, window.seconds) <= window.requests


@given(gaps=GAPS)
def test_two_windows_hold_together(gaps: list[float]) -> None:
    """The shorter window holds within a burst, the longer one over a minute."""
    second, minute = Window(5, 1.0), Window(60, 60.0)
    schedule = Schedule([second.whole(5), minute.whole(5)], first_at_s=0.0)

    slots = taken(schedule, gaps, unit_s=0.2)

    assert most_in(slots, 1.0) <= 5
    assert most_in(slots, 60.0) <= 60


@pytest.mark.parametrize("requests", [1, 30, 60, 300, 1_000])
def test_a_busy_schedule_uses_most_of_the_window(requests: int) -> None:
    """Safety costs at most a sixth of the rate."""
    rate = Window(requests, 60.0).whole(10)

    assert rate.interval_s * requests <= 60.0 * 7 / 6


def test_a_schedule_starts_empty() -> None:
    """A burst is only for those who paused before it."""
    schedule = Schedule([Rate(1.0, burst=3)], first_at_s=10.0)

    assert [schedule.take(5.0) for _ in range(3)] == [10.0, 11.0, 12.0]


def test_a_pause_earns_a_burst() -> None:
    """After a long pause as many as the burst go at once, then one per interval."""
    schedule = Schedule([Rate(1.0, burst=3)], first_at_s=0.0)

    assert [schedule.take(50.0) for _ in range(4)] == [50.0, 50.0, 50.0, 51.0]


@pytest.mark.parametrize(
    ("workers", "rank", "interval_count"), [(1, 0, 3), (2, 1, 1), (3, 2, 1), (4, 2, 1), (4, 3, 0)]
)
def test_the_first_workers_have_what_cannot_be_split(
    workers: int, rank: int, interval_count: int
) -> None:
    """Three requests per window among four workers: the fourth has none."""
    window = Window(3, 1.0)
    share = window.share(workers, rank)

    assert interval_count == round(1.15 / share.interval_s if share else 0)


def test_a_crowd_of_failures_halves_the_limit_once() -> None:
    """Requests begun before the decrease do not decrease it again; one begun after does."""
    adapting = InFlightLimit(16)

    adapting.decrease(0.5, began_s=0.0, now_s=1.0)
    adapting.decrease(0.5, began_s=0.5, now_s=1.1)
    first = adapting.limit
    adapting.decrease(0.5, began_s=1.0, now_s=2.0)

    assert (first, adapting.limit) == (8, 4)


def test_a_round_of_successes_adds_one_up_to_the_ceiling() -> None:
    """A limit of four is five after as many successes; it never goes above the vendor's."""
    adapting = InFlightLimit(8)
    adapting.decrease(0.5, began_s=0.0, now_s=0.0)

    _increase(adapting, 5, in_flight=4)
    after_one_round = adapting.limit
    _increase(adapting, 1_000, in_flight=8)

    assert (after_one_round, adapting.limit) == (5, 8)


def test_an_unused_limit_does_not_grow() -> None:
    """One request at a time shows nothing about ten at a time."""
    adapting = InFlightLimit(64)
    adapting.decrease(0.5, began_s=0.0, now_s=0.0)

    _increase(adapting, 1_000, in_flight=1)

    assert adapting.limit == 32


def test_the_limit_never_falls_below_one() -> None:
    """A vendor in trouble is still asked now and then."""
    adapting = InFlightLimit(4)
    _decrease(adapting, 20)

    assert adapting.limit == 1


@pytest.mark.parametrize(
    ("before_s", "after_s", "expected"),
    [(0.2, 0.2, False), (0.2, 0.3, False), (0.2, 0.6, True), (0.005, 0.03, False)],
)
def test_latency_well_above_its_usual_is_noticed(
    before_s: float, after_s: float, *, expected: bool
) -> None:
    """Twice as long and noticeably so; a few milliseconds more are nothing."""
    watch = LatencyWatch()
    noticed = [watch.note(each) for each in [before_s] * 50 + [after_s] * 20]

    assert expected is noticed[-1]


def test_repeats_are_paid_for_by_successes() -> None:
    """Ten repeats at first; after that one for every ten successes."""
    budget = RetryBudget()
    first = [budget.spend(0.0) for _ in range(11)]
    _succeed(budget, 10)

    assert first == [True] * 10 + [False]
    assert [budget.spend(0.0), budget.spend(0.0)] == [True, False]


def _increase(adapting: InFlightLimit, times: int, *, in_flight: int) -> None:
    for _ in range(times):
        adapting.increase(in_flight)


def _decrease(adapting: InFlightLimit, times: int) -> None:
    for moment in range(times):
        adapting.decrease(0.5, began_s=float(moment), now_s=float(moment))


def _succeed(budget: RetryBudget, times: int) -> None:
    for _ in range(times):
        budget.note_success()
