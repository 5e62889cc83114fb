"""Who may have how much in flight."""

# ruff: noqa: SIM300 - the house puts the expected value on the left, and limits on the right

from collections import Counter
from collections.abc import Iterable

import pytest

from service.dispatcher.host_watch import PAUSE_S_MAX, HostWatch
from service.dispatcher.slots import START_CAP, Slot, Slots
from service.domain.attempt_class import AttemptClass
from service.domain.retry import Pace
from service.settings import DispatcherSettings
from service.store.deliveries import ReadyEndpoint

HOST = ("hooks.example", 443)
WIDE = {
    "concurrency": 1_000,
    "workspace_concurrency": 1_000,
    "host_concurrency": 1_000,
    "endpoint_concurrency": 1_000,
    "claim_batch": 1_000,
}


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def slots(**settings: int) -> Slots:
    """Return slots with wide caps but for those given."""
    return Slots(DispatcherSettings.model_validate({**WIDE, **settings}), Clock())


def ready(
    endpoint_id: int, *, workspace_id: int = 1, host: str = "", ready_count: int = 100
) -> ReadyEndpoint:
    """Return an endpoint with much to send, on a host of its own unless one is given."""
    name = host or f"host-{endpoint_id}.example"
    return ReadyEndpoint(endpoint_id, workspace_id, False, name, 443, ready_count)  # noqa: FBT003 - a column


def prove(subject: Slots, *endpoints: ReadyEndpoint) -> None:
    """Let endpoints take so many deliveries that they may have all that the settings allow."""
    for endpoint in endpoints:
        for _ in range(1_000):
            slot = Slot(endpoint.id, 1, (endpoint.host, endpoint.port), ())
            subject.learn(slot, AttemptClass.SUCCESS, "raise")


def give_back(subject: Slots, taken: Iterable[Slot]) -> None:
    """Give back several slots."""
    for slot in taken:
        subject.give_back(slot)


def cap_after(subject: Slots, attempt_class: AttemptClass, pace: Pace) -> int:
    """Return what endpoint 1 may have in flight after one more attempt."""
    subject.learn(Slot(1, 1, HOST, ()), attempt_class, pace)
    return subject._standing(1).cap


def sizes(shares: dict[int, list[Slot]]) -> dict[int, int]:
    """Return how many slots each endpoint got."""
    return {endpoint_id: len(taken) for endpoint_id, taken in shares.items()}


def pause_after_a_crowd(watch: HostWatch, clock: Clock) -> float:
    """Let a crowd of requests fail and return the seconds until the next probe."""
    for endpoint_id in range(32):
        watch.note(HOST, endpoint_id, AttemptClass.CONNECTION_REFUSED)
    began_s = clock.now_s
    while watch.cap(HOST, 32) < 1:
        clock.now_s += 1
    return clock.now_s - began_s


@pytest.mark.parametrize(
    ("caps", "total"),
    [
        ({"concurrency": 7}, 7),
        ({"claim_batch": 5}, 5),
        ({"workspace_concurrency": 3}, 6),
        ({"host_concurrency": 4}, 8),
        ({"endpoint_concurrency": 2}, 8),
    ],
)
def test_caps_nest(caps: dict[str, int], total: int) -> None:
    """Two workspaces with two endpoints on a shared host each: every cap binds by itself."""
    subject = slots(**caps)
    endpoints = [ready(n, workspace_id=n % 2, host=f"shared-{n % 2}.example") for n in range(4)]
    prove(subject, *endpoints)

    shares = subject.allot(endpoints)

    assert total == sum(sizes(shares).values())


def test_slots_come_back() -> None:
    """What is given back can be had again, and nothing is remembered of it."""
    subject = slots(concurrency=2)
    [taken] = subject.allot([ready(1)]).values()
    assert {} == subject.allot([ready(1)])

    give_back(subject, taken)

    assert (0, Counter()) == (subject.in_flight, subject._taken)
    assert 1 == len(subject.allot([ready(1)]))


def test_no_more_is_taken_than_is_ready() -> None:
    """An endpoint gets what it has ready and no more."""
    subject = slots()
    prove(subject, ready(1))

    assert {1: 3} == sizes(subject.allot([ready(1, ready_count=3)]))


def test_workspaces_take_turns() -> None:
    """A workspace with many endpoints gets as much as one with a single one."""
    subject = slots(claim_batch=10)
    crowd = [ready(n, workspace_id=1) for n in range(20)]
    single = ready(99, workspace_id=2)
    prove(subject, *crowd, single)

    shares = sizes(subject.allot([*crowd, single]))

    assert (5, 5) == (shares.pop(99), sum(shares.values()))


def test_few_slots_go_round() -> None:
    """With one slot at a time, every endpoint gets its turn."""
    subject = slots(claim_batch=1)
    endpoints = [ready(n, workspace_id=n % 2) for n in range(4)]

    served = {next(iter(subject.allot(endpoints))) for _ in range(4)}

    assert {0, 1, 2, 3} == served


def test_a_newcomer_starts_small_and_grows() -> None:
    """An endpoint begins with two at once and gets one more with each success, up to its cap."""
    subject = slots(endpoint_concurrency=8)

    counts = [cap_after(subject, AttemptClass.SUCCESS, "raise") for _ in range(8)]

    assert [START_CAP + 1, 4, 5, 6, 7, 8, 8, 8] == counts


def test_overload_halves_down_to_one() -> None:
    """Each sign of overload halves what the endpoint may have, never below one."""
    subject = slots(endpoint_concurrency=8)
    prove(subject, ready(1))

    counts = [cap_after(subject, AttemptClass.THROTTLED, "halve") for _ in range(5)]

    assert [4, 2, 1, 1, 1] == counts


def test_newcomers_leave_half_of_everything_to_the_others() -> None:
    """Whoever was not seen to work gets half of the process at most, and of its workspace."""
    subject = slots(concurrency=20, workspace_concurrency=12)
    strangers = [ready(n, workspace_id=1 + n % 3) for n in range(60)]
    known = ready(99, workspace_id=1)
    prove(subject, known)

    first = sizes(subject.allot(strangers))
    one_workspace = sizes(slots(workspace_concurrency=12).allot([ready(n) for n in range(60)]))
    rest = sizes(subject.allot([known]))

    assert (10, 6) == (sum(first.values()), sum(one_workspace.values()))
    assert rest[99] >= 8


def test_slow_requests_wait_aside() -> None:
    """A request that takes long frees its turn, though not its endpoint's, and is still counted."""
    subject = slots(concurrency=4, endpoint_concurrency=2)
    hanging = subject.allot([ready(1)])[1]

    aside = [subject.move_aside(slot) for slot in hanging]
    again = sizes(subject.allot([ready(1), ready(3)]))

    assert {3: 2} == again
    assert 4 == subject.in_flight
    give_back(subject, aside)
    assert 2 == subject.in_flight


def test_room_aside_is_bounded_too() -> None:
    """When too many wait aside already, a slow request keeps its turn."""
    subject = slots(concurrency=1, workspace_concurrency=1)

    aside = [subject.move_aside(subject.allot([ready(n)])[n][0]) for n in range(4)]
    [[last]] = subject.allot([ready(9)]).values()

    assert last == subject.move_aside(last)
    assert (0, 4) == (subject.free, len(aside))


def test_who_waits_for_its_own_pace_is_known() -> None:
    """An endpoint at its cap is told apart from one that only waits for a free slot, once."""
    subject = slots(endpoint_concurrency=1, claim_batch=2)

    subject.allot([ready(1), ready(2), ready(3)])
    subject.allot([ready(1), ready(2), ready(3)])
    denied = subject.take_denied()

    assert 2 <= len(denied)
    assert frozenset() == subject.take_denied()


@pytest.mark.parametrize(
    "attempt_class",
    [AttemptClass.CONNECTION_REFUSED, AttemptClass.NAME_UNKNOWN, AttemptClass.CONNECT_TIMEOUT],
)
def test_an_unreachable_host_gets_one_probe(attempt_class: AttemptClass) -> None:
    """After a failure to connect, nothing is sent for a while, then one, whatever the URLs."""
    clock = Clock()
    watch = HostWatch(clock)

    watch.note(HOST, 1, attempt_class)
    at_once = watch.cap(HOST, 32)
    clock.now_s += 1
    later = watch.cap(HOST, 32)
    watch.note(HOST, 2, AttemptClass.SERVER_ERROR)

    assert (0, 1, 32) == (at_once, later, watch.cap(HOST, 32))


def test_probes_come_ever_more_rarely() -> None:
    """The pause doubles with each failed probe up to a minute; a crowd of failures counts once."""
    clock = Clock()
    watch = HostWatch(clock)

    pauses = [pause_after_a_crowd(watch, clock) for _ in range(8)]

    assert [1, 2, 4, 8, 16, 32, PAUSE_S_MAX, PAUSE_S_MAX] == pauses


def test_one_hanging_url_does_not_condemn_its_host() -> None:
    """Time-outs of one endpoint leave its neighbours alone; those of three mean the host."""
    watch = HostWatch(Clock())

    watch.note(HOST, 1, AttemptClass.TIMEOUT)
    watch.note(HOST, 1, AttemptClass.TIMEOUT)
    watch.note(HOST, 1, AttemptClass.TIMEOUT)
    watch.note(HOST, 2, AttemptClass.TIMEOUT)
    two = watch.cap(HOST, 32)
    watch.note(HOST, 3, AttemptClass.CONNECTION_LOST)

    assert (32, 0) == (two, watch.cap(HOST, 32))


@pytest.mark.parametrize(
    "attempt_class",
    [AttemptClass.RESOLVER_DOWN, AttemptClass.ADDRESS_REFUSED, AttemptClass.URL_REFUSED],
)
def test_what_never_reached_a_host_says_nothing_of_it(attempt_class: AttemptClass) -> None:
    """Our own faults and refusals neither condemn a host nor clear it."""
    watch = HostWatch(Clock())
    watch.note(HOST, 1, AttemptClass.CONNECTION_REFUSED)

    watch.note(HOST, 1, attempt_class)
    watch.note(("other.example", 443), 2, attempt_class)

    assert (0, 32) == (watch.cap(HOST, 32), watch.cap(("other.example", 443), 32))
