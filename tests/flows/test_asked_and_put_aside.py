"""What may be paid for already stays on record, whatever comes between it and its answer."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from service import app
from service.domain.kinds import Kind
from service.domain.waterfall import Step, Waterfall
from service.settings import ProviderSettings, Settings, WorkerSettings
from tests.flows.workshop import TYPES, open_workshop

FINISHED_S, SOON_S = 30.0, 0.2
NOBODY = "http://127.0.0.1:1"
SLOW, OTHER = "slow@brightwater.leadfall", "other@brightwater.leadfall"


@dataclass
class Vendor:
    """Speaks as Hunter and as Findymail do.

    Attributes:
        asked: whom it was asked about; `first` is set with the first.
    """

    asked: list[str] = field(default_factory=list)
    first: asyncio.Event = field(default_factory=asyncio.Event)

    async def verify(self, request: web.Request) -> web.Response:
        """Work on one address, and throttle whoever asks about another."""
        email = request.query["email"]
        self.asked.append(email)
        self.first.set()
        if email == SLOW:
            return web.json_response({}, status=202)
        return web.json_response({}, status=403, headers={"Retry-After": "60"})

    async def find(self, request: web.Request) -> web.Response:
        """Take one question without an answer, and throttle all others for long."""
        name = (await request.json())["name"]
        if not self.asked:
            self.asked.append(name)
            self.first.set()
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({}, status=429, headers={"Retry-After": "600"})


@pytest.fixture
async def vendor() -> Vendor:
    """The vendor."""
    return Vendor()


@pytest.fixture
async def settings(database_url: str, redis_url: str, vendor: Vendor) -> AsyncIterator[Settings]:
    """A worker with keys of the vendor."""
    application = web.Application()
    application.router.add_get("/{path:.*}", vendor.verify)
    application.router.add_post("/{path:.*}", vendor.find)
    async with TestServer(application) as server:
        reached = ProviderSettings(api_key="key", base_url=str(server.make_url("")).rstrip("/"))
        yield Settings(
            database_url=database_url,
            redis_url=redis_url,
            lease_s=1,
            providers={"hunter": reached, "findymail": reached},
        )


def impatient(settings: Settings, slug: str, base_url: str) -> Settings:
    """Return settings by which no vendor is waited for, with a key of one that is there."""
    return settings.model_copy(
        update={
            "providers": {slug: ProviderSettings(api_key="key", base_url=base_url)},
            "worker": WorkerSettings(gate_patience_s=0.01),
        }
    )


async def turn_away(_: web.Request) -> web.Response:
    """Throttle everybody, for no time."""
    return web.json_response({}, status=429, headers={"Retry-After": "0"})


async def test_what_the_vendor_works_on_stays_asked_where_the_gate_shuts(
    pool: asyncpg.Pool, settings: Settings, vendor: Vendor
) -> None:
    """It may be paid for, and its lead's deadline ends it as a call of which nobody knows."""
    shop = await open_workshop(pool)
    slow, other = await shop.add_leads(2)
    for lead_id, email in ((slow, SLOW), (other, OTHER)):
        await pool.execute(
            "update leads set email = $2, email_source = 'given' where id = $1", lead_id, email
        )
    step = Step("hunter", when_gate_shut="wait")
    short, long = (
        Waterfall(Kind.VERIFY_EMAIL, (step,), deadline_s=deadline_s) for deadline_s in (5.0, None)
    )
    async with app.worker(settings), asyncio.timeout(FINISHED_S):
        await shop.accept([slow], job_types=[TYPES["email"]], waterfall=short)
        await vendor.first.wait()
        await shop.accept([other], job_types=[TYPES["email"]], waterfall=long)
        while not await pool.fetchval("select outcome from lookups where lead_id = $1", slow):
            await asyncio.sleep(0.02)
        asked = await pool.fetchrow(
            "select c.outcome, c.reason, c.ask_count"
            " from calls c join lookups l on l.id = c.lookup_id where l.lead_id = $1",
            slow,
        )

    assert tuple(asked) == ("interrupted", "lead_deadline", 1)


async def test_what_was_asked_and_passed_over_is_interrupted(
    pool: asyncpg.Pool, settings: Settings, vendor: Vendor
) -> None:
    """Nobody knows what the vendor did; the trace says so, and why it was not asked again."""
    shop = await open_workshop(pool)
    waterfall = Waterfall(Kind.FIND_EMAIL, (Step("findymail", when_gate_shut="skip"),))
    async with app.worker(settings), asyncio.timeout(FINISHED_S):
        (taken,) = await shop.add_leads(1)
        await shop.accept([taken], waterfall=waterfall)
        await vendor.first.wait()
        await shop.accept(await shop.add_leads(1), waterfall=waterfall)
        while await pool.fetchval("select count(*) from jobs where finished_at is null"):
            await asyncio.sleep(0.02)

    trace = await pool.fetchrow(
        "select c.outcome, c.reason, l.outcome as ended, l.refunded = j.price as refunded"
        " from calls c join lookups l on l.id = c.lookup_id join jobs j on j.id = l.job_id"
        " where l.lead_id = $1",
        taken,
    )
    assert tuple(trace) == ("interrupted", "gate_shut:throttled", "no_answer", True)


@pytest.mark.parametrize("slug", ["leadmagic", "bettercontact"])
async def test_whom_a_vendor_turned_away_to_the_end_it_was_not_asked_about(
    pool: asyncpg.Pool, settings: Settings, slug: str
) -> None:
    """Where its word is believed, alone and in a submission: nothing of that is in doubt."""
    shop = await open_workshop(pool)
    leads = await shop.add_leads(1)
    await pool.execute("update leads set linkedin_url = 'https://www.linkedin.com/in/nadia'")
    steps = (Step(slug, deadline_s=SOON_S, when_gate_shut="wait"),)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", turn_away)
    async with TestServer(application) as server:
        worker = app.worker(impatient(settings, slug, str(server.make_url("")).rstrip("/")))
        async with worker, asyncio.timeout(FINISHED_S):
            await shop.accept(
                leads, job_types=[TYPES["FIND_PHONE"]], waterfall=Waterfall(Kind.FIND_PHONE, steps)
            )
            while not await pool.fetchval("select outcome from lookups"):
                await asyncio.sleep(0.02)

    call = await pool.fetchrow("select outcome, reason, ask_count from calls")
    assert tuple(call) == ("no_answer", "throttled", 0)


async def test_what_a_vendor_that_is_down_never_took_was_not_asked(
    pool: asyncpg.Pool, settings: Settings
) -> None:
    """Else equal questions would be counted as asked in vain, and asked as often at once."""
    shop = await open_workshop(pool)
    steps = (Step("findymail", deadline_s=SOON_S, when_gate_shut="wait"),)
    await shop.accept(await shop.add_leads(1), waterfall=Waterfall(Kind.FIND_EMAIL, steps))

    async with app.worker(impatient(settings, "findymail", NOBODY)), asyncio.timeout(FINISHED_S):
        while not await pool.fetchval("select outcome from lookups"):
            await asyncio.sleep(0.02)

    call = await pool.fetchrow("select outcome, reason, ask_count from calls")
    assert tuple(call) == ("no_answer", "vendor_down", 0)
