"""The worker process as a whole, over the sandbox's real HTTP, DNS and SMTP."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest
from pydantic import SecretStr

from providers.registry import all_providers
from providers.sandbox.expectation import expected
from providers.sandbox.sample import read_sample
from providers.sandbox.server import Sandbox, start_sandbox
from service import app
from service.domain.kinds import Capability, Kind
from service.domain.lead_input import LeadInput
from service.flows.accept_jobs import JobOrder, Order, Selection, accept_jobs
from service.flows.audit import audit
from service.flows.cancel_job import cancel_job
from service.flows.share_commits import SharedCommits
from service.settings import (
    DNSSettings,
    EgressSettings,
    ProviderSettings,
    Settings,
    SMTPSettings,
)
from service.store.connection import Connection
from service.store.waterfalls import keep_waterfall
from tests.flows.workshop import PUBLICATION, TYPES, Workshop, open_workshop

WAIT_S = 40.0


@dataclass
class Bench:
    """A workspace with the sample's people, beside a sandbox and the settings of a worker."""

    shop: Workshop
    settings: Settings
    sandbox: Sandbox
    leads: dict[int, LeadInput]

    async def accept(
        self, *names: str, lead_ids: list[int] | None = None, lead_events: bool = False
    ) -> None:
        """Accept jobs of these types over the leads."""
        chosen = lead_ids or list(self.leads)
        waterfalls = app.usable_waterfalls(self.settings)
        async with self.shop.pool.acquire() as connection:
            for waterfall in waterfalls.values():
                await keep_waterfall(connection, waterfall)

        async def select(_connection: Connection) -> Selection:
            return Selection(chosen, len(chosen) * len(names))

        jobs = tuple(JobOrder(TYPES[n], 6, waterfalls[TYPES[n].kind].version) for n in names)
        face = TYPES[names[0]].face
        order = Order(
            self.shop.workspace_id,
            face,
            "async",
            jobs,
            skip_filled=False,
            lead_events=lead_events,
        )
        await accept_jobs(SharedCommits(self.shop.pool), order, select, PUBLICATION)

    async def until(self, condition: str) -> None:
        """Wait until an SQL condition holds."""
        async with asyncio.timeout(WAIT_S):
            while not await self.shop.pool.fetchval(f"select {condition}"):
                await asyncio.sleep(0.02)

    async def finished(self) -> None:
        """Wait until every job has finished."""
        await self.until("not exists (select from jobs where finished_at is null)")


@pytest.fixture
async def bench(pool: asyncpg.Pool, database_url: str, redis_url: str) -> AsyncIterator[Bench]:
    """A bench whose leads are the sample's, in its order."""
    shop = await open_workshop(pool, credits_granted=100_000)
    sandbox = await start_sandbox()
    leads = {}
    for lead in read_sample():
        lead_id = await pool.fetchval(
            "insert into leads (workspace_id, first_name, last_name, company_name,"
            " company_domain, linkedin_url, email, email_source)"
            " values ($1, $2, $3, $4, $5, $6, $7::text, case when $7 is not null then 'given' end)"
            " returning id",
            shop.workspace_id,
            lead.first_name,
            lead.last_name,
            lead.company_name,
            lead.company_domain,
            lead.linkedin_url,
            lead.email,
        )
        leads[lead_id] = lead
    settings = Settings(
        database_url=database_url,
        redis_url=redis_url,
        lease_s=1,
        vendor_time_scale=0.01,
        providers={
            slug: ProviderSettings(api_key="sandbox", base_url=url)
            for slug, url in sandbox.base_urls.items()
        },
        egress=EgressSettings(allow="127.0.0.0/8"),
        dns=DNSSettings(servers="{}:{}".format(*sandbox.dns_address), timeout_s=0.5),
        smtp=SMTPSettings(port=sandbox.smtp_port, host_interval_s=0, step_timeout_s=1),
    )
    yield Bench(shop, settings, sandbox, leads)
    await sandbox.stop()


@pytest.mark.parametrize(
    "names",
    [
        ("FIND_EMAIL_WATERFALL",),
        ("FIND_PHONE",),
        ("email", "phoneEnrichment", "segGateway", "espDetection"),
    ],
    ids=" ".join,
)
async def test_every_sample_lead_comes_to_what_is_true(
    bench: Bench, names: tuple[str, ...]
) -> None:
    """Each lookup ends as the lead's own data implies, whatever steps that took."""
    waterfalls = app.usable_waterfalls(bench.settings)
    await bench.accept(*names)

    async with app.worker(bench.settings):
        await bench.finished()

    rows = await bench.shop.pool.fetch(
        "select j.kind, k.lead_id, k.outcome from lookups k join jobs j on j.id = k.job_id"
    )
    wanted = {
        (kind, lead_id): expected(lead, kind, waterfalls[kind].steps).outcome
        for kind in (TYPES[name].kind for name in names)
        for lead_id, lead in bench.leads.items()
    }
    assert wanted == {(Kind(r["kind"]), r["lead_id"]): r["outcome"] for r in rows}
    assert (
        await bench.shop.pool.fetchval(
            "select balance - (select sum(amount) from ledger) from workspaces"
        )
        == 0
    )
    assert repeats(bench.sandbox) == []


FAILING_ONCE_CLAIMED = """
    create sequence failures;
    create function fail() returns trigger language plpgsql as $$ begin
      perform nextval('failures');
      raise exception using errcode = 'query_canceled';
    end $$;
    create trigger fails before update of started_at on jobs for each row execute function fail()
"""


async def test_what_was_claimed_in_vain_is_claimed_again(bench: Bench) -> None:
    """The database fails between the claim of lookups and their start: nobody holds them then."""
    await bench.shop.pool.execute(FAILING_ONCE_CLAIMED)
    await bench.accept("FIND_EMAIL", lead_ids=list(bench.leads)[:5])

    async with app.worker(bench.settings):
        await bench.until("is_called from failures")
        await bench.shop.pool.execute("drop trigger fails on jobs")
        await bench.finished()

    assert await bench.shop.pool.fetchval("select count(*) from lookups") == 5


async def test_work_goes_on_without_redis(bench: Bench) -> None:
    """With nothing listening where Redis should be, accepted jobs still finish."""
    settings = bench.settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:9/0")})
    await bench.accept("segGateway")

    async with app.worker(settings):
        await bench.finished()
        await bench.accept("espDetection")
        await bench.finished()

    assert await bench.shop.pool.fetchval("select count(*) from jobs") == 2


async def test_cancelled_job_settles_and_tells_once(bench: Bench) -> None:
    """A cancelled job shows so at once; its open lookups are refunded and one event tells it."""
    await bench.accept("FIND_EMAIL_WATERFALL")
    public_id = await bench.shop.pool.fetchval("select public_id from jobs")

    job = await cancel_job(bench.shop.pool, bench.shop.workspace_id, "seleqt", public_id)
    async with app.worker(bench.settings):
        await bench.finished()

    assert job.status == "cancelled"
    assert await bench.shop.balance() == 100_000
    assert dict(
        await bench.shop.pool.fetch("select outcome, count(*) from lookups group by 1")
    ) == {"cancelled": 200}
    events = await bench.shop.pool.fetch("select type from events where type like 'enrichment.c%'")
    assert [event["type"] for event in events] == ["enrichment.cancelled"]
    assert await bench.shop.pool.fetchval("select count(*) from calls") == 0


async def test_job_cancelled_while_it_runs_ends_once_and_adds_up(bench: Bench) -> None:
    """What was asked before ends normally, the rest is refunded; no lead is told of twice."""
    await bench.accept("FIND_EMAIL_WATERFALL", lead_events=True)
    shop = bench.shop
    public_id = await shop.pool.fetchval("select public_id from jobs")

    async with app.worker(bench.settings):
        await bench.until("(select count(*) from lookups where outcome = 'found') > 5")
        job = await cancel_job(shop.pool, shop.workspace_id, "seleqt", public_id)
        await bench.finished()

    assert job.status == "cancelled"
    outcomes = dict(await shop.pool.fetch("select outcome, count(*) from lookups group by 1"))
    assert outcomes["found"] > 5
    assert outcomes["cancelled"] > 0
    assert await shop.balance() == 100_000 - 6 * outcomes["found"]
    events = dict(
        await shop.pool.fetch(
            "select type, count(*) from events where type <> 'enrichment.accepted' group by 1"
        )
    )
    assert events == {"enrichment.cancelled": 1, "credits.refunded": 1, "lead.enriched": 200}
    unpaid = await shop.pool.fetchval(
        "select count(*) from lookups k join calls c on c.lookup_id = k.id"
        " where k.outcome = 'cancelled' and c.outcome is null and c.ask_count > 0"
    )
    assert unpaid == 0
    assert (await audit(shop.pool, all_providers(), bench.settings.lease)).clean


async def test_worker_that_died_leaves_nothing_undone(bench: Bench) -> None:
    """Lookups that a dead worker held are run by the next one, and no paid call is repeated."""
    await bench.accept("FIND_EMAIL_WATERFALL")
    async with app.worker(bench.settings):
        await bench.until("(select count(*) from calls where outcome is not null) > 40")
    held = await bench.shop.pool.fetchval("select count(*) from lookups where state = 'running'")
    # Whatever a worker had claimed when it was killed: no beat comes any more.
    await bench.shop.pool.execute(
        "update lookups set state = 'running', owner = gen_random_uuid() where id in"
        " (select id from lookups where state = 'ready' limit 30)"
    )

    async with app.worker(bench.settings):
        await bench.finished()

    assert held == 0
    assert repeats(bench.sandbox) == []


def repeats(sandbox: Sandbox) -> list[tuple[str, str, str]]:
    """Return whom a vendor was asked about more often than its policy allows."""
    asked = Counter(
        (entry.vendor, entry.capability, entry.person)
        for entry in sandbox.books.entries(limit=1_000_000)
    )
    return [key for key, count in asked.items() if count > asks_max(*key[:2])]


def asks_max(slug: str, capability: str) -> int:
    """Return how often a vendor may be asked about one lookup."""
    provider = all_providers()[slug]
    offer = provider.offer(Capability(capability))
    return 1 if offer is None else provider.asks_max(offer)
