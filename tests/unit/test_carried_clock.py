"""The database's time, carried forward."""

from datetime import UTC, datetime, timedelta

from service.domain.carried_clock import CarriedClock


def test_time_goes_on_from_what_the_database_told() -> None:
    """After a look at the database, the clock runs by the monotonic one, whatever the host says."""
    ticks = iter([5.0, 10.0, 12.5, 12.5])
    clock = CarriedClock(monotonic=lambda: next(ticks))
    told = datetime(2001, 1, 1, tzinfo=UTC)

    clock.observe(told)

    assert told + timedelta(seconds=2.5) == clock.now()
    assert told.timestamp() + 2.5 == clock.now_s()
