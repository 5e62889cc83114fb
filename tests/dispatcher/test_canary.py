"""The operator's own receiver tells whose fault it is that nobody answers."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from prometheus_client import REGISTRY

Start = Callable[..., Awaitable[Any]]


@pytest.mark.parametrize(
    ("canary_status", "attempts", "unsent", "failures"),
    [(204, 1, 0, 1), (503, 0, 1, 0)],
    ids=["it answers", "it does not"],
)
async def test_receivers_are_blamed_only_while_the_canary_answers(
    *,
    world: Any,
    receive: Start,
    dispatch: Start,
    closed_port: int,
    canary_status: int,
    attempts: int,
    unsent: int,
    failures: int,
) -> None:
    """A refused connection is the receiver's fault, unless our own receiver is away as well."""
    canary = await receive(canary_status)
    endpoint_id = await world.add_endpoint(f"http://127.0.0.1:{closed_port}/")
    await dispatch(canary_url=canary.url)
    [event_id] = await world.publish()

    await world.eventually(lambda: _tried(world, event_id))

    delivery = await world.delivery(event_id)
    assert (delivery["attempt_count"], delivery["unsent_claim_count"]) == (attempts, unsent)
    assert (await world.endpoint(endpoint_id))["failure_count"] == failures


@pytest.mark.parametrize(("status", "said", "gauge"), [(204, "pass", 1.0), (500, "fail", 0.0)])
async def test_health_and_metrics_show_the_canary(
    *, world: Any, receive: Start, dispatch: Start, status: int, said: str, gauge: float
) -> None:
    """The dispatcher's health fails while its canary does not answer."""
    canary = await receive(status)
    dispatcher = await dispatch(canary_url=canary.url)
    await world.eventually(lambda: _called(canary))
    # It says that all is well until it knows better, and the metric is of the last that ran before.
    await world.eventually(lambda: _tells(dispatcher, said, gauge))

    assert [check.name for check in dispatcher.checks()] == ["canary"]


async def test_without_a_canary_there_is_nothing_to_check(dispatch: Start) -> None:
    """No canary, no check: receivers are to blame for what they do not answer."""
    assert (await dispatch()).checks() == ()


async def _tried(world: Any, event_id: Any) -> bool:
    delivery = await world.delivery(event_id)
    return bool(delivery["attempt_count"] + delivery["unsent_claim_count"])


async def _tells(dispatcher: Any, said: str, gauge: float) -> bool:
    measured = REGISTRY.get_sample_value("leadfall_canary_ok")
    return bool(dispatcher.checks()[0].status == said and measured == gauge)


async def _called(canary: Any) -> bool:
    return bool(canary.bodies)
