"""Noticing that nothing gets out on the mail port."""

from service.edges.port_watch import (
    SILENT_HOSTS_MAX,
    TRIAL_INTERVAL_S,
    WITNESSES_MAX,
    Passage,
    PortWatch,
)


class Clock:
    """A clock that is set by hand."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def doubtful_watch(clock: Clock) -> PortWatch:
    """Return a watch that has seen one silent host too many."""
    watch = PortWatch(clock=clock)
    for number in range(SILENT_HOSTS_MAX):
        watch.stayed_silent(f"mx{number}.test")
    return watch


def shut_watch(clock: Clock) -> PortWatch:
    """Return a watch whose first trial was silent as well."""
    watch = doubtful_watch(clock)
    watch.admit()
    watch.end_trial(silent=True)
    return watch


def test_one_dead_host_puts_nothing_in_doubt() -> None:
    """The same host staying silent again and again says nothing about the port."""
    watch = PortWatch(clock=Clock())
    for _ in range(SILENT_HOSTS_MAX):
        watch.stayed_silent("mx.test")

    assert watch.admit() is Passage.OPEN


def test_one_sign_of_life_between_silences_clears_them() -> None:
    """Only hosts that are silent in a row count."""
    watch = PortWatch(clock=Clock())
    for number in range(2 * SILENT_HOSTS_MAX):
        watch.stayed_silent(f"mx{number}.test")
        watch.reached("mx.test")

    assert watch.admit() is Passage.OPEN


def test_silence_in_a_row_is_a_doubt_with_one_trial() -> None:
    """One dial at a time goes through; nothing is shut before it has told."""
    watch = doubtful_watch(Clock())

    passages = [watch.admit(), watch.admit(), watch.admit()]

    assert passages == [Passage.TRIAL, Passage.IN_DOUBT, Passage.IN_DOUBT]
    assert not watch.shut


def test_a_trial_that_told_nothing_is_followed_by_another() -> None:
    """One that was cut off neither shuts the port nor delays who comes next."""
    watch = doubtful_watch(Clock())
    watch.admit()

    news = watch.end_trial(silent=False)

    assert (news, watch.shut, watch.admit()) == (False, False, Passage.TRIAL)


def test_a_trial_tells_once_every_witness_was_called_in_vain() -> None:
    """One that could not be called tells nothing; those of earlier trials have spoken."""
    watch = PortWatch(clock=Clock())
    for host in ("one.test", "two.test"):
        watch.reached(host)
    for number in range(SILENT_HOSTS_MAX):
        watch.stayed_silent(f"mx{number}.test")

    news = []
    for witness in ("one.test", "two.test"):
        watch.admit()
        watch.called(witness)
        news.append(watch.end_trial(silent=True))

    assert (news, watch.shut) == ([False, True], True)


def test_a_witness_that_answered_its_call_was_not_called_in_vain() -> None:
    """The silence in a row begins anew with it."""
    watch = PortWatch(clock=Clock())
    watch.reached("mx.test")
    watch.called("mx.test")
    for number in range(1, SILENT_HOSTS_MAX):
        watch.stayed_silent(f"mx{number}.test")

    assert watch.admit() is Passage.OPEN


def test_a_shut_port_is_tried_now_and_then() -> None:
    """While the port counts as shut, one dial per interval goes through."""
    clock = Clock()
    watch = shut_watch(clock)

    before = watch.admit()
    clock.now_s = TRIAL_INTERVAL_S

    assert [before, watch.admit(), watch.admit()] == [Passage.SHUT, Passage.TRIAL, Passage.SHUT]


def test_one_connection_opens_the_port_again() -> None:
    """A host that answers proves that the port is open, also while a trial is under way."""
    watch = doubtful_watch(Clock())
    watch.admit()
    watch.reached("mx.test")

    news = watch.end_trial(silent=True)

    assert (news, watch.shut, watch.admit()) == (False, False, Passage.OPEN)


def test_news_are_told_once() -> None:
    """Only the first silent trial is news, and the first host reached after it."""
    clock = Clock()
    watch = doubtful_watch(clock)

    watch.admit()
    silences = [watch.end_trial(silent=True)]
    clock.now_s = TRIAL_INTERVAL_S
    watch.admit()
    silences.append(watch.end_trial(silent=True))
    shut = watch.shut
    connections = [watch.reached("mx.test"), watch.reached("mx.test")]

    assert (silences, connections) == ([True, False], [True, False])
    assert (shut, watch.shut) == (True, False)


def test_the_last_hosts_reached_are_the_witnesses() -> None:
    """There are few of them, each once."""
    watch = PortWatch(clock=Clock())
    for number in (9, *range(WITNESSES_MAX), 0):
        watch.reached(f"mx{number}.test")

    last = [*range(1, WITNESSES_MAX), 0]
    assert watch.witnesses == tuple(f"mx{number}.test" for number in last)
