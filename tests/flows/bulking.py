"""A worker that is taken step by step, beside a vendor that can be asked about many at once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
from aiohttp import web
from aiohttp.test_utils import TestServer

from providers.registry import all_providers
from service import app
from service.domain.claim import Claim
from service.domain.waterfall import Step, Waterfall
from service.flows.accept_jobs import ASYNC_PRIORITY
from service.flows.finish_submission import Finisher
from service.flows.gather_calls import Gathering
from service.flows.make_call import CallMaker
from service.flows.planned_call import PlannedCall
from service.flows.poll_submissions import Poller
from service.flows.provider_gate import Gate
from service.flows.recorder import Recorder
from service.flows.run_waterfall import Ended, Policy, WaterfallRunner
from service.flows.submit_calls import Submitter
from service.flows.suppress_people import SuppressionList
from service.settings import ProviderSettings, Settings
from tests.flows.workshop import FIND_EMAIL, Workshop, new_worker, open_workshop

LEASE: Final = timedelta(seconds=5)
SCALE: Final = 0.01


@dataclass
class Asked:
    """What a vendor was asked, and whether it may answer.

    Attributes:
        alone, together: whom it was asked about, by last name.
    """

    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    alone: list[str] = field(default_factory=list)
    together: list[list[str]] = field(default_factory=list)

    @property
    def in_bulk(self) -> list[str]:
        """Whom it was asked about together, in any bulk."""
        return [name for names in self.together for name in names]


@dataclass
class Scene:
    """One worker, taken step by step, and its vendor."""

    slug: str
    shop: Workshop
    owner: UUID
    vendor: Asked
    runner: WaterfallRunner
    gathering: Gathering
    submitter: Submitter
    poller: Poller
    stopping: asyncio.Event

    @property
    def steps(self) -> Waterfall:
        """The waterfall, which is this vendor alone."""
        return Waterfall(FIND_EMAIL.kind, (Step(self.slug),))

    async def accept(self, count: int) -> None:
        """Accept a job of so many leads."""
        await self.shop.accept(await self.shop.add_leads(count), waterfall=self.steps)

    async def claim(self, priority: int = ASYNC_PRIORITY) -> list[Claim]:
        """Claim what is ready, whenever that would have been."""
        await self.shop.pool.execute(
            "update lookups set state = 'ready', wake_at = null where state = 'waiting'"
        )
        claims = await self.shop.claim(self.owner)
        return [replace(claim, priority=priority) for claim in claims]

    async def run(self, claims: Sequence[Claim], steps: Waterfall | None = None) -> list[Ended]:
        """Run them all at once; let the vendor answer about single ones when it is at a few."""
        runs = [asyncio.create_task(self._run(claim, steps or self.steps)) for claim in claims]
        while not self.vendor.alone:
            await asyncio.sleep(0)
        self.vendor.may_answer.set()
        async with asyncio.timeout(30):
            return list(await asyncio.gather(*runs))

    async def _run(self, claim: Claim, steps: Waterfall) -> Ended:
        ended = await self.runner.run(claim, steps)
        if isinstance(ended, PlannedCall):
            await self.gathering.add(ended)
        return ended

    async def gate(self, *, bulk: bool) -> Gate:
        """Return the gate of the vendor's bulk, or of its single requests."""
        provider, desk = all_providers()[self.slug], self.submitter.desk
        single, credential = (
            provider.offer(FIND_EMAIL.kind.capability),
            await desk.credential(provider, None),
        )
        assert single is not None
        assert credential is not None
        offer = single.bulk if bulk else single
        assert offer is not None
        return desk.gate(provider, credential, provider.operation(offer), offer.limits)

    async def answers(self) -> list[tuple[Any, ...]]:
        """Return outcome and reason of every call that has one.

        The answer about who was asked about alone is written with the settlement, which is not
        made here.
        """
        rows = await self.shop.pool.fetch(
            "select outcome, reason from calls where outcome is not null order by 1"
        )
        return [tuple(row) for row in rows]

    async def asks(self) -> dict[int, int]:
        """Return how many calls were made once, and how many more often."""
        return dict(await self.shop.pool.fetch("select ask_count, count(*) from calls group by 1"))


@asynccontextmanager
async def open_scene(
    pool: asyncpg.Pool,
    database_url: str,
    redis_url: str,
    *,
    slug: str,
    vendor: Asked,
    application: web.Application,
) -> AsyncIterator[Scene]:
    """Open a worker without loops of its own, and the vendor behind `application`."""
    owner, suppressions = await new_worker(pool), SuppressionList(None)
    async with TestServer(application) as server:
        url = str(server.make_url("")).rstrip("/")
        settings = Settings(
            database_url=database_url,
            redis_url=redis_url,
            vendor_time_scale=SCALE,
            providers={slug: ProviderSettings(api_key="key", base_url=url)},
        )
        async with (
            app.smtp_prober(settings) as prober,
            app.provider_desk(settings, pool, owner, prober) as desk,
        ):
            await desk.gates.start()
            recorder = Recorder(pool, LEASE, suppressions)
            finisher = Finisher(pool, suppressions, lambda _lookup_ids: None)
            submitter = Submitter(pool, desk, owner, LEASE, finisher)
            stopping = asyncio.Event()
            gathering = Gathering(submitter, stopping=stopping.is_set)
            runner = WaterfallRunner(
                desk,
                recorder=recorder,
                calls=CallMaker(desk, recorder, pool),
                providers=all_providers(),
                policy=Policy(LEASE, 600.0, 900.0, 3, {}),
            )
            yield Scene(
                slug,
                await open_workshop(pool),
                owner,
                vendor,
                runner,
                gathering,
                submitter,
                Poller(pool, desk, all_providers(), owner, LEASE, finisher),
                stopping,
            )
            await gathering.stop()
            await recorder.drain()
            await desk.gates.stop()
