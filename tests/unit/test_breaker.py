"""The breaker: when it opens, for how long, and how one probe decides."""

import pytest

from service.domain.breaker import Breaker, BreakerRule

RULE = BreakerRule(window_s=10.0, count_min=4, failure_share=0.5, open_s=5.0, open_s_max=30.0)


def note_all(breaker: Breaker, results: str, *, at_s: float = 0.0) -> list[bool]:
    """Note results that begin and end at one moment: `x` is a failure, `.` a success."""
    return [breaker.note(ok=each == ".", began_s=at_s, now_s=at_s) for each in results]


def opened(breaker: Breaker, times: int) -> tuple[Breaker, float]:
    """Open a breaker, then let so many probes fail; return it and when it is half open."""
    note_all(breaker, "xxxx")
    now_s = breaker.shut_for_s(0.0)
    for _ in range(times):
        breaker.admit(now_s)
        breaker.note(ok=False, began_s=now_s, now_s=now_s)
        now_s += breaker.shut_for_s(now_s)
    return breaker, now_s


@pytest.mark.parametrize(
    ("results", "shut_for_s"),
    [
        ("xxx", 0.0),  # too few to conclude anything
        (".....xxxx", 0.0),  # less than half
        ("..xx", 5.0),
        ("xxxx", 5.0),
    ],
)
def test_opens_at_the_failure_share_with_enough_results(results: str, shut_for_s: float) -> None:
    """Few failures, or a small share of many results, keep it closed."""
    breaker = Breaker(RULE)

    note_all(breaker, results)

    assert shut_for_s == breaker.shut_for_s(0.0)


def test_results_older_than_the_window_do_not_count() -> None:
    """Three failures long ago and one now are one failure."""
    breaker = Breaker(RULE)
    note_all(breaker, "xxx", at_s=0.0)

    assert note_all(breaker, "x", at_s=11.0) == [False]


def test_half_open_admits_one_probe_at_a_time() -> None:
    """While the probe is under way everyone else is told to look again later."""
    breaker, now_s = opened(Breaker(RULE), times=0)

    assert (breaker.admit(now_s), breaker.admit(now_s)) == (True, False)
    assert RULE.probe_wait_s == breaker.shut_for_s(now_s)


def test_a_probe_that_shows_nothing_makes_way_for_another() -> None:
    """A probe that was cancelled does not keep the breaker half open for ever."""
    breaker, now_s = opened(Breaker(RULE), times=0)
    breaker.admit(now_s)

    breaker.release()

    assert breaker.admit(now_s)


def test_a_good_probe_closes_and_forgets() -> None:
    """After a good probe the count of failures starts at nothing."""
    breaker, now_s = opened(Breaker(RULE), times=0)
    breaker.admit(now_s)
    breaker.note(ok=True, began_s=now_s, now_s=now_s)

    assert note_all(breaker, "xxxx", at_s=now_s) == [False, False, False, True]


@pytest.mark.parametrize(("times", "shut_for_s"), [(0, 10), (1, 20), (2, 30), (80, 30)])
def test_open_time_doubles_with_each_opening_in_a_row_up_to_a_cap(
    times: int, shut_for_s: float
) -> None:
    """The opening after the first lasts 10 s, and none more than 30 s."""
    breaker, half_open_at_s = opened(Breaker(RULE), times=times)
    breaker.admit(half_open_at_s)
    breaker.note(ok=False, began_s=half_open_at_s, now_s=half_open_at_s)

    assert breaker.shut_for_s(half_open_at_s) == pytest.approx(shut_for_s)


def test_a_healthy_window_makes_the_next_opening_short_again() -> None:
    """Openings count as in a row only while the vendor has not been well for a window."""
    breaker, now_s = opened(Breaker(RULE), times=2)
    breaker.admit(now_s)
    breaker.note(ok=True, began_s=now_s, now_s=now_s)
    note_all(breaker, ".", at_s=now_s + 10)
    note_all(breaker, "xxxx", at_s=now_s + 21)

    assert breaker.shut_for_s(now_s + 21) == pytest.approx(5.0)


def test_requests_begun_before_the_opening_do_not_judge_the_probe() -> None:
    """A slow success from before neither closes it nor takes the probe's place."""
    breaker, now_s = opened(Breaker(RULE), times=0)
    breaker.admit(now_s)

    breaker.note(ok=True, began_s=0.0, now_s=now_s)

    assert breaker.is_probing


def test_scaling_changes_times_only() -> None:
    """A sandbox whose time runs faster has the same counts."""
    assert BreakerRule(window_s=0.1, open_s=0.05, open_s_max=0.3, probe_wait_s=0.01).scaled(
        10
    ) == BreakerRule(window_s=1.0, open_s=0.5, open_s_max=3.0, probe_wait_s=0.1)
