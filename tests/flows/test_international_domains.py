"""Addresses at international domains: asked about in ASCII, recognised in either spelling."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import asyncpg
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from service import app
from service.domain.kinds import Kind
from service.domain.waterfall import Step, Waterfall
from service.settings import ProviderSettings, Settings
from tests.flows.workshop import TYPES, open_workshop

GIVEN, ASCII = "jane@bücher.example", "jane@xn--bcher-kva.example"
SLUGS = ("neverbounce", "leadmagic", "dropcontact")
WAIT_S = 20.0


@dataclass
class Vendor:
    """Three verifiers in one, each of which calls every address deliverable."""

    told: list[str] = field(default_factory=list)

    async def check(self, request: web.Request) -> web.Response:
        """Answer as NeverBounce does."""
        self.told.append(request.query["email"])
        return web.json_response({"status": "success", "result": "valid"})

    async def validate(self, request: web.Request) -> web.Response:
        """Answer as LeadMagic does."""
        self.told.append((await request.json())["email"])
        return web.json_response({"email": self.told[-1], "email_status": "valid"})

    async def take(self, request: web.Request) -> web.Response:
        """Take a batch as Dropcontact does."""
        self.rows = (await request.json())["data"]
        self.told += [row["email"] for row in self.rows]
        return web.json_response({"success": True, "request_id": "batch"})

    async def show(self, _request: web.Request) -> web.Response:
        """Show the batch, its addresses spelled in Unicode."""
        found = [{"email": GIVEN, "qualification": "nominative@pro"}]
        data = [row | {"email": found} for row in self.rows]
        return web.Response(body=orjson.dumps({"success": True, "data": data}))


@pytest.fixture
async def vendor() -> AsyncIterator[tuple[Vendor, str]]:
    """The verifiers, and where they listen."""
    vendor = Vendor()
    application = web.Application()
    application.router.add_get("/single/check", vendor.check)
    application.router.add_post("/v1/people/email-validation", vendor.validate)
    application.router.add_post("/enrich/all", vendor.take)
    application.router.add_get("/enrich/all/batch", vendor.show)
    async with TestServer(application) as server:
        yield vendor, str(server.make_url("")).rstrip("/")


@pytest.mark.parametrize("slug", SLUGS)
async def test_a_vendor_is_asked_about_the_ascii_spelling(
    pool: asyncpg.Pool, database_url: str, redis_url: str, vendor: tuple[Vendor, str], slug: str
) -> None:
    """Whether asked at once or by the batch; the lead keeps the spelling it was given."""
    settings = Settings(
        database_url=database_url,
        redis_url=redis_url,
        vendor_time_scale=0.01,
        providers={slug: ProviderSettings(api_key="key", base_url=vendor[1])},
    )
    shop = await open_workshop(pool)
    leads = await shop.add_leads(1)
    await pool.execute(
        "update leads set email = $1, email_parses = true, email_source = 'given'", GIVEN
    )

    async with app.worker(settings):
        waterfall = Waterfall(Kind.VERIFY_EMAIL, (Step(slug),))
        await shop.accept(
            leads, job_types=(TYPES["email"],), waterfall=waterfall, skip_filled=False
        )
        async with asyncio.timeout(WAIT_S):
            while await pool.fetchval("select exists (select from jobs where finished_at is null)"):
                await asyncio.sleep(0.02)

    assert vendor[0].told == [ASCII]
    assert await pool.fetchval("select outcome from lookups") == "found"
    assert await pool.fetchval("select email from leads") == GIVEN
