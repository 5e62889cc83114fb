"""Gates that are shut: waiting for a vendor is on record and ends; for a key nobody waits."""

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
from tests.flows.workshop import open_workshop

SYNCHRONOUS, SUBMITTED = "findymail", "bettercontact"
SCALE = 0.02
# More than are asked about before the first answer.
LEADS = 600
CREDITS = 5_000
FINISHED_S = 20.0
# How long a lead may take where it waits for nobody: a claim, a look, and a settlement.
AT_ONCE_S = 5.0
BUSY = web.HTTPTooManyRequests, {"Retry-After": "600"}
REFUSED = web.HTTPUnauthorized, {}
OUT_OF_CREDIT = web.HTTPPaymentRequired, {}


@dataclass
class Vendor:
    """A vendor of both shapes that gives everybody the same answer."""

    answer: tuple[type[web.HTTPException], dict[str, str]] = BUSY
    asked: list[str] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        """Turn a request away."""
        self.asked.append(request.path)
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
            vendor_time_scale=SCALE,
            worker=WorkerSettings(drain_grace_s=0.1),
            providers={SYNCHRONOUS: reached, SUBMITTED: reached},
        )


def waiting_for(slug: str) -> Waterfall:
    """Return a waterfall of one step that waits where its gate is shut."""
    return Waterfall(Kind.FIND_EMAIL, (Step(slug, when_gate_shut="wait"),))


async def until(pool: asyncpg.Pool, condition: str) -> None:
    """Wait until an SQL condition holds; whoever waits for the gate looks at it meanwhile."""
    async with asyncio.timeout(FINISHED_S):
        while not await pool.fetchval(f"select {condition}"):
            await pool.execute(
                "update lookups set wake_at = leadfall_now() where state = 'waiting'"
            )
            await asyncio.sleep(0.05)


async def test_nobody_waits_for_ever_for_a_vendor(pool: asyncpg.Pool, settings: Settings) -> None:
    """After a quarter of an hour its leads end without an answer, and their credits are back."""
    shop = await open_workshop(pool, credits_granted=CREDITS)
    await shop.accept(await shop.add_leads(LEADS), waterfall=waiting_for(SYNCHRONOUS))

    async with app.worker(settings):
        await until(pool, f"count(*) = {LEADS} from calls where outcome is null")
        await pool.execute("update calls set intended_at = intended_at - interval '16 minutes'")
        await until(pool, "open_count = 0 from jobs")

    assert await shop.balance() == CREDITS
    waited = "select count(*) from calls where ask_count = 0 or reason = 'put_off_too_long'"
    assert await pool.fetchval(waited) > LEADS // 2


async def test_a_job_that_is_cancelled_waits_for_no_gate(
    pool: asyncpg.Pool, settings: Settings
) -> None:
    """What was never asked needs no answer."""
    shop = await open_workshop(pool, credits_granted=CREDITS)
    await shop.accept(await shop.add_leads(LEADS), waterfall=waiting_for(SYNCHRONOUS))

    async with app.worker(settings):
        await until(pool, "count(*) > 5 from calls where outcome is null and ask_count = 0")
        await pool.execute("update jobs set cancelled_at = leadfall_now()")
        await until(pool, "open_count = 0 from jobs")

    assert await pool.fetchval("select count(*) from lookups where outcome = 'cancelled'") > 5


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
