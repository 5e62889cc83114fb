"""Noticing that nothing gets out on the mail port."""

from service.edges.port_watch import SILENT_HOSTS_MAX, TRIAL_INTERVAL_S, PortWatch


class Clock:
    """A clock that is set by hand."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def shut_watch(clock: Clock) -> PortWatch:
    """Return a watch that has seen one silent host too many."""
    watch = PortWatch(clock=clock)
    for number in range(SILENT_HOSTS_MAX):
        watch.stayed_silent(f"mx{number}.test")
    return watch


def test_one_dead_host_does_not_shut_the_port() -> None:
    """The same host staying silent again and again says nothing about the port."""
    watch = PortWatch(clock=Clock())
    watch.stayed_silent("mx.test")
    watch.stayed_silent("mx.test")

    assert watch.may_dial()


def test_a_shut_port_is_tried_now_and_then() -> None:
    """While the port counts as shut, one dial per interval goes through."""
    clock = Clock()
    watch = shut_watch(clock)

    before = watch.may_dial()
    clock.now_s = TRIAL_INTERVAL_S

    assert (before, watch.may_dial(), watch.may_dial()) == (False, True, False)


def test_one_connection_opens_the_port_again() -> None:
    """A host that answers proves that the port is open."""
    watch = shut_watch(Clock())
    watch.connected()

    assert watch.may_dial()


def test_news_are_told_once() -> None:
    """Only the host that shows the port to be shut is news, and the first one reached after it."""
    watch = PortWatch(clock=Clock())

    silences = [watch.stayed_silent(f"mx{n}.test") for n in range(SILENT_HOSTS_MAX + 2)]
    shut = watch.shut
    connections = [watch.connected(), watch.connected()]

    assert [n for n, news in enumerate(silences) if news] == [SILENT_HOSTS_MAX - 1]
    assert (connections, shut, watch.shut) == ([True, False], True, False)
