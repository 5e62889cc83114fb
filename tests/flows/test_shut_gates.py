"""Gates that are shut: waiting for a vendor has an end, and for a key nobody waits."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from functools import partial

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from service import app
from service.domain.kinds import Kind
from service.domain.waterfall import Step, Waterfall, WhenGateShut
from service.settings import ProviderSettings, Settings, WorkerSettings
from tests.flows.workshop import TYPES, open_workshop

SYNCHRONOUS, SUBMITTED = "findymail", "bettercontact"
# One that may be asked so seldom that leads have their turns long after they could have given up.
PACED, PACED_SCALE, PACED_LEADS = "leadmagic", 0.2, 200
SCALE = 0.02
# More than are asked about before the first answer.
LEADS = 600
CREDITS = 5_000
FINISHED_S = 20.0
PATIENCE_S = 1.0
# How long a lead may take where it waits for nobody: a claim, a look, and a settlement.
AT_ONCE_S = 5.0
BUSY = web.HTTPTooManyRequests, {"Retry-After": "600"}
ANSWER = {
    "email": "nadia@brightwater.leadfall",
    "phone": "+442071838750",
    "status": "valid",
}
LUCKY, UNLUCKY, NOBODY = (f"https://linkedin.com/in/{name}" for name in ("lu", "un", "nobody"))
REFUSED = web.HTTPUnauthorized, {}
OUT_OF_CREDIT = web.HTTPPaymentRequired, {}


@dataclass
class Vendor:
    """A vendor of both shapes that turns the first `turns_away` requests away.

    Attributes:
        turned_away: where it is named, requests that name it are turned away, and no others.
    """

    answer: tuple[type[web.HTTPException], dict[str, str]] = BUSY
    turns_away: float = math.inf
    turned_away: str | None = None
    asked: list[str] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        """Turn a request away, or answer it."""
        self.asked.append(request.path)
        if self.turned_away is None:
            is_turned_away = len(self.asked) <= self.turns_away
        else:
            is_turned_away = self.turned_away in await request.text()
        if not is_turned_away:
            return web.json_response(ANSWER)
        error, headers = self.answer
        raise error(headers=headers, text="{}", content_type="application/json")


@pytest.fixture
def vendor() -> Vendor:
    """The vendor, busy for ten minutes."""
    return Vendor()


@pytest.fixture
async def settings(database_url: str, redis_url: str, vendor: Vendor) -> AsyncIterator[Settings]:
    """A worker with keys of the vendor."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", vendor.take)
    async with TestServer(application) as server:
        reached = ProviderSettings(api_key="key", base_url=str(server.make_url("")).rstrip("/"))
        yield Settings(
            database_url=database_url,
            redis_url=redis_url,
            lease_s=1,
            vendor_time_scale=SCALE,
            worker=WorkerSettings(drain_grace_s=0.1, gate_patience_s=PATIENCE_S),
            providers=dict.fromkeys((SYNCHRONOUS, SUBMITTED, PACED), reached),
        )


def waiting_for(slug: str, when_shut: WhenGateShut = "wait") -> Waterfall:
    """Return a waterfall of one step, which waits where its gate is shut."""
    return Waterfall(Kind.FIND_EMAIL, (Step(slug, when_gate_shut=when_shut),))


async def until(pool: asyncpg.Pool, condition: str) -> None:
    """Wait until an SQL condition holds."""
    async with asyncio.timeout(FINISHED_S):
        while not await pool.fetchval(f"select {condition}"):
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("slug", [SYNCHRONOUS, SUBMITTED])
@pytest.mark.parametrize(
    ("when_shut", "reason"), [("wait", "put_off_too_long"), ("skip", "gate_shut:throttled")]
)
async def test_nobody_waits_for_ever_for_a_vendor(
    pool: asyncpg.Pool, settings: Settings, slug: str, when_shut: WhenGateShut, reason: str
) -> None:
    """One that answers nobody is not waited for as long as it asks for; credits are back then."""
    shop = await open_workshop(pool, credits_granted=CREDITS)
    await shop.accept(await shop.add_leads(LEADS), waterfall=waiting_for(slug, when_shut))

    async with app.worker(settings):
        await until(pool, "open_count = 0 from jobs")

    assert await shop.balance() == CREDITS
    passed_over = await pool.fetchval("select count(*) from calls where reason = $1", reason)
    assert passed_over > LEADS // 2


@pytest.mark.parametrize("slug", [SYNCHRONOUS, SUBMITTED])
@pytest.mark.parametrize("asked_for_s", ["1", "600"])
async def test_a_lead_that_waits_for_its_first_step_has_its_deadline(
    pool: asyncpg.Pool, settings: Settings, vendor: Vendor, slug: str, asked_for_s: str
) -> None:
    """Nothing of it is on record, and yet it ends in time, however patient the worker is."""
    vendor.answer = web.HTTPTooManyRequests, {"Retry-After": asked_for_s}
    patient = settings.model_copy(update={"worker": WorkerSettings(drain_grace_s=0.1)})
    waterfall = replace(waiting_for(slug), deadline_s=PATIENCE_S)
    shop = await open_workshop(pool, credits_granted=CREDITS)
    await shop.accept(await shop.add_leads(LEADS), waterfall=waterfall)

    async with app.worker(patient):
        await until(pool, "open_count = 0 from jobs")

    assert await shop.balance() == CREDITS
    ended = await pool.fetchval("select count(*) from calls where reason = 'lead_deadline'")
    assert ended > LEADS // 2


@pytest.mark.parametrize("when_shut", ["skip", "wait"])
async def test_a_vendor_that_answers_again_is_not_given_up(
    pool: asyncpg.Pool, settings: Settings, vendor: Vendor, when_shut: WhenGateShut
) -> None:
    """Whoever met a shut gate and then waits for a turn may wait for that as long as all others."""
    vendor.answer, vendor.turns_away = (web.HTTPTooManyRequests, {"Retry-After": "1"}), 1
    paced = settings.model_copy(update={"vendor_time_scale": PACED_SCALE})
    shop = await open_workshop(pool, credits_granted=CREDITS)
    waterfall = waiting_for(PACED, when_shut)
    await shop.accept(await shop.add_leads(PACED_LEADS), waterfall=waterfall)

    began_at = time.monotonic()
    async with app.worker(paced):
        await until(pool, "open_count = 0 from jobs")
    lasted_s = time.monotonic() - began_at

    outcomes = await pool.fetch("select distinct outcome from lookups")
    assert [row["outcome"] for row in outcomes] == ["found"]
    assert lasted_s > 2 * PATIENCE_S


async def test_a_lead_is_not_given_up_while_others_are_answered(
    pool: asyncpg.Pool, settings: Settings, vendor: Vendor
) -> None:
    """Turned away twice, twenty minutes apart, it is asked about again: the vendor is there."""
    vendor.answer, vendor.turned_away = (web.HTTPTooManyRequests, {"Retry-After": "1"}), UNLUCKY
    patient = settings.model_copy(update={"worker": WorkerSettings(drain_grace_s=0.1)})
    shop = await open_workshop(pool, credits_granted=CREDITS)
    lucky, unlucky = await shop.add_leads(2)
    await pool.execute("update leads set linkedin_url = $2 where id = $1", lucky, LUCKY)
    await pool.execute("update leads set linkedin_url = $2 where id = $1", unlucky, UNLUCKY)
    step = Step(SYNCHRONOUS, deadline_s=1.0, when_gate_shut="wait")
    waterfall = Waterfall(Kind.FIND_PHONE, (step,))
    accept = partial(shop.accept, job_types=[TYPES["FIND_PHONE"]], waterfall=waterfall)

    async with app.worker(patient):
        await accept([unlucky])
        await until(pool, "count(*) = 1 from calls where ask_count = 0")
        await accept([lucky])
        await until(pool, f"outcome = 'found' from lookups where lead_id = {lucky}")
        await pool.execute(
            "update calls set intended_at = intended_at - interval '20 minutes'"
            " where outcome is null"
        )
        asked = len(vendor.asked)
        async with asyncio.timeout(FINISHED_S):
            while len(vendor.asked) < asked + 2:
                await asyncio.sleep(0.02)
        vendor.turned_away = NOBODY
        await until(pool, f"outcome is not null from lookups where lead_id = {unlucky}")

    assert await pool.fetchval("select array_agg(distinct outcome) from lookups") == ["found"]


async def test_a_job_that_is_cancelled_waits_for_no_gate(
    pool: asyncpg.Pool, settings: Settings
) -> None:
    """What was never asked needs no answer."""
    patient = settings.model_copy(update={"worker": WorkerSettings(drain_grace_s=0.1)})
    shop = await open_workshop(pool, credits_granted=CREDITS)
    await shop.accept(await shop.add_leads(LEADS), waterfall=waiting_for(SYNCHRONOUS))

    async with app.worker(patient):
        await until(pool, f"count(*) = {LEADS} from lookups where state = 'waiting'")
        await pool.execute("update jobs set cancelled_at = leadfall_now()")
        await pool.execute("update lookups set wake_at = leadfall_now() where state = 'waiting'")
        await until(pool, f"count(*) >= {LEADS // 2} from lookups where outcome = 'cancelled'")


@pytest.mark.parametrize("slug", [SYNCHRONOUS, SUBMITTED])
@pytest.mark.parametrize("answer", [REFUSED, OUT_OF_CREDIT], ids=["refused", "out of credit"])
async def test_a_key_that_cannot_be_used_is_out_at_once(
    pool: asyncpg.Pool,
    settings: Settings,
    vendor: Vendor,
    slug: str,
    answer: tuple[type[web.HTTPException], dict[str, str]],
) -> None:
    """Not even a step that would wait for its vendor waits for it; it is told of once."""
    vendor.answer = answer
    shop = await open_workshop(pool, credits_granted=CREDITS)
    await shop.accept(await shop.add_leads(LEADS), waterfall=waiting_for(slug))

    async with app.worker(settings), asyncio.timeout(AT_ONCE_S):
        while await pool.fetchval("select open_count > 0 from jobs"):
            await asyncio.sleep(0.02)

    reasons = await pool.fetch("select reason, count(*) from calls group by reason")
    assert await shop.balance() == CREDITS
    assert {row["reason"].removeprefix("gate_shut:") for row in reasons} == {
        "credentials_rejected" if answer is REFUSED else "out_of_credit"
    }
    assert await pool.fetchval("select count(*) from provider_outages") == 1
    assert len(vendor.asked) < LEADS // 2
