"""Equal questions of many leads at a vendor that loses answers, or hangs."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import REGISTRY

from service import app
from service.domain.kinds import Kind
from service.domain.waterfall import Step, Waterfall
from service.settings import ProviderSettings, Settings, WorkerSettings
from tests.flows.workshop import TYPES, Workshop, open_workshop

# A phone costs too much there to be asked for again where nobody knows of the first request.
SLUG = "leadmagic"
WATERFALL = Waterfall(Kind.FIND_PHONE, (Step(SLUG, deadline_s=20.0),))
EQUAL, OTHERS = 60, 5
CREDITS = 100_000
# A number of no country, which is no answer.
UNPLACED = "2071838750"
# Longer than those who look for an answer at one moment take to be asked about.
ANSWER_AFTER_S = 0.3
FINISHED_S = 30.0
PASSED = "leadfall_gate_wait_seconds_count"


@dataclass
class Vendor:
    """A vendor that knows everybody's number.

    Attributes:
        number: what it says that it is.
        cuts: of so many requests it cuts the connection instead of answering.
        held: requests about this profile are held until they may go on.
        asked: how often it was asked about each profile.
        met: of each request, how many it was working on and how many were over.
    """

    held: str
    number: str = "+442071838750"
    cuts: int = 0
    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)
    asked: Counter[str] = field(default_factory=Counter)
    met: list[tuple[int, int]] = field(default_factory=list)
    over: int = 0

    async def take(self, request: web.Request) -> web.Response:
        """Take a request, and answer it if it may."""
        profile = str((await request.json())["profile_url"])
        self.met.append((self.asked.total() - self.over, self.over))
        self.asked[profile] += 1
        try:
            return await self.answer(request, profile, is_cut=self.asked.total() <= self.cuts)
        finally:
            self.over += 1

    async def answer(self, request: web.Request, profile: str, *, is_cut: bool) -> web.Response:
        """Answer, if it may."""
        await (self.may_go_on.wait() if profile == self.held else asyncio.sleep(0))
        if is_cut and request.transport is not None:
            request.transport.abort()
        await asyncio.sleep(ANSWER_AFTER_S)
        return web.json_response({"mobile_number": self.number})


@pytest.fixture
def vendor() -> Vendor:
    """The vendor."""
    return Vendor(held=profile_of(0))


@pytest.fixture
async def settings(database_url: str, redis_url: str, vendor: Vendor) -> AsyncIterator[Settings]:
    """A worker with a key of the vendor."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", vendor.take)
    async with TestServer(application) as server:
        url = str(server.make_url("")).rstrip("/")
        yield Settings(
            database_url=database_url,
            redis_url=redis_url,
            vendor_time_scale=0.02,
            worker=WorkerSettings(drain_grace_s=0.1),
            providers={SLUG: ProviderSettings(api_key="key", base_url=url)},
        )
        vendor.may_go_on.set()


async def accept(pool: asyncpg.Pool, shop: Workshop, *profiles: str) -> None:
    """Accept a job over leads with these profiles."""
    leads = await shop.add_leads(len(profiles))
    await pool.execute(
        "update leads l set linkedin_url = b.profile"
        " from unnest($1::bigint[], $2::text[]) as b(id, profile) where l.id = b.id",
        leads,
        profiles,
    )
    await shop.accept(leads, job_types=[TYPES["FIND_PHONE"]], waterfall=WATERFALL)


def profile_of(number: int) -> str:
    """Return the profile of one of many people."""
    return f"https://linkedin.com/in/person-{number}"


async def until(pool: asyncpg.Pool, condition: str) -> None:
    """Wait until an SQL condition holds."""
    async with asyncio.timeout(FINISHED_S):
        while not await pool.fetchval(f"select {condition}"):
            await asyncio.sleep(0.02)


async def test_a_lost_answer_costs_one_more_ask(
    pool: asyncpg.Pool, settings: Settings, vendor: Vendor
) -> None:
    """Of all who followed the one whose end nobody knows, one asks, and the others follow that."""
    vendor.cuts = 1
    shop = await open_workshop(pool, credits_granted=CREDITS)
    await accept(pool, shop, *[vendor.held] * EQUAL)

    async with app.worker(settings):
        await until(pool, f"count(*) = {EQUAL - 1} from lookups where state = 'waiting'")
        vendor.may_go_on.set()
        await until(pool, "open_count = 0 from jobs")

    outcomes = await pool.fetch("select outcome, count(*)::int from lookups group by 1 order by 1")
    assert vendor.asked.total() == 2
    assert [tuple(row) for row in outcomes] == [("found", EQUAL - 1), ("no_answer", 1)]


async def test_what_nobody_can_read_is_asked_in_rounds(
    pool: asyncpg.Pool, settings: Settings, vendor: Vendor
) -> None:
    """Twice as many at once in each: equal lookups soon end, and few are paid for at first."""
    vendor.number = UNPLACED
    vendor.may_go_on.set()
    shop = await open_workshop(pool, credits_granted=CREDITS)
    await accept(pool, shop, *[vendor.held] * EQUAL)

    async with app.worker(settings):
        await until(pool, "open_count = 0 from jobs")

    assert await pool.fetchval("select array_agg(distinct outcome) from lookups") == ["no_answer"]
    assert len(vendor.met) == EQUAL
    assert [met for met in vendor.met if met[0] >= max(1, met[1])] == []


async def test_who_follows_takes_no_place_at_the_gate(
    pool: asyncpg.Pool, settings: Settings, vendor: Vendor
) -> None:
    """However many ask what is being asked, the vendor's rate is for what is sent to it."""
    passed_before = REGISTRY.get_sample_value(PASSED, {"provider": SLUG}) or 0
    shop, neighbour = [await open_workshop(pool, credits_granted=CREDITS) for _ in range(2)]
    await accept(pool, shop, vendor.held)

    async with app.worker(settings):
        await until(pool, "count(*) = 1 from calls")
        await accept(pool, shop, *[vendor.held] * EQUAL)
        await accept(pool, neighbour, *map(profile_of, range(1, OTHERS + 1)))
        await until(pool, f"count(*) = {EQUAL} from lookups where first_parked_at is not null")
        await until(pool, f"open_count = 0 from jobs where workspace_id = {neighbour.workspace_id}")
        # They look again.
        await pool.execute("update lookups set first_parked_at = null where state <> 'settled'")
        await until(pool, f"count(*) = {EQUAL} from lookups where first_parked_at is not null")
        vendor.may_go_on.set()
        await until(pool, "sum(open_count) = 0 from jobs")

    passed = (REGISTRY.get_sample_value(PASSED, {"provider": SLUG}) or 0) - passed_before
    assert passed == vendor.asked.total() == 1 + OTHERS
