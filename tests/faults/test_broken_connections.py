"""Processes whose connections to Postgres and Redis break while they work, and who live on."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, NoReturn

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
# To connect alone takes some ten answers of Postgres and two of Redis: with fewer in between,
# nothing could ever be done.
ANSWERS_BETWEEN = {"postgres": (20, 80), "redis": (4, 12)}
# Here every connection of the pools is made anew; counted, not timed, for a machine that is busy.
ANSWERS_BETWEEN_BREAKS = 200

Trouble = Coroutine[Any, Any, NoReturn]


@dataclass
class Line:
    """A scene with a proxy before each of its servers."""

    scene: Scene
    postgres: Proxy
    redis: Proxy

    def proxy(self, name: str) -> Proxy:
        """Return the proxy before a server."""
        return {"postgres": self.postgres, "redis": self.redis}[name]

    async def play(self, trouble: Trouble) -> list[str]:
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
            async with self._trouble(trouble):
                await self.scene.shop(workspace.id).accept(
                    await self.scene.leads(workspace.id, LEADS),
                    job_types=(JOB_TYPE,),
                    webhook_url=self.scene.hook(workspace.id),
                    waterfall=STEPS,
                )
                async with asyncio.timeout(TOLD_S):
                    while not self.scene.inbox.of(str(workspace.id)):
                        await asyncio.sleep(0.02)
        return [
            *await self.scene.recover(),
            *await broken_jobs(self.scene, workspace.id, jobs=1, lookups=LEADS),
            *await broken_hooks(self.scene, workspace.id),
            *await self.scene.breaches(),
        ]

    @asynccontextmanager
    async def _trouble(self, trouble: Trouble) -> AsyncIterator[None]:
        """Make trouble meanwhile, and calm afterwards; trouble that fails ends everything."""
        try:
            async with asyncio.TaskGroup() as group:
                troubling = group.create_task(trouble)
                yield
                troubling.cancel()
        finally:
            self._calm()

    def _calm(self) -> None:
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


async def keep_losing(proxy: Proxy, between: tuple[int, int], random: Random) -> NoReturn:
    """Lose an answer, then requests and answers again and again."""
    loss = Loss.ANSWER
    while True:
        lost = proxy.lost_count
        proxy.watch(random.randint(*between), loss)
        while proxy.lost_count == lost:
            await asyncio.sleep(0.01)
        loss = random.choice(list(Loss))


async def keep_breaking(*proxies: Proxy) -> NoReturn:
    """Cut every connection, then reset every one, each time after the first was of some use."""
    while True:
        for end in (Proxy.cut, Proxy.reset):
            for proxy in proxies:
                end(proxy)
            proxies[0].watch()
            while proxies[0].answer_count < ANSWERS_BETWEEN_BREAKS:
                await asyncio.sleep(0.01)


async def keep_swallowing(proxy: Proxy) -> NoReturn:
    """Be a black hole for longer than the lease, then for as long none; connections stay open."""
    while True:
        proxy.passing.clear()
        await asyncio.sleep(HOLE_S)
        proxy.passing.set()
        await asyncio.sleep(HOLE_S)


async def stay_away(proxy: Proxy) -> NoReturn:
    """Be a black hole to the end."""
    proxy.passing.clear()
    while True:
        await asyncio.sleep(HOLE_S)


async def delay(*proxies: Proxy) -> NoReturn:
    """Take ten milliseconds for each chunk, to the end."""
    for proxy in proxies:
        proxy.delay_s = 0.01
    while True:
        await asyncio.sleep(HOLE_S)


async def fail() -> NoReturn:
    """Be a fault of the instrument's own."""
    raise ArithmeticError


async def test_a_worker_that_loses_the_database_while_it_stops_stops(line: Line) -> None:
    """It ends without an error; others take over what it could not give back."""
    settings = line.scene.settings.model_copy(update={"database_url": SecretStr(line.postgres.url)})
    async with app.worker(settings):
        line.postgres.refuse()
        line.postgres.cut()
    assert line.postgres.cut_count > 0


async def test_trouble_that_cannot_be_made_is_told(line: Line) -> None:
    """A job without trouble shows nothing."""
    with pytest.RaisesGroup(ArithmeticError):
        await line.play(fail())


@pytest.mark.timeout(150)
@pytest.mark.parametrize("server", ANSWERS_BETWEEN)
@pytest.mark.parametrize("seed", SEEDS)
async def test_answers_are_lost_all_the_time(line: Line, seed: int, server: str) -> None:
    """Whatever was done and not heard of, the job ends once and adds up."""
    proxy = line.proxy(server)
    random = Random(seed)  # noqa: S311 - repeatable, not secret

    assert await line.play(keep_losing(proxy, ANSWERS_BETWEEN[server], random)) == []
    assert proxy.lost[Loss.ANSWER] > 0


@pytest.mark.timeout(150)
@pytest.mark.parametrize(
    ("trouble", "servers", "counts"),
    [
        (keep_breaking, ("postgres", "redis"), ("cut_count", "reset_count")),
        (keep_swallowing, ("postgres",), ("swallowed_count",)),
        (keep_swallowing, ("redis",), ("swallowed_count",)),
        (stay_away, ("redis",), ("swallowed_count",)),
        (delay, ("postgres", "redis"), ("delayed_count",)),
    ],
    ids=["broken", "postgres-swallowed", "redis-swallowed", "redis-away", "delayed"],
)
async def test_connections_in_trouble(
    line: Line,
    trouble: Callable[..., Trouble],
    servers: tuple[str, ...],
    counts: tuple[str, ...],
) -> None:
    """Whatever becomes of the connections, the job ends once and adds up."""
    proxies = [line.proxy(server) for server in servers]

    assert await line.play(trouble(*proxies)) == []
    made = {
        (server, name): getattr(line.proxy(server), name) for server in servers for name in counts
    }
    assert 0 not in made.values(), made
