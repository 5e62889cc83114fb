"""Processes whose connections to Postgres and Redis break while they work, and who live on."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from random import Random

import pytest
from pydantic import SecretStr

from service import app
from service.domain.waterfall import Step, Waterfall
from tests.faults.crash.flows.jobs import broken_hooks, broken_jobs
from tests.faults.crash.scene import Scene, open_scene
from tests.faults.proxy import Loss, Proxy, ends_postgres_answer, ends_redis_answer
from tests.flows.workshop import TYPES

LEADS = int(os.environ.get("FAULT_LOSING_LEADS", "60"))
SEEDS = range(int(os.environ.get("FAULT_LOSING_SEEDS", "1")))
JOB_TYPE = TYPES["FIND_EMAIL_WATERFALL"]
STEPS = Waterfall(JOB_TYPE.kind, (Step("hunter"), Step("findymail"), Step("enrow")))
TOLD_S = 60.0
# Longer than the lease of a scene.
HOLE_S = 1.0
# To connect alone takes some ten answers: with fewer in between, nothing could ever be done.
ANSWERS_BETWEEN = (20, 80)


@dataclass
class Line:
    """A scene with a proxy before each of its servers."""

    scene: Scene
    postgres: Proxy
    redis: Proxy

    async def play(self, trouble: Callable[[], Awaitable[None]]) -> list[str]:
        """Run a job to its last webhook while there is trouble; return what is broken."""
        settings = self.scene.settings.model_copy(
            update={
                "database_url": SecretStr(self.postgres.url),
                "redis_url": SecretStr(self.redis.url),
            }
        )
        workspace = await self.scene.workspace()
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(app.worker(settings))
            await stack.enter_async_context(app.dispatcher(settings))
            troubling = asyncio.ensure_future(trouble())
            await self.scene.shop(workspace.id).accept(
                await self.scene.leads(workspace.id, LEADS),
                job_types=(JOB_TYPE,),
                webhook_url=self.scene.hook(workspace.id),
                waterfall=STEPS,
            )
            async with asyncio.timeout(TOLD_S):
                while not self.scene.inbox.of(str(workspace.id)):
                    await asyncio.sleep(0.02)
            troubling.cancel()
            await asyncio.gather(troubling, return_exceptions=True)
            self.calm()
        return [
            *await self.scene.recover(),
            *await broken_jobs(self.scene, workspace.id, jobs=1, lookups=LEADS),
            *await broken_hooks(self.scene, workspace.id),
            *await self.scene.breaches(),
        ]

    def calm(self) -> None:
        """Let everything through again."""
        for proxy in (self.postgres, self.redis):
            proxy.watch()
            proxy.delay_s = 0.0
            proxy.passing.set()


@pytest.fixture
async def line(database_url: str, redis_url: str) -> AsyncIterator[Line]:
    """An installation behind proxies that pass everything on."""
    async with (
        open_scene(database_url, redis_url) as scene,
        Proxy(database_url, ends_postgres_answer) as postgres,
        Proxy(redis_url, ends_redis_answer) as redis,
    ):
        yield Line(scene, postgres, redis)


async def keep_losing(proxy: Proxy, random: Random) -> None:
    """Lose a request or an answer again and again."""
    while True:
        lost = proxy.lost_count
        proxy.watch(random.randint(*ANSWERS_BETWEEN), random.choice(list(Loss)))
        while proxy.lost_count == lost:
            await asyncio.sleep(0.01)


async def keep_cutting(*proxies: Proxy) -> None:
    """Reset every connection a few times a second."""
    while True:
        await asyncio.sleep(0.3)
        for proxy in proxies:
            proxy.cut()


async def keep_swallowing(proxy: Proxy) -> None:
    """Be a black hole for longer than the lease, then for as long none; connections stay open."""
    while True:
        proxy.passing.clear()
        await asyncio.sleep(HOLE_S)
        proxy.passing.set()
        await asyncio.sleep(HOLE_S)


async def stay_away(proxy: Proxy) -> None:
    """Be a black hole to the end."""
    proxy.passing.clear()
    await asyncio.Event().wait()


async def delay(*proxies: Proxy) -> None:
    """Take ten milliseconds for each chunk, to the end."""
    for proxy in proxies:
        proxy.delay_s = 0.01
    await asyncio.Event().wait()


async def test_a_worker_that_loses_the_database_while_it_stops_stops(line: Line) -> None:
    """It ends without an error; others take over what it could not give back."""
    settings = line.scene.settings.model_copy(update={"database_url": SecretStr(line.postgres.url)})
    async with app.worker(settings):
        line.postgres.refuse()
        line.postgres.cut()


@pytest.mark.timeout(150)
@pytest.mark.parametrize("seed", SEEDS)
async def test_answers_of_postgres_are_lost_all_the_time(line: Line, seed: int) -> None:
    """Whatever commit was not heard of, the job ends once and adds up."""
    losing = partial(keep_losing, line.postgres, Random(seed))  # noqa: S311 - repeatable

    assert await line.play(losing) == []
    assert line.postgres.lost_count > 0


@pytest.mark.timeout(150)
@pytest.mark.parametrize(
    ("trouble", "which"),
    [
        (keep_cutting, ("postgres", "redis")),
        (keep_swallowing, ("postgres",)),
        (keep_swallowing, ("redis",)),
        (stay_away, ("redis",)),
        (delay, ("postgres", "redis")),
    ],
    ids=["cut", "postgres-swallowed", "redis-swallowed", "redis-away", "delayed"],
)
async def test_connections_in_trouble(
    line: Line, trouble: Callable[..., Awaitable[None]], which: tuple[str, ...]
) -> None:
    """Whatever becomes of the connections, the job ends once and adds up."""
    proxies = [getattr(line, name) for name in which]

    assert await line.play(partial(trouble, *proxies)) == []
