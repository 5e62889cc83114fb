"""The windows of a vendor's limits, as rates, and the name under which all processes share them."""

from dataclasses import replace

import pytest

from providers.contract import Limits
from providers.registry import all_providers
from service.domain.pacing import Schedule
from service.flows.request_pace import budget_name, rates_of

LIMITS = Limits(requests_per_minute=10, concurrency=1, requests_per_hour=12, requests_per_day=50)
REQUESTS = 120


@pytest.mark.parametrize(("window_s", "requests"), [(60.0, 10), (3_600.0, 12), (86_400.0, 50)])
def test_each_window_is_kept(window_s: float, requests: int) -> None:
    schedule, now_s = Schedule(rates_of(LIMITS, time_scale=1.0), first_at_s=0.0), 0.0
    sent_s = []
    for _ in range(REQUESTS):
        now_s = schedule.take(now_s)
        sent_s.append(now_s)

    for number, first_s in enumerate(sent_s[:-requests]):
        assert sent_s[number + requests] - first_s > window_s


@pytest.mark.parametrize("other", [{"requests_per_hour": 13}, {"requests_per_day": None}])
def test_limits_that_differ_are_not_shared(other: dict[str, int | None]) -> None:
    provider = all_providers()["neverbounce"]

    names = {budget_name(provider, "key", each) for each in (LIMITS, replace(LIMITS, **other))}

    assert len(names) == 2
