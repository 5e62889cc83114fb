"""A commit whose answer is lost counts once, whichever of a flow's statements it was."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from random import Random

import pytest
from pydantic import SecretStr

from service.errors import KeyInProgress
from service.store.transient import TRANSIENT
from tests.faults.crash.catalogue import FLOWS
from tests.faults.crash.scene import Scene, open_scene
from tests.faults.proxy import Loss, Proxy, ends_postgres_answer

# `make faults` loses every answer of every flow.
EVERY = bool(os.environ.get("FAULT_EVERY_POINT"))
LOSSES_MAX = None if EVERY else 6
# Each is lost, but for the last where a flow that sends side by side needs one answer less.
NOT_LOST_MAX = 1
# A worker that lives on is looked at as a whole, in `test_broken_connections`.
CALLED = [name for name in FLOWS if name not in {"run", "submit"}]


@dataclass
class Losing:
    """Loses one request or answer of a flow, or only counts its answers."""

    proxy: Proxy
    number: int | None = None
    loss: Loss = Loss.ANSWER
    counted: int = 0

    def arm(self) -> None:
        """Begin to count."""
        self.proxy.watch(self.number, self.loss)

    def disarm(self) -> None:
        """Lose nothing more."""
        self.counted = self.proxy.answer_count
        self.proxy.watch()


@pytest.fixture
async def scene(database_url: str, redis_url: str) -> AsyncIterator[Scene]:
    """An installation whose connections to Postgres break."""
    async with open_scene(database_url, redis_url) as opened:
        yield opened


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[Proxy]:
    """What stands before Postgres."""
    async with Proxy(database_url, ends_postgres_answer) as listening:
        yield listening


async def lose(scene: Scene, name: str, losing: Losing) -> object:
    """Run a flow through the proxy and do as its caller does; return its plan."""
    flow = FLOWS[name]
    plan = await flow.prepare(scene, Random("plan 0"))  # noqa: S311 - repeatable, not secret
    url = SecretStr(losing.proxy.url)
    settings = scene.settings.model_copy(update={"database_url": url})
    try:
        await flow.run(settings, plan, losing)
    except (*TRANSIENT, KeyInProgress):
        # An API answers 503 or 409 to it, a loop turns again; nothing else may come out.
        losing.disarm()
    return plan


@pytest.mark.timeout(300)
@pytest.mark.parametrize("loss", Loss)
@pytest.mark.parametrize("name", CALLED)
async def test_loss_at_each_statement(scene: Scene, proxy: Proxy, name: str, loss: Loss) -> None:
    """Asked again by whoever got no answer, each thing has happened once."""
    counting = Losing(proxy)
    plans = [await lose(scene, name, counting)]
    step = max(1, counting.counted // LOSSES_MAX) if LOSSES_MAX else 1
    numbers = range(1, counting.counted + 1, step)
    assert numbers, "no answer passed through the proxy"
    # From the last to the first, as with crash points.
    for number in reversed(numbers):
        plans.append(await lose(scene, name, Losing(proxy, number, loss)))  # noqa: PERF401 - awaits

    for plan in plans:
        await FLOWS[name].after(scene, plan)
    assert await scene.recover() == []

    broken = [await FLOWS[name].broken(scene, plan) for plan in plans]
    assert [each for each in broken if each] == []
    assert await scene.breaches() == []
    assert proxy.lost_count >= len(numbers) - NOT_LOST_MAX
