"""A verdict that comes by submission is believed only of the address that was submitted."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from service import app
from service.domain.kinds import Kind
from service.domain.waterfall import Step, Waterfall
from service.settings import ProviderSettings, Settings
from tests.flows.workshop import TYPES, open_workshop

WAIT_S = 20.0
ASKED = "nadia@brightwater.leadfall"


@dataclass
class Vendor:
    """It calls every address good, and names the one it is told to.

    It speaks as Icypeas, which gives our references back, and as Enrow, which gives none.
    """

    named: str = ASKED
    references: list[str] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        """Take a submission."""
        body = await request.json()
        self.references = body.get("custom", {}).get("externalIds", [])
        return web.json_response({"success": True, "file": "1", "id": "1"})

    async def show_items(self, _request: web.Request) -> web.Response:
        """Show what has come of it, as Icypeas does."""
        emails = [{"email": self.named, "certainty": "ultra_sure"}]
        items = [
            {"status": "FOUND", "userData": {"externalId": each}, "results": {"emails": emails}}
            for each in self.references
        ]
        return web.json_response({"success": True, "items": items})

    async def show_results(self, _request: web.Request) -> web.Response:
        """Show the same as Enrow does."""
        results = [{"index": "0", "email": self.named, "qualification": "valid"}]
        return web.json_response({"general": {"status": "completed"}, "results": results})


@pytest.fixture
async def vendor() -> AsyncIterator[tuple[Vendor, str]]:
    """The vendor and its address."""
    vendor, application = Vendor(), web.Application()
    application.router.add_post("/bulk-single-searchs/read", vendor.show_items)
    application.router.add_post("/{path:.*}", vendor.take)
    application.router.add_get("/{path:.*}", vendor.show_results)
    async with TestServer(application) as server:
        yield vendor, str(server.make_url("")).rstrip("/")


@pytest.mark.parametrize(
    "told",
    [
        ("icypeas", ASKED.upper(), ("found", None, 0)),
        ("icypeas", "bob@brightwater.leadfall", ("no_answer", "broken_answer", 3)),
        ("enrow", ASKED.upper(), ("found", None, 0)),
        ("enrow", "bob@brightwater.leadfall", ("no_answer", "unnamed_row", 3)),
    ],
)
async def test_a_verdict_on_another_address_is_not_charged(
    pool: asyncpg.Pool,
    database_url: str,
    redis_url: str,
    vendor: tuple[Vendor, str],
    told: tuple[str, str, tuple[Any, ...]],
) -> None:
    asked, url = vendor
    slug, asked.named, ended = told
    shop = await open_workshop(pool)
    lead = await pool.fetchval(
        "insert into leads (workspace_id, email, email_parses, email_source)"
        " values ($1, $2, true, 'given') returning id",
        shop.workspace_id,
        ASKED,
    )
    settings = Settings(
        database_url=database_url,
        redis_url=redis_url,
        vendor_time_scale=0.01,
        providers={slug: ProviderSettings(api_key="key", base_url=url)},
    )
    waterfall = Waterfall(Kind.VERIFY_EMAIL, (Step(slug),))

    async with app.worker(settings):
        await shop.accept(
            [lead], job_types=(TYPES["email"],), waterfall=waterfall, skip_filled=False
        )
        await _finished(pool)

    row = await pool.fetchrow("select outcome, reason, refunded from lookups")
    assert ended == tuple(row)


async def _finished(pool: asyncpg.Pool) -> None:
    """Wait until the job is."""
    async with asyncio.timeout(WAIT_S):
        while await pool.fetchval("select exists (select from jobs where finished_at is null)"):
            await asyncio.sleep(0.02)
