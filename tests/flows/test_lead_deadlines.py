"""A lead's deadline holds wherever it stands in line, and whoever it ends for asked nobody."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from providers.contract import Throttled
from service import app
from service.domain.claim import Settlement
from service.domain.kinds import JobType, Kind
from service.domain.outcome import OutcomeName
from service.domain.waterfall import Step, Waterfall
from service.flows.make_call import CallMaker, Refused
from service.flows.planned_call import PlannedCall
from service.settings import ProviderSettings, Settings, WorkerSettings
from service.store.calls import Grant
from tests.flows.submitting import SLUG as SUBMITTED_SLOWLY
from tests.flows.submitting import open_scene
from tests.flows.workshop import FIND_EMAIL, TYPES, Workshop, open_workshop

# Five of the first's requests may be under way at once, and one of the second's.
SYNCHRONOUS, PLACES = "prospeo", 5
SUBMITTED = "icypeas"
VERIFY_EMAIL = TYPES["email"]
DEADLINE_S, LEADS, LONG_S = 0.5, 20, 60.0
FINISHED_S = 15.0
ENDED = "count(*) from calls where reason = 'lead_deadline' and ask_count = 0"


@dataclass
class Vendor:
    """A vendor that answers nobody until it is told to."""

    asked: int = 0
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, _: web.Request) -> web.Response:
        """Take a request and hang."""
        self.asked += 1
        await self.may_answer.wait()
        return web.json_response({"error": True, "error_code": "NO_MATCH"})


@pytest.fixture
async def vendor() -> Vendor:
    """The vendor."""
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
            vendor_time_scale=0.02,
            worker=WorkerSettings(drain_grace_s=0.1),
            providers=dict.fromkeys((SYNCHRONOUS, SUBMITTED), reached),
        )
        vendor.may_answer.set()


def within(deadline_s: float | None, slug: str, kind: Kind = Kind.FIND_EMAIL) -> Waterfall:
    """Return a waterfall of one step that gives each lead so long."""
    return Waterfall(kind, (Step(slug, deadline_s=FINISHED_S),), deadline_s=deadline_s)


async def until(pool: asyncpg.Pool, condition: str) -> None:
    """Wait until an SQL condition holds."""
    async with asyncio.timeout(FINISHED_S):
        while not await pool.fetchval(f"select {condition}"):
            await asyncio.sleep(0.02)


async def submit_one(pool: asyncpg.Pool, shop: Workshop, vendor: Vendor, job_type: JobType) -> None:
    """Have one lead, which has no deadline, submitted to the vendor that hangs."""
    leads = await shop.add_leads(1)
    await pool.execute(
        "update leads set email = 'nadia@brightwater.leadfall', email_source = 'given'"
    )
    waterfall = within(None, SUBMITTED, job_type.kind)
    await shop.accept(leads, job_types=[job_type], waterfall=waterfall)
    async with asyncio.timeout(FINISHED_S):
        while not vendor.asked:
            await asyncio.sleep(0.02)


async def test_a_lead_in_line_for_a_place_has_its_deadline(
    pool: asyncpg.Pool, settings: Settings, vendor: Vendor
) -> None:
    """Those whom the vendor took wait for its answer; the others end, and were asked of nobody."""
    shop = await open_workshop(pool)
    waterfall = within(DEADLINE_S, SYNCHRONOUS)
    await shop.accept(await shop.add_leads(LEADS), waterfall=waterfall)

    async with app.worker(settings):
        await until(pool, f"(select {ENDED}) = {LEADS - PLACES}")
        assert vendor.asked == PLACES
        vendor.may_answer.set()
        await until(pool, "open_count = 0 from jobs")

    outcomes = await pool.fetch("select outcome, count(*)::int from lookups group by 1 order by 1")
    assert [tuple(row) for row in outcomes] == [("missing", PLACES), ("no_answer", LEADS - PLACES)]
    assert vendor.asked == PLACES


@pytest.mark.parametrize(
    "before", [FIND_EMAIL, VERIFY_EMAIL], ids=["in line for a submission", "in line for a place"]
)
async def test_a_lead_in_line_to_be_submitted_has_its_deadline(
    pool: asyncpg.Pool, settings: Settings, vendor: Vendor, before: JobType
) -> None:
    """Behind a submission that the vendor does not answer, or at the gate which that one holds."""
    shop = await open_workshop(pool)

    async with app.worker(settings):
        await submit_one(pool, shop, vendor, before)
        leads = await shop.add_leads(LEADS)
        await shop.accept(leads, waterfall=within(DEADLINE_S, SUBMITTED))
        await until(pool, f"(select {ENDED}) = {LEADS}")

    assert vendor.asked == 1


async def test_the_time_in_line_counts_where_the_gate_shuts(
    pool: asyncpg.Pool, database_url: str, redis_url: str
) -> None:
    """Whoever is sent away from a line has what is left of its deadline, and not another one."""
    waterfall = Waterfall(Kind.FIND_EMAIL, (Step(SUBMITTED_SLOWLY),), deadline_s=LONG_S)
    async with open_scene(pool, database_url, redis_url, job_type=FIND_EMAIL) as scene:
        await scene.shop.accept(await scene.shop.add_leads(1), waterfall=waterfall)
        (claim,) = await scene.shop.claim(scene.owner)
        planned = await scene.runner.run(claim, waterfall)
        assert isinstance(planned, PlannedCall)
        gate = scene.submitter.desk.gate(planned.provider, planned.credential, "find_email")
        gate.note_fault(Throttled(retry_after_s=LONG_S), 0.0)

        long_ago = planned.planned_at - LONG_S
        await scene.submitter.submit([replace(planned, planned_at=long_ago)])
        await pool.execute("update lookups set state = 'ready', wake_at = null")

        (claim,) = await scene.shop.claim(scene.owner)
        ended = await scene.runner.run(claim, waterfall)

    assert isinstance(ended, Settlement)
    assert (ended.outcome, ended.reason) == (OutcomeName.NO_ANSWER, "lead_deadline")


async def test_a_time_in_line_counts_once(
    pool: asyncpg.Pool, database_url: str, redis_url: str
) -> None:
    """Also of whoever left one line and was turned away at the end of the next."""
    step = Step(SUBMITTED_SLOWLY, when_gate_shut="wait")
    waterfall = Waterfall(Kind.FIND_EMAIL, (step,), deadline_s=LONG_S)
    async with open_scene(pool, database_url, redis_url, job_type=FIND_EMAIL) as scene:
        await scene.shop.accept(await scene.shop.add_leads(1), waterfall=waterfall)
        scene.vendor.status = 429
        for leave_line in (scene.submitter.let_go, scene.submitter.submit):
            (claim,) = await scene.shop.claim(scene.owner)
            planned = await scene.runner.run(claim, waterfall)
            assert isinstance(planned, PlannedCall)
            waited = replace(planned, planned_at=planned.planned_at - 0.6 * LONG_S)
            await leave_line([waited])
            await pool.execute("update lookups set state = 'ready', wake_at = null")

        (claim,) = await scene.shop.claim(scene.owner)
        ended = await scene.runner.run(claim, waterfall)

    # The second wait is in the past of the call alone: by the clock but one has passed.
    assert not isinstance(ended, Settlement)


@pytest.mark.parametrize("is_submitted", [True, False], ids=["submitted", "asked at once"])
async def test_the_time_in_line_counts_where_another_asks_the_same(
    pool: asyncpg.Pool, database_url: str, redis_url: str, *, is_submitted: bool
) -> None:
    """Whoever follows an equal question at the end of a line has what is left of its deadline."""
    waterfall = Waterfall(Kind.FIND_EMAIL, (Step(SUBMITTED_SLOWLY),), deadline_s=LONG_S)
    async with open_scene(pool, database_url, redis_url, job_type=FIND_EMAIL) as scene:
        lead_ids = await scene.shop.add_leads(1)
        await scene.shop.accept(lead_ids, waterfall=waterfall)
        (claim,) = await scene.shop.claim(scene.owner)
        planned = await scene.runner.run(claim, waterfall)
        assert isinstance(planned, PlannedCall)
        await scene.submit_one()
        waited = replace(planned, planned_at=planned.planned_at - LONG_S)

        if is_submitted:
            await scene.submitter.submit([waited])
        else:
            maker = CallMaker(scene.submitter.desk, scene.recorder, pool)
            assert await maker.make(waited) == Refused(Grant.FOLLOW)
        await pool.execute(
            "update lookups set state = 'ready', owner = null, wake_at = null where lead_id = $1",
            lead_ids[0],
        )
        (claim,) = await scene.shop.claim(scene.owner)
        ended = await scene.runner.run(claim, waterfall)

    assert isinstance(ended, Settlement)
    assert (ended.outcome, ended.reason) == (OutcomeName.NO_ANSWER, "lead_deadline")


async def test_the_time_in_line_for_a_slot_does_not_count(
    pool: asyncpg.Pool, vendor: Vendor, settings: Settings
) -> None:
    """A worker whose slots are all in use holds up leads that it has made ready, and ends none."""
    shop = await open_workshop(pool)
    one_slot = WorkerSettings(drain_grace_s=0.1, concurrency=1)
    held = Waterfall(Kind.FIND_EMAIL, (Step(SYNCHRONOUS, deadline_s=FINISHED_S),))
    first, second = await shop.add_leads(2)
    await shop.accept([first], waterfall=held)

    async with app.worker(settings.model_copy(update={"worker": one_slot})):
        async with asyncio.timeout(FINISHED_S):
            while not vendor.asked:
                await asyncio.sleep(0.02)
        await shop.accept([second], waterfall=within(DEADLINE_S, SYNCHRONOUS))
        await until(pool, "count(*) = 2 from lookups where state = 'running'")
        # Longer than the deadline: that it does not end is seen by nothing else.
        await asyncio.sleep(2 * DEADLINE_S)
        vendor.may_answer.set()
        await until(pool, "sum(open_count) = 0 from jobs")

    assert vendor.asked == 2
    assert await pool.fetchval(f"select {ENDED}") == 0
