"""Late answers of submissions: written down and remembered, and never what a lookup goes by."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from providers.registry import all_providers
from service import app
from service.domain.claim import Claim
from service.domain.kinds import Capability
from service.domain.outcome import OutcomeName
from service.domain.question import SHARED, question_of
from service.domain.waterfall import Step, Waterfall
from service.flows.make_call import CallMaker
from service.flows.planned_call import PlannedCall
from service.flows.poll_submissions import LATE_EVERY_POLLS, LATE_PATIENCE_S, Poller
from service.flows.recorder import Recorder
from service.flows.run_waterfall import Ended, Policy, WaterfallRunner
from service.flows.settle_lookups import settle_lookups
from service.flows.submit_calls import Submitter
from service.flows.suppress_people import SuppressionList
from service.settings import ProviderSettings, Settings
from service.store.calls import read_trace
from service.store.memory import recall
from service.store.statements import load_statements
from tests.flows.workshop import FIND_EMAIL, PUBLICATION, Workshop, new_worker, open_workshop

SLUG = "bettercontact"
EMAIL = "nadia@brightwater.leadfall"
LEASE = timedelta(seconds=5)
SCALE = 0.01
WATERFALL = Waterfall(FIND_EMAIL.kind, (Step(SLUG),))
MEMORY_DAYS = {OutcomeName.FOUND: 30.0, OutcomeName.MISSING: 3.0}
POLL_EVERY_S = 20.0 * SCALE


@dataclass
class Vendor:
    """A vendor that works on whatever is submitted until it is told to be ready."""

    ready: bool = False
    polls: int = 0
    people: list[dict[str, Any]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        """Take a submission."""
        self.people = (await request.json())["data"]
        return web.json_response({"id": "task-1"}, status=201)

    async def show(self, _request: web.Request) -> web.Response:
        """Show what has come of it."""
        self.polls += 1
        rows = [
            {
                "custom_fields": [{"name": "row", "value": person["custom_fields"]["row"]}],
                "contact_email_address": EMAIL,
                "contact_email_address_status": "deliverable",
            }
            for person in self.people
        ]
        status = "terminated" if self.ready else "processing"
        return web.json_response({"id": "task-1", "status": status, "data": rows})


@dataclass
class Scene:
    """One worker, taken step by step, and its vendor."""

    shop: Workshop
    owner: UUID
    vendor: Vendor
    recorder: Recorder
    runner: WaterfallRunner
    submitter: Submitter
    poller: Poller

    async def submit_one(self) -> Claim:
        """Accept one lead and submit its lookup."""
        await self.shop.accept(await self.shop.add_leads(1), waterfall=WATERFALL)
        (claim,) = await self.shop.claim(self.owner)
        planned = await self.runner.run(claim, WATERFALL)
        assert isinstance(planned, PlannedCall)
        await self.submitter.submit([planned])
        return claim

    async def poll(self, *, late_s: float) -> None:
        """Poll what is open, so many seconds after its deadline."""
        await self.shop.pool.execute(
            "update submissions set poll_at = leadfall_now(),"
            " deadline_at = leadfall_now() - make_interval(secs => $1)"
            " where poll_at is not null",
            late_s,
        )
        await self.poller.begin_due()
        await self.poller.stop()

    async def run_again(self) -> Ended:
        """Run the lookup's next claim."""
        (claim,) = await self.shop.claim(self.owner)
        return await self.runner.run(claim, WATERFALL)

    async def settle(self) -> None:
        """Run the lookup's next claim, and settle what comes of it."""
        await settle_lookups(
            self.shop.pool,
            [await self.run_again()],  # type: ignore[list-item]  # a settlement, as it must be
            PUBLICATION,
            SuppressionList(None),
        )

    async def settled(self) -> list[Any]:
        """Return all that an answer must not change once the lookup went on."""
        queries = (
            "select outcome, value, reason, refunded from lookups",
            "select email, email_source, phone from leads",
            "select kind, amount from ledger order by 1, 2",
            "select balance from workspaces",
            "select type from events order by 1",
        )
        return [[tuple(row) for row in await self.shop.pool.fetch(query)] for query in queries]

    async def trace(self, claim: Claim) -> list[tuple[Any, ...]]:
        """Return what the lookup's trace shows."""
        async with self.shop.pool.acquire() as connection:
            steps = await read_trace(connection, claim.lookup_id)
        return [(step["provider"], step["outcome"], step["value"]) for step in steps]

    async def remembered(self, claim: Claim) -> Any:
        """Return the outcome that memory has for the lookup's question."""
        version = all_providers()[SLUG].version
        question = question_of(Capability.FIND_EMAIL, SLUG, version, SHARED, claim.lead)
        async with self.shop.pool.acquire() as connection:
            (answer,) = await recall(connection, [question])
        return answer and answer.outcome.name


@pytest.fixture
async def scene(pool: asyncpg.Pool, database_url: str, redis_url: str) -> AsyncIterator[Scene]:
    """A worker without loops of its own, and a vendor that is at it."""
    vendor, application = Vendor(), web.Application()
    application.router.add_post("/{path:.*}", vendor.take)
    application.router.add_get("/{path:.*}", vendor.show)
    owner, providers = await new_worker(pool), all_providers()
    suppressions = SuppressionList(None)
    async with TestServer(application) as server:
        url = str(server.make_url("")).rstrip("/")
        settings = Settings(
            database_url=database_url,
            redis_url=redis_url,
            vendor_time_scale=SCALE,
            providers={SLUG: ProviderSettings(api_key="key", base_url=url)},
        )
        recorder = Recorder(pool, LEASE, suppressions)
        policy = Policy(LEASE, 600.0, 3, {}, memory_days=MEMORY_DAYS)
        async with (
            app.smtp_prober(settings) as prober,
            app.provider_desk(settings, pool, owner, prober) as desk,
        ):
            await desk.gates.start()
            yield Scene(
                await open_workshop(pool),
                owner,
                vendor,
                recorder,
                WaterfallRunner(
                    desk,
                    recorder=recorder,
                    calls=CallMaker(desk, recorder, pool),
                    providers=providers,
                    policy=policy,
                ),
                Submitter(pool, desk, owner, LEASE),
                Poller(
                    pool,
                    desk,
                    providers,
                    owner,
                    LEASE,
                    suppressions,
                    answered=lambda: None,
                    memory_days=MEMORY_DAYS,
                ),
            )
            await recorder.drain()
            await desk.gates.stop()


async def test_a_late_answer_goes_to_trace_and_memory_only(scene: Scene) -> None:
    """The lookup ended without it and stays so, refunded; the next one profits."""
    claim = await scene.submit_one()
    await scene.poll(late_s=1)
    await scene.settle()
    before = await scene.settled()
    assert before[0] == [("no_answer", None, "deadline", 3)]
    assert await scene.trace(claim) == [(SLUG, None, None)]

    scene.vendor.ready = True
    await scene.poll(late_s=10)

    assert await scene.settled() == before
    assert [step[:2] for step in await scene.trace(claim)] == [(SLUG, "found")]
    assert await scene.remembered(claim) == OutcomeName.FOUND
    assert await scene.shop.pool.fetchval("select poll_at from submissions") is None


async def test_a_late_answer_does_not_bring_a_lookup_back(scene: Scene) -> None:
    """One that went on but has not ended yet goes on as if no answer had come."""
    claim = await scene.submit_one()
    await scene.poll(late_s=1)
    scene.vendor.ready = True
    await scene.poll(late_s=10)

    await scene.settle()

    assert (await scene.settled())[0] == [("no_answer", None, "deadline", 3)]
    assert [step[:2] for step in await scene.trace(claim)] == [(SLUG, "found")]


async def test_late_answers_are_asked_for_seldom_and_not_for_ever(scene: Scene) -> None:
    """A poll in many intervals; when the patience is over the call ends as what it came to."""
    claim = await scene.submit_one()
    await scene.poll(late_s=1)
    wait_s = await scene.shop.pool.fetchval(
        "select extract(epoch from poll_at - leadfall_now())::float8 from submissions"
    )
    assert wait_s == pytest.approx(POLL_EVERY_S * LATE_EVERY_POLLS, abs=1)

    await scene.poll(late_s=LATE_PATIENCE_S * SCALE + 1)
    polls = scene.vendor.polls
    await scene.poll(late_s=LATE_PATIENCE_S * SCALE + 2)

    assert scene.vendor.polls == polls
    assert await scene.trace(claim) == [(SLUG, "no_answer", None)]


async def test_a_person_erased_meanwhile_is_not_brought_back(scene: Scene) -> None:
    """What was under way when its person was erased leaves neither a trace nor a memory."""
    claim = await scene.submit_one()
    await scene.poll(late_s=1)
    await scene.settle()
    async with scene.shop.pool.acquire() as connection:
        await connection.execute(load_statements("erasure")["scrub_calls"], [claim.lookup_id])

    scene.vendor.ready = True
    await scene.poll(late_s=10)

    assert await scene.trace(claim) == [(SLUG, "interrupted", None)]
    assert await scene.remembered(claim) is None
