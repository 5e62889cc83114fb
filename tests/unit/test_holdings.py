"""What a process holds: until its end is written, but not counted as work to do that long."""

from dataclasses import replace

from service.worker.holdings import Holdings
from tests.unit.test_turns import BIG, SMALL, claim


def test_what_was_run_no_longer_fills_its_queue() -> None:
    """A lookup whose settlement is on its way is held, and leaves room for another."""
    held = Holdings()
    for lookup_id in (1, 2):
        held.add(claim(lookup_id), BIG)
    full = held.queues_above(1)

    held.end(claim(1))

    assert (full, held.queues_above(1), 1 in held, len(held)) == ({BIG}, set(), True, 2)


def test_what_waits_for_its_settlement_has_a_bound_too() -> None:
    """Where settlements are slow, a queue is full although nothing of it is left to run."""
    held = Holdings()
    for lookup_id in (1, 2, 3):
        held.add(claim(lookup_id), BIG)
        held.end(claim(lookup_id))
    full = held.queues_above(1)

    held.remove(claim(1))

    assert (full, held.queues_above(1)) == ({BIG}, set())


def test_an_end_is_counted_once() -> None:
    """Ended and then removed, or ended twice, a lookup leaves its queue once."""
    held = Holdings()
    for lookup_id in (1, 2):
        held.add(claim(lookup_id), BIG)

    held.end(claim(1))
    held.end(claim(1))
    held.remove(claim(1))

    assert (held.queues_above(0), len(held)) == ({BIG}, 1)


def test_the_end_of_an_earlier_claim_leaves_the_later_one_held() -> None:
    """A parked lookup may be claimed again before its parking was noticed."""
    held = Holdings()
    first, second = claim(1), replace(claim(1), epoch=2)
    held.add(first, BIG)
    held.add(second, SMALL)

    held.remove(first)

    assert (1 in held, held.queues_above(0)) == (True, {SMALL})
