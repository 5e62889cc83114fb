"""Own keys: a workspace's jobs go to its provider with its key, and never together with others'."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.fernet import Fernet

from service import app
from service.domain.kinds import Kind
from service.domain.waterfall import Step, Waterfall
from service.edges.secret_box import provider_purpose
from service.flows.accept_jobs import JobOrder, Order, Selection, accept_jobs
from service.flows.share_commits import SharedCommits
from service.settings import ProviderSettings, Settings
from service.store.connection import Connection
from service.store.provider_keys import keep_provider_key
from service.store.waterfalls import keep_waterfall
from tests.flows.workshop import PUBLICATION, TYPES, Workshop, open_workshop

SLUG = "bettercontact"
ALONE = Waterfall(Kind.FIND_EMAIL, (Step(SLUG),))
WAIT_S = 20.0


@dataclass
class Vendor:
    """Whose leads it was sent with which key, and the keys it was read with."""

    names: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    read_with: set[str] = field(default_factory=set)

    async def answer(self, request: web.Request) -> web.Response:
        """Take any submission; every answer is empty."""
        key = request.headers["X-API-Key"]
        if request.method == "POST":
            rows = (await request.json())["data"]
            self.names[key] |= {row["company_domain"] for row in rows}
            return web.json_response({"success": True, "id": key, "message": ""}, status=201)
        self.read_with.add(key)
        return web.json_response({"id": key, "status": "terminated", "data": []})


@pytest.fixture
async def vendor() -> AsyncIterator[tuple[Vendor, str]]:
    """The vendor and its address."""
    told = Vendor()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", told.answer)
    async with TestServer(application) as server:
        yield told, str(server.make_url("")).rstrip("/")


async def order(shop: Workshop, domain: str, own: str | None) -> None:
    """Have five people of a company looked up, with the workspace's own key or the operator's."""
    leads = await shop.add_leads(5)
    await shop.pool.execute("update leads set company_domain = $1", domain)

    async def select(connection: Connection) -> Selection:
        await keep_waterfall(connection, ALONE)
        return Selection(leads, len(leads))

    job = JobOrder(TYPES["FIND_EMAIL"], 0 if own else 3, ALONE.version, own)
    await accept_jobs(
        SharedCommits(shop.pool),
        Order(shop.workspace_id, job.job_type.face, "async", (job,), skip_filled=False),
        select,
        PUBLICATION,
    )


async def open_shop(pool: asyncpg.Pool, settings: Settings, name: str) -> None:
    """Open a workspace with a key of its own, and have its leads looked up with it."""
    shop = await open_workshop(pool)
    purpose = provider_purpose(shop.workspace_id, SLUG)
    async with pool.acquire() as connection:
        await keep_provider_key(
            connection,
            shop.workspace_id,
            SLUG,
            ciphertext=app.secret_box(settings).seal(purpose, f"key-of-{name}"),
            hint="",
            check_result="works",
        )
    await order(shop, f"{name}.leadfall", SLUG)


async def finish(pool: asyncpg.Pool, settings: Settings) -> None:
    """Have one worker run every job to its end."""
    async with app.worker(settings), asyncio.timeout(WAIT_S):
        while await pool.fetchval("select exists (select from jobs where finished_at is null)"):
            await asyncio.sleep(0.02)


async def test_each_key_is_sent_its_own_leads_alone(
    pool: asyncpg.Pool, database_url: str, redis_url: str, vendor: tuple[Vendor, str]
) -> None:
    """Leads that wait for the same provider at the same moment are gathered by key, not across."""
    told, url = vendor
    settings = Settings(
        database_url=database_url,
        redis_url=redis_url,
        vendor_time_scale=0.01,
        secret_keys=Fernet.generate_key().decode(),
        providers={SLUG: ProviderSettings(api_key="key-of-operator", base_url=url)},
    )
    await open_shop(pool, settings, "one")
    await open_shop(pool, settings, "two")
    await order(await open_workshop(pool), "operator.leadfall", None)

    await finish(pool, settings)

    assert told.names == {
        "key-of-one": {"one.leadfall"},
        "key-of-two": {"two.leadfall"},
        "key-of-operator": {"operator.leadfall"},
    }
    assert told.read_with == set(told.names)
    assert await pool.fetchval("select count(*) from ledger where kind = 'charge'") == 1
