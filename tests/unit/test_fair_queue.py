"""Queues in turn: who waits for an answer is first, reads come in between, nobody is forgotten."""

import pytest

from service.domain.fair_queue import (
    CREDIT,
    LONGEST_EVERY,
    UNCLAIMED,
    FairQueue,
    Queue,
    reading,
)

SYNC, BIG, SMALL = (0, 1), (1, 1), (1, 2)
READS = reading(BIG)


def filled(*queues: Queue) -> FairQueue[tuple[Queue, int]]:
    """Return items of these queues, numbered in the order of their coming."""
    fair: FairQueue[tuple[Queue, int]] = FairQueue(lambda item: item[0])
    for number, queue in enumerate(queues):
        fair.append((queue, number))
    return fair


def emptied(fair: FairQueue[tuple[Queue, int]]) -> list[int]:
    """Return the numbers of all items as they are taken out."""
    return [fair.popleft()[1] for _ in range(len(fair))]


@pytest.mark.parametrize(
    ("queues", "order"),
    [
        ([BIG, BIG, BIG], [0, 1, 2]),
        ([BIG, BIG, BIG, SMALL, SMALL], [0, 3, 1, 4, 2]),
        ([BIG, SMALL, SYNC], [2, 0, 1]),
        ([BIG, SYNC, (0, 2), SYNC], [1, 2, 3, 0]),
        ([READS, READS, READS], [0, 1, 2]),
        ([BIG, BIG, SYNC, READS, READS, READS, READS], [3, 2, 4, 0, 5, 1, 6]),
        ([UNCLAIMED, READS, UNCLAIMED, READS], [1, 3, 0, 2]),
        ([READS, READS, reading(SMALL), reading(SYNC)], [3, 0, 2, 1]),
    ],
    ids=[
        "one queue",
        "in turn",
        "sync first",
        "sync in turn",
        "reads alone",
        "reads in between",
        "reads nobody waits for",
        "reads in turn",
    ],
)
def test_whose_turn_it_is(queues: list[Queue], order: list[int]) -> None:
    """Of two one is a read; of the others the lowest priority first, then queues in turn."""
    assert emptied(filled(*queues)) == order


def test_a_queue_that_comes_back_stands_behind_those_that_wait() -> None:
    """Coming one at a time gets no more turns than coming with many."""
    fair = filled(SMALL, BIG, BIG)
    first = fair.popleft()[1]

    fair.append((SMALL, 3))

    assert [first, *emptied(fair)] == [0, 1, 3, 2]


def test_a_few_go_through_at_once_where_many_have_had_their_turns() -> None:
    """Whoever comes anew has three turns of four until it has had as many as the others."""
    fair = filled(*[BIG] * (6 * CREDIT))
    for _ in range(2 * CREDIT):
        fair.popleft()

    for number in range(4 * CREDIT):
        fair.append((SMALL, 100 + number))
    order = [queue for queue, _ in (fair.popleft() for _ in range(4 * CREDIT))]

    assert order[:CREDIT] == [SMALL, SMALL, SMALL, BIG] * (CREDIT // 4)
    assert order[-CREDIT:] == [BIG, SMALL] * (CREDIT // 2)


def test_a_stream_of_newcomers_passes_nobody_over_for_long() -> None:
    """A job that waits beside ever new workspaces, each with a small one, still has its turns."""
    fair = filled(*[BIG] * 1_000)
    for _ in range(100):
        fair.popleft()

    passed_over = waiting = 0
    for workspace in range(100, 200):
        for number in range(CREDIT):
            fair.append(((1, workspace), number))
        waiting = len({queue for queue, _ in fair})
        for _ in range(CREDIT):
            queue, _number = fair.popleft()
            passed_over = 0 if queue == BIG else passed_over + 1
            assert passed_over <= LONGEST_EVERY * waiting

    assert waiting < 100


def test_who_was_just_first_is_not_first_again() -> None:
    """To come back in small portions gives no credit that was used already."""
    fair = filled(*[BIG] * (10 * CREDIT))
    for _ in range(2 * CREDIT):
        fair.popleft()

    order = []
    for number in range(4 * CREDIT):
        fair.append((SMALL, 100 + number))
        while SMALL in {queue for queue, _ in fair}:
            order.append(fair.popleft()[0])

    assert order[:CREDIT] == [SMALL, SMALL, SMALL, BIG] * (CREDIT // 4)
    assert order[-CREDIT:] == [BIG, SMALL] * (CREDIT // 2)


def test_what_others_had_at_another_priority_is_nobody_s_debt() -> None:
    """A burst of sync callers gives those who waited beside it no turns before a newcomer."""
    fair = filled(*[BIG] * 100)
    for number in range(500):
        fair.append((SYNC, number))
        fair.popleft()
    fair.popleft()

    fair.append((SMALL, 1_000))

    assert fair.popleft()[0] == SMALL


def test_a_group_is_as_many_turns_as_it_holds() -> None:
    """Sixteen large submissions are no small portion."""
    fair = filled(*[SMALL] * 20)
    for _ in range(20):
        fair.popleft()
    for number in range(3 * CREDIT):
        fair.append((BIG, number))
    first = [queue for queue, _ in fair.take(2 * CREDIT)]

    fair.append((SMALL, 1_000))

    assert first == [BIG] * 2 * CREDIT
    assert [queue for queue, _ in fair.take(2 * CREDIT)] == [SMALL]


def test_a_queue_that_may_not_is_passed_over() -> None:
    """Unless nobody else waits."""
    fair = filled(BIG, SMALL)

    assert [queue for queue, _ in fair.take(5, but={BIG})] == [SMALL]
    assert [queue for queue, _ in fair.take(5, but={BIG})] == [BIG]


@pytest.mark.parametrize(
    ("queues", "groups"),
    [
        ([BIG, SMALL, BIG, BIG, SMALL, BIG], [[0, 2, 3], [1, 4], [5]]),
        ([SMALL, BIG, BIG], [[0], [1, 2]]),
        ([(1, place) for place in range(5)], [[0, 1, 2], [3], [4]]),
        ([], [[]]),
    ],
    ids=["in turn", "the few first", "many queues", "nobody"],
)
def test_groups_of_three(queues: list[Queue], groups: list[list[int]]) -> None:
    """A group is one queue's, unless so many wait that each would wait for all the others."""
    fair = filled(*queues)

    taken = [[number for _, number in fair.take(3)]]
    while fair:
        taken.append([number for _, number in fair.take(3)])

    assert taken == groups


@pytest.mark.parametrize(
    ("comes", "ahead"),
    [
        pytest.param((1, 7), 3, id="a newcomer waits for one of each queue and for sync callers"),
        pytest.param((1, 8), 8, id="the few wait for as many of the many"),
        pytest.param((1, 9), 10, id="the many wait for themselves and all others"),
        pytest.param((0, 7), 1, id="sync callers wait for each other alone"),
    ],
)
def test_how_many_are_ahead(comes: Queue, ahead: int) -> None:
    waiting: FairQueue[Queue] = FairQueue(lambda queue: queue)
    for queue in [(0, 8), *[(1, 8)] * 3, *[(1, 9)] * 6]:
        waiting.append(queue)

    assert waiting.ahead_of(comes) == ahead


def test_nothing_is_taken_from_nobody() -> None:
    """An empty queue says so."""
    with pytest.raises(IndexError):
        filled().popleft()


def test_what_is_dropped_has_no_turn() -> None:
    """Whosever it is; the others keep theirs."""
    fair = filled(BIG, BIG, BIG, SMALL)

    dropped = fair.drop(lambda item: item[1] in {0, 3})

    assert [number for _, number in dropped] == [0, 3]
    assert emptied(fair) == [1, 2]
