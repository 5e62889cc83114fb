"""When those who wait for a shut gate look again: at its rate, sync callers and the few at once."""

import pytest

from service.domain.fair_queue import Queue
from service.domain.waking import AHEAD_S, SPREAD_S_MAX, Waking

BIG, SMALL, SYNC = (1, 1), (1, 2), (0, 1)
SHUT_S = 10.0


def moments(waking: Waking, queue: Queue, count: int, *, now_s: float = 0.0) -> list[float]:
    """Return how long after the opening each of so many of a queue looks."""
    return [waking.after_s(queue, shut_for_s=SHUT_S, now_s=now_s) for _ in range(count)]


def test_a_short_line_looks_as_soon_as_the_gate_opens() -> None:
    """Nobody waits for more than the gate where all will be let in within seconds."""
    assert moments(Waking(1.0), BIG, 6) == [0.0] * 6


def test_a_long_line_looks_as_fast_as_it_will_be_let_in() -> None:
    """One after the other, a little ahead of the vendor's rate."""
    after_s = moments(Waking(2.0), BIG, 10)

    assert after_s == pytest.approx([0, 0, 0, *(2 * place - AHEAD_S for place in range(3, 10))])


def test_nobody_sleeps_for_long_however_long_the_line() -> None:
    """Those whom the rate lets in later share the same minute, and no two moments are one."""
    after_s = moments(Waking(0.7), BIG, 1_000)

    assert max(after_s) < SPREAD_S_MAX
    in_a_second = [sum(second <= each < second + 1 for each in after_s) for second in range(60)]
    assert max(in_a_second[1:]) < 1_000 / SPREAD_S_MAX * 2


@pytest.mark.parametrize("queue", [SMALL, SYNC])
def test_the_few_do_not_sleep_behind_the_many(queue: Queue) -> None:
    """Neither another workspace's nor a caller who waits."""
    waking = Waking(1.0)
    moments(waking, BIG, 1_000)

    assert moments(waking, queue, 2) == [0.0, 0.0]


def test_each_opening_has_a_line_of_its_own() -> None:
    """Who came for an earlier one is not waited for, and what is known later counts."""
    waking = Waking(1.0)
    moments(waking, BIG, 50)

    assert moments(waking, BIG, 1, now_s=SHUT_S - 1)[0] > 0
    assert moments(waking, BIG, 1, now_s=SHUT_S * 2)[0] == 0
