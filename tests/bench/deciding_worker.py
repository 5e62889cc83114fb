"""The kept worker, deciding about each lead what the product does: its runner, nothing around it.

So a lead has its plan, its question, its gate with the rate, the adapter that words the request and
reads the answer, the client with its bounds, and its settlement from there. Memory and intents are
asked for a whole claim at once, before, as the kept worker does. Left out is what the product has
around the runner: turns of many queues, sync callers, looks into memory and intents by the moment,
who is suppressed, what is learned. What this reaches is what better batches could reach.
Run as a program, it works until it is killed.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final, cast

import aiohttp

from providers.contract import Offer, Provider
from service import app
from service.domain.claim import Claim, Settlement
from service.domain.kinds import Capability
from service.domain.outcome import OutcomeName
from service.domain.question import SHARED
from service.flows.ask_provider import ProviderDesk
from service.flows.credentials import Credential
from service.flows.hold_lease import ProcessLease
from service.flows.make_call import CallMaker
from service.flows.recorder import Recorder
from service.flows.run_waterfall import Policy, WaterfallRunner
from service.flows.word_question import word_question
from service.settings import ProviderSettings, Settings
from service.store.calls import Grant, Intent
from service.store.connection import Pool
from tests.bench.bare_worker import Item, Lookups, run_program
from tests.bench.enrich_load import WATERFALL
from tests.bench.kept_worker import LASTS_S, REMEMBERED_DAYS, KeptLookups, open_kept
from tests.bench.peers.work import SLUG, database_url, redis_url, vendor_base_url
from tests.bench.wide_worker import wide_provider

_DAYS: Final = {OutcomeName.FOUND: REMEMBERED_DAYS, OutcomeName.MISSING: REMEMBERED_DAYS}


class _Said:
    """Answers at once what was learned for a whole claim before."""

    def __init__(self, answer: object) -> None:
        self._answer = answer

    def add(self, _: object) -> "asyncio.Future[Any]":
        """Return the answer."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.set_result(self._answer)
        return future


class _Known:
    """What stands for a recorder: memory knows nothing, each call may be made."""

    recalls = _Said(None)
    intents = _Said(Grant.GRANTED)
    answers = notes = lessons = _Said(None)


class _Runner(WaterfallRunner):
    """Takes the question of a lead from its intent, where the product words it for both."""

    def __init__(self, desk: ProviderDesk, pool: Pool, provider: Provider) -> None:
        recorder = cast("Recorder", _Known())
        super().__init__(
            desk,
            recorder=recorder,
            calls=CallMaker(desk, recorder, pool),
            providers={SLUG: provider},
            policy=Policy(
                lease=timedelta(seconds=5),
                interrupted_wait_s=600.0,
                gate_patience_s=900.0,
                reclaim_count_max=3,
                refund_percent={},
                memory_days=_DAYS,
            ),
        )
        self.questions: dict[int, bytes | None] = {}

    def _question(self, claim: Claim, *_: Provider | Offer | Credential) -> bytes | None:
        return self.questions.pop(claim.lookup_id)


class DecidingLookups(KeptLookups):
    """The kept lookups, each run by the product's runner."""

    def __init__(
        self, pool: Pool, lease: ProcessLease, runner: _Runner, provider: Provider
    ) -> None:
        super().__init__(pool, lease)
        self._runner = runner
        self._provider = provider
        offer = provider.offer(Capability.FIND_EMAIL)
        assert offer is not None
        self._offer = offer

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[Lookups]:
        """Connect, and beat until the end."""
        reached = ProviderSettings(api_key="sandbox", base_url=vendor_base_url())
        settings = Settings(
            database_url=database_url(), redis_url=redis_url(), providers={SLUG: reached}
        )
        provider = wide_provider()
        async with (
            open_kept() as (pool, lease),
            app.smtp_prober(settings) as prober,
            app.provider_desk(settings, pool, lease.process_id, prober) as desk,
        ):
            await desk.gates.start()
            yield cls(pool, lease, _Runner(desk, pool, provider), provider)
            await desk.gates.stop()

    def intent(self, claim: Claim) -> Intent:
        """Return the intent to ask about a lead, with its question."""
        question = word_question(self._provider, self._offer, SHARED, claim.lead)
        self._runner.questions[claim.lookup_id] = question
        return Intent(claim.lookup_id, 0, SLUG, claim.epoch, question=question, lasts_s=LASTS_S)

    async def ask(self, _: aiohttp.ClientSession, item: Item) -> Settlement:
        """Run the lead down its waterfall."""
        claim, _question = item.claim
        ended = await self._runner.run(claim, WATERFALL)
        assert isinstance(ended, Settlement)
        return ended

    def settlement(self, _: Item, came: Any) -> Settlement:
        """Return the end to which the runner came."""
        return cast("Settlement", came)


if __name__ == "__main__":
    run_program(DecidingLookups.open)
