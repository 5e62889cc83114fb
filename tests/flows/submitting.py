"""A worker whose submissions are taken step by step, beside a vendor that takes its time."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
from aiohttp import web
from aiohttp.test_utils import TestServer

from providers.registry import all_providers
from service import app
from service.domain.claim import Claim, Settlement
from service.domain.kinds import JobType
from service.domain.outcome import OutcomeName
from service.domain.question import SHARED
from service.domain.waterfall import Step, Waterfall
from service.flows.credentials import OPERATOR, Credential
from service.flows.finish_submission import Finisher
from service.flows.make_call import CallMaker
from service.flows.planned_call import PlannedCall
from service.flows.poll_submissions import Poller
from service.flows.recorder import Recorder
from service.flows.run_waterfall import Ended, Parked, Policy, WaterfallRunner
from service.flows.settle_lookups import settle_lookups
from service.flows.submit_calls import Submitter
from service.flows.suppress_people import SuppressionList
from service.flows.word_question import word_question
from service.settings import ProviderSettings, Settings
from service.store.calls import Intent, read_trace
from service.store.claims import park_lookups
from service.store.memory import Remembered, recall
from tests.flows.workshop import PUBLICATION, Workshop, new_worker, open_workshop

SLUG: Final = "bettercontact"
LEASE: Final = timedelta(seconds=5)
SCALE: Final = 0.01
TASK: Final = "task-1"
"""The vendor's handle of whatever is submitted."""
POLL_EVERY_S: Final = 20.0 * SCALE
_MEMORY_DAYS: Final = {OutcomeName.FOUND: 30.0, OutcomeName.MISSING: 3.0}


@dataclass
class Vendor:
    """A vendor that works on whatever is submitted until it is told to be ready.

    Attributes:
        mute: it takes what is submitted, and hangs up instead of answering.
        status: what it answers to a submission.
        failure: what it says instead of any other answer.
        before_answer: called when it took a submission and has not answered yet.
        told: what it was sent last, its callback URL under `webhook`.
    """

    ready: bool = False
    mute: bool = False
    status: int = 201
    failure: str = ""
    polls: int = 0
    before_answer: Callable[[], Awaitable[object]] | None = None
    told: dict[str, Any] = field(default_factory=dict)

    async def take(self, request: web.Request) -> web.Response:
        """Take a submission."""
        self.told = await request.json()
        if self.before_answer is not None:
            await self.before_answer()
        if self.mute and request.transport is not None:
            request.transport.abort()
        if self.failure:
            return web.json_response({"error": self.failure})
        return web.json_response({"id": TASK}, status=self.status)

    async def show(self, request: web.Request) -> web.Response:
        """Show what has come of it; of any other submission, that it was somebody else's."""
        self.polls += 1
        if self.failure:
            return web.json_response({"error": self.failure})
        ours = request.path.endswith(f"/{TASK}")
        rows = [
            {
                "custom_fields": [
                    {"name": "row", "value": person["custom_fields"]["row"] if ours else "0.0"}
                ],
                "contact_email_address": "nadia@brightwater.leadfall",
                "contact_email_address_status": "deliverable",
                "contact_phone_number": "+442071838750",
            }
            for person in self.told["data"]
        ]
        status = "terminated" if self.ready else "processing"
        return web.json_response({"id": TASK, "status": status, "data": rows})


@dataclass
class Scene:
    """One worker, taken step by step, and its vendor."""

    shop: Workshop
    job_type: JobType
    owner: UUID
    vendor: Vendor
    recorder: Recorder
    runner: WaterfallRunner
    submitter: Submitter
    poller: Poller

    async def accept_one(self, company_name: str | None = None) -> None:
        """Accept one lead; each is of the same person."""
        leads = await self.shop.add_leads(1)
        await self.shop.pool.execute("update leads set company_name = $1", company_name)
        await self.shop.accept(leads, job_types=[self.job_type], waterfall=self._waterfall)

    async def submit_one(self, company_name: str | None = None) -> Claim:
        """Accept one lead and submit its lookup."""
        await self.accept_one(company_name)
        (claim,) = await self.shop.claim(self.owner)
        planned = await self.runner.run(claim, self._waterfall)
        assert isinstance(planned, PlannedCall)
        await self.submitter.submit([planned])
        return claim

    @property
    def _waterfall(self) -> Waterfall:
        return Waterfall(self.job_type.kind, (Step(SLUG),))

    def is_key_out(self) -> bool:
        """Tell whether the vendor was heard to refuse the key."""
        credential = Credential(OPERATOR, "key", None)
        provider, capability = all_providers()[SLUG], self.job_type.kind.capability
        return self.submitter.desk.gate(provider, credential, capability).is_unusable

    async def poll(self) -> None:
        """Poll what is due."""
        await self.poller.begin_due()
        await self.poller.stop()

    async def poll_late(self, late_s: float) -> None:
        """Poll what is open, so many seconds after its deadline."""
        await self.shop.pool.execute(
            "update submissions set poll_at = leadfall_now(),"
            " deadline_at = leadfall_now() - make_interval(secs => $1)"
            " where poll_at is not null",
            late_s,
        )
        await self.poll()

    async def look_again(self) -> None:
        """Run the lookup's next claim, early, and let it wait on as it wishes."""
        await self.shop.pool.execute("update lookups set state = 'ready', wake_at = null")
        (claim,) = await self.shop.claim(self.owner)
        parked = await self.runner.run(claim, self._waterfall)
        assert isinstance(parked, Parked)
        async with self.shop.pool.acquire() as connection:
            await park_lookups(connection, self.owner, [claim], parked.wait_s)

    async def run_again(self) -> Ended:
        """Run the lookup's next claim."""
        (claim,) = await self.shop.claim(self.owner)
        return await self.runner.run(claim, self._waterfall)

    async def settle(self) -> None:
        """Run the lookup's next claim, and settle what comes of it."""
        ended = await self.run_again()
        assert isinstance(ended, Settlement)
        suppressions = SuppressionList(None)
        await settle_lookups(self.shop.pool, [ended], PUBLICATION, suppressions)

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
        provider = all_providers()[SLUG]
        offer = provider.offer(self.job_type.kind.capability)
        assert offer is not None
        question = word_question(provider, offer, SHARED, claim.lead)
        async with self.shop.pool.acquire() as connection:
            intent = Intent(claim.lookup_id, 0, SLUG, claim.epoch, question=question)
            (answer,) = await recall(connection, [intent])
        return answer.outcome.name if isinstance(answer, Remembered) else None


@asynccontextmanager
async def open_scene(
    pool: asyncpg.Pool,
    database_url: str,
    redis_url: str,
    *,
    job_type: JobType,
    public_url: str = "",
) -> AsyncIterator[Scene]:
    """Open a worker without loops of its own, and a vendor that is at it."""
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
        finisher = Finisher(pool, suppressions, lambda _lookup_ids: None, _MEMORY_DAYS)
        policy = Policy(LEASE, 600.0, 900.0, 3, {}, memory_days=_MEMORY_DAYS)
        async with (
            app.smtp_prober(settings) as prober,
            app.provider_desk(settings, pool, owner, prober) as desk,
        ):
            await desk.gates.start()
            yield Scene(
                await open_workshop(pool),
                job_type,
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
                Submitter(pool, desk, owner, LEASE, finisher, public_url),
                Poller(pool, desk, providers, owner, LEASE, finisher),
            )
            await recorder.drain()
            await desk.gates.stop()
