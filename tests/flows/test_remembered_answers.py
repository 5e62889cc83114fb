"""Memory: what was answered once is not paid for again, and says so; one asks for all who wait."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from service import app
from service.domain.claim import ToRemember
from service.domain.kinds import Kind
from service.domain.outcome import OutcomeName
from service.domain.waterfall import Step, Waterfall
from service.settings import MemorySettings, ProviderSettings, Settings
from service.store.memory import expire_answers, remember
from tests.flows.workshop import Workshop, open_workshop

SLUG = "findymail"
ALONE = Waterfall(Kind.FIND_EMAIL, (Step(SLUG),))
WAIT_S = 20.0


@dataclass
class Vendor:
    """A vendor that finds the address of everybody but of whom it is told it does not know."""

    asked: Counter[str] = field(default_factory=Counter)
    status: int = 200
    unknown: bool = False
    delay_s: float = 0.0

    async def answer(self, request: web.Request) -> web.Response:
        """Answer as told."""
        name = str((await request.json())["name"])
        self.asked[name] += 1
        await asyncio.sleep(self.delay_s)
        contact = {"name": name, "email": "nadia.okafor@brightwater.leadfall"}
        body = {"contact": None if self.unknown else contact}
        return web.json_response(body, status=self.status)


@dataclass
class Scene:
    """Two workspaces and one vendor."""

    pool: asyncpg.Pool
    settings: Settings
    vendor: Vendor
    shop: Workshop
    neighbour: Workshop

    async def run(
        self,
        *shops: Workshop,
        count: int = 1,
        settings: Settings | None = None,
        last_name: str = "Okafor",
        country: str | None = None,
    ) -> None:
        """Have one person looked up in each workspace, in so many leads, and wait for the end."""
        async with app.worker(settings or self.settings):
            for shop in shops:
                leads = await shop.add_leads(count)
                await self.pool.execute(
                    "update leads set last_name = $2, country = $3 where id = any($1)",
                    leads,
                    last_name,
                    country,
                )
                await shop.accept(leads, waterfall=ALONE)
            await self.until("not exists (select from jobs where finished_at is null)")

    async def until(self, condition: str) -> None:
        """Wait until an SQL condition holds."""
        async with asyncio.timeout(WAIT_S):
            while not await self.pool.fetchval(f"select {condition}"):
                await asyncio.sleep(0.02)

    async def accept_twin(self, waterfall: Waterfall) -> None:
        """Accept the same person in the second workspace, as one that was parked long ago."""
        leads = await self.neighbour.add_leads(1)
        await self.pool.execute("update leads set last_name = 'Okafor' where id = any($1)", leads)
        await self.neighbour.accept(leads, waterfall=waterfall)
        await self.pool.execute(
            "update lookups set first_parked_at = leadfall_now() - interval '1 hour'"
            " where state <> 'settled'"
        )

    async def calls(self) -> list[tuple[str, bool, int]]:
        """Return of each call its outcome, whether memory gave it, and what it cost."""
        rows = await self.pool.fetch(
            "select outcome, from_memory_at is not null, price_thousandths from calls"
            " order by lookup_id"
        )
        return [tuple(row) for row in rows]


@pytest.fixture
async def scene(pool: asyncpg.Pool, database_url: str, redis_url: str) -> AsyncIterator[Scene]:
    """A scene in which the vendor listens."""
    vendor = Vendor()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", vendor.answer)
    async with TestServer(application) as server:
        url = str(server.make_url("")).rstrip("/")
        settings = Settings(
            database_url=database_url,
            redis_url=redis_url,
            vendor_time_scale=0.01,
            providers={SLUG: ProviderSettings(api_key="key", base_url=url)},
        )
        yield Scene(pool, settings, vendor, await open_workshop(pool), await open_workshop(pool))


@pytest.mark.parametrize(("unknown", "outcome"), [(False, "found"), (True, "missing")])
async def test_what_the_operator_paid_for_is_shared(
    scene: Scene, *, unknown: bool, outcome: str
) -> None:
    """Another workspace gets the same answer from memory, and memory says when it was given."""
    scene.vendor.unknown = unknown

    await scene.run(scene.shop)
    await scene.run(scene.neighbour)

    (_, first_cached, _), second = await scene.calls()
    assert (first_cached, second) == (False, (outcome, True, 0))
    assert scene.vendor.asked.total() == 1
    assert await scene.pool.fetchval(
        "select c.from_memory_at = r.answered_at from calls c, remembered_answers r"
        " where c.from_memory_at is not null"
    )


async def test_what_the_vendor_is_not_told_makes_no_other_question(scene: Scene) -> None:
    """Nor does the way in which an accent is written."""
    await scene.run(scene.shop, last_name="\u00d6kafor", country="Nigeria")
    await scene.run(scene.neighbour, last_name="O\u0308kafor")

    assert [cached for _, cached, _ in await scene.calls()] == [False, True]


async def test_found_is_kept_longer_than_missing(scene: Scene) -> None:
    """Each has a lifetime of its own, and what is past it is asked for again."""
    await scene.run(scene.shop)
    days = "select round(extract(epoch from expires_at - answered_at) / 86400) from"
    assert await scene.pool.fetchval(f"{days} remembered_answers") == 30
    await scene.pool.execute("update remembered_answers set expires_at = answered_at")
    scene.vendor.unknown = True

    await scene.run(scene.neighbour)

    assert await scene.pool.fetchval(f"{days} remembered_answers") == 7
    assert [cached for _, cached, _ in await scene.calls()] == [False, False]


async def test_no_answer_is_not_remembered(scene: Scene) -> None:
    """A vendor that fails is asked again for the next one."""
    scene.vendor.status = 400
    await scene.run(scene.shop)
    scene.vendor.status = 200

    await scene.run(scene.neighbour)

    assert [cached for _, cached, _ in await scene.calls()] == [False, False]
    assert await scene.pool.fetchval("select count(*) from remembered_answers") == 1


async def test_memory_can_be_switched_off(scene: Scene) -> None:
    """Then every lookup asks for itself, and nothing is kept."""
    off = scene.settings.model_copy(update={"memory": MemorySettings(enabled=False)})

    await scene.run(scene.shop, settings=off)
    await scene.run(scene.neighbour, settings=off)

    assert scene.vendor.asked.total() == 2
    assert await scene.pool.fetchval("select count(*) from remembered_answers") == 0


async def test_one_asks_for_all_who_wait(scene: Scene) -> None:
    """Equal questions under way at the same time are one request."""
    scene.vendor.delay_s = 0.3

    await scene.run(scene.shop, scene.neighbour, count=5)

    assert scene.vendor.asked.total() == 1
    assert sorted(cached for _, cached, _ in await scene.calls()) == [False, *[True] * 9]


@pytest.mark.parametrize(
    "limited", [replace(ALONE, deadline_s=1.0), replace(ALONE, cost_max=0.01)], ids=["time", "cost"]
)
async def test_an_answer_that_is_there_is_within_every_ceiling(
    scene: Scene, limited: Waterfall
) -> None:
    """It costs nothing and takes no time, so a lead at its end has it all the same."""
    await scene.run(scene.shop)
    await scene.accept_twin(limited)

    async with app.worker(scene.settings):
        await scene.until("not exists (select from jobs where finished_at is null)")

    assert [(outcome, cached) for outcome, cached, _ in await scene.calls()] == [
        ("found", False),
        ("found", True),
    ]


async def test_what_is_answered_anew_does_not_expire(pool: asyncpg.Pool) -> None:
    """Nor does whoever takes out what is too old wait for that."""
    keys = [bytes([place]) * 32 for place in range(3)]
    await pool.execute(
        "insert into remembered_answers"
        " (key, scope, provider, capability, person, outcome, answered_at, expires_at)"
        " select key, 0, $2, 'find_email', 'p', 'missing', now(), now() - interval '1 day'"
        " from unnest($1::bytea[]) key",
        keys,
        SLUG,
    )
    anew = ToRemember(keys[1], 0, SLUG, "find_email", b"p", OutcomeName.MISSING, None, 1.0)

    async with pool.acquire() as answering, pool.acquire() as expiring:
        async with answering.transaction():
            await remember(answering, [anew])
            async with asyncio.timeout(WAIT_S):
                await expire_answers(expiring, len(keys))
        kept = await answering.fetch("select key from remembered_answers")

    assert [row["key"] for row in kept] == [keys[1]]
