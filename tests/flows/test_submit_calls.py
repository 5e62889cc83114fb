"""Submitting: what becomes of lookups whose submission the vendor did not take."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from providers.contract import Offer
from providers.registry import all_providers
from service import app
from service.domain.claim import Claim
from service.domain.kinds import Capability
from service.domain.retry_budget import TOKENS_MAX
from service.flows.credentials import Credential
from service.flows.finish_submission import Finisher
from service.flows.gather_calls import IDLE_KEPT_MAX, Gathering
from service.flows.planned_call import PUT_OFF_S_MAX, PlannedCall
from service.flows.provider_gate import Gate
from service.flows.submit_calls import UNPAID_PAUSE_S, Submitter
from service.flows.suppress_people import SuppressionList
from service.settings import ProviderSettings, Settings
from tests.flows.workshop import Workshop, new_worker, open_workshop

SLUG = "icypeas"
LEASE = timedelta(seconds=5)
SCALE = 0.2
NOBODY = "http://127.0.0.1:1"
QUARTER_S = 900.0


@dataclass
class Vendor:
    """A vendor that answers every submission with this status.

    Attributes:
        refuses: the name of whom it refuses, and takes everybody else; "" for nobody.
        taken: whom it took together.
    """

    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    refuses: str = ""
    requests: int = 0
    taken: list[list[str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        """Answer as told."""
        self.requests += 1
        if not self.refuses:
            return web.json_response({}, status=self.status, headers=self.headers)
        names = [last for _, last, _ in (await request.json())["data"]]
        if self.refuses in names:
            return web.json_response({"success": False}, status=400)
        self.taken.append(names)
        return web.json_response({"success": True, "file": f"file-{self.requests}"})


@dataclass
class Counter:
    """A worker that submits to the vendor."""

    shop: Workshop
    owner: UUID
    submitter: Submitter

    async def submit(self, count: int) -> None:
        """Submit so many lookups as one group."""
        await self.shop.accept(await self.shop.add_leads(count))
        await self.submitter.submit(
            [await self._plan(c) for c in await self.shop.claim(self.owner)]
        )

    async def submit_to_nobody(self, *ages_s: float) -> None:
        """Submit lookups that have been wished for so long to a vendor that is not there."""
        await self.shop.accept(await self.shop.add_leads(len(ages_s)))
        calls = [await self._plan(each) for each in await self.shop.claim(self.owner)]
        nobody = replace(calls[0].credential, base_url=NOBODY)
        await self.submitter.submit(
            [
                replace(call, credential=nobody, age_s=age_s)
                for call, age_s in zip(calls, ages_s, strict=True)
            ]
        )

    async def plan_with(self, keys: Iterable[int]) -> list[PlannedCall]:
        """Plan a lookup's call with each of these keys of its workspace's own."""
        await self.shop.accept(await self.shop.add_leads(1))
        (claim,) = await self.shop.claim(self.owner)
        call = await self._plan(claim)
        return [replace(call, credential=Credential(f"key:{each}", "secret")) for each in keys]

    async def spend(self, count: int, *, ahead_s: float = 0.0) -> int:
        """Spend up to so much of the retry budget, as of then; return how much of it there was."""
        gate = await self._gate()
        return [gate.retries.spend(time.monotonic() + ahead_s) for _ in range(count)].count(True)

    async def note_answer(self) -> None:
        """Let the vendor have answered somebody."""
        (await self._gate()).note_success(0.0)

    async def _gate(self) -> Gate:
        credential = await self.submitter.desk.credential(all_providers()[SLUG], None)
        assert credential is not None
        return self.submitter.desk.gate(
            all_providers()[SLUG], credential, Capability.FIND_EMAIL, self._offer.limits
        )

    @property
    def _offer(self) -> Offer:
        offer = all_providers()[SLUG].offer(Capability.FIND_EMAIL)
        assert offer is not None
        return offer

    async def _plan(self, claim: Claim) -> PlannedCall:
        provider, offer = all_providers()[SLUG], self._offer
        credential = await self.submitter.desk.credential(provider, None)
        assert credential is not None
        return PlannedCall(claim, 0, provider, offer, credential, offer.deadline_s)


@pytest.fixture
async def vendor() -> AsyncIterator[tuple[Vendor, str]]:
    """The vendor and its address."""
    told = Vendor()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", told.answer)
    async with TestServer(application) as server:
        yield told, str(server.make_url("")).rstrip("/")


@pytest.fixture
async def counter(
    pool: asyncpg.Pool, database_url: str, redis_url: str, vendor: tuple[Vendor, str]
) -> AsyncIterator[Counter]:
    """A worker without loops of its own."""
    settings = Settings(
        database_url=database_url,
        redis_url=redis_url,
        vendor_time_scale=SCALE,
        providers={SLUG: ProviderSettings(api_key="key", base_url=vendor[1])},
    )
    owner = await new_worker(pool)
    async with (
        app.smtp_prober(settings) as prober,
        app.provider_desk(settings, pool, owner, prober) as desk,
    ):
        await desk.gates.start()
        finisher = Finisher(pool, SuppressionList(None), lambda _lookup_ids: None)
        submitter = Submitter(pool, desk, owner, LEASE, finisher)
        yield Counter(await open_workshop(pool), owner, submitter)
        await desk.gates.stop()


@pytest.mark.parametrize("status", [429, 503])
async def test_what_was_not_taken_waits_before_it_is_submitted_again(
    pool: asyncpg.Pool, counter: Counter, vendor: tuple[Vendor, str], status: int
) -> None:
    """A vendor in trouble is not asked again at once: the lookups are parked until later."""
    vendor[0].status = status

    await counter.submit(3)

    lookups = await pool.fetch(
        "select state, count(*)::int, bool_and(wake_at > leadfall_now()) from lookups group by 1"
    )
    assert [tuple(row) for row in lookups] == [("waiting", 3, True)]
    assert await pool.fetchval("select state from submissions") == "abandoned"


async def test_what_is_never_taken_is_given_up(pool: asyncpg.Pool, counter: Counter) -> None:
    """Even where others were answered meanwhile, a lead is not put off for ever."""
    await counter.submit_to_nobody(0.0, PUT_OFF_S_MAX + 1.0)

    calls = await pool.fetch("select ask_count, outcome, reason from calls order by lookup_id")
    states = await pool.fetch("select distinct state from lookups")
    assert [tuple(call) for call in calls] == [(0, None, None), (0, "no_answer", "vendor_down")]
    assert [row["state"] for row in states] == ["waiting"]


@pytest.mark.parametrize(("answered", "ended"), [(False, 1), (True, 0)])
async def test_a_lead_is_put_off_as_long_as_others_are_answered(
    pool: asyncpg.Pool, counter: Counter, *, answered: bool, ended: int
) -> None:
    """It is the vendor's silence that ends it, however long ago its own first look was."""
    impatient = Counter(counter.shop, counter.owner, replace(counter.submitter, patience_s=0.0))
    await impatient.submit_to_nobody(0.0)
    if answered:
        await counter.note_answer()

    await impatient.submit_to_nobody(QUARTER_S + 60.0)

    assert await pool.fetchval("select count(*) from calls where reason = 'vendor_down'") == ended


@pytest.mark.parametrize("status", [429, 503])
async def test_a_repeated_submit_is_paid_for(
    counter: Counter, vendor: tuple[Vendor, str], status: int
) -> None:
    """However many calls it holds, it is one request."""
    vendor[0].status = status

    await counter.submit(3)

    assert await counter.spend(int(TOKENS_MAX)) == TOKENS_MAX - 1


async def test_a_repeat_that_nothing_pays_for_waits_longer(
    pool: asyncpg.Pool, counter: Counter
) -> None:
    """A vendor whose retry budget is used up is left alone until some of it has come back."""
    # With what trickles in during the next minute, so that a slow machine does not get any.
    await counter.spend(int(TOKENS_MAX), ahead_s=60.0)

    await counter.submit(3)

    waits_s = await pool.fetch(
        "select extract(epoch from wake_at - leadfall_now())::float8 as s from lookups"
    )
    assert [row["s"] for row in waits_s] == pytest.approx([UNPAID_PAUSE_S * SCALE] * 3, abs=1)


async def test_one_lead_that_is_refused_takes_no_other_along(
    pool: asyncpg.Pool, counter: Counter, vendor: tuple[Vendor, str]
) -> None:
    """What a vendor refuses for one lead goes again in halves, until that one is alone."""
    vendor[0].refuses = "Okafor3"

    await counter.submit(8)

    calls = await pool.fetch(
        "select c.outcome, c.reason, s.state from calls c left join submissions s"
        " on s.id = c.submission_id order by c.lookup_id"
    )
    ended = ("no_answer", "request_refused", "abandoned")
    assert [tuple(call) for call in calls] == [
        ended if place == 3 else (None, None, "submitted") for place in range(1, 9)
    ]
    assert vendor[0].taken == [
        ["Okafor1", "Okafor2"],
        ["Okafor4"],
        ["Okafor5", "Okafor6", "Okafor7", "Okafor8"],
    ]


async def test_a_vendor_that_refuses_everything_is_not_asked_for_each(
    pool: asyncpg.Pool, counter: Counter, vendor: tuple[Vendor, str]
) -> None:
    """Two leads are looked for among eight, by three halvings each; the rest end with the last."""
    vendor[0].status = 400

    await counter.submit(8)

    calls = await pool.fetch("select distinct outcome, reason from calls")
    assert [tuple(call) for call in calls] == [("no_answer", "request_refused")]
    assert vendor[0].requests == 1 + 2 * 2 * 3


async def test_keys_that_are_used_no_more_leave_nothing_behind(counter: Counter) -> None:
    """Workspaces replace their keys; what gathered for those before does not pile up."""
    gathering = Gathering(counter.submitter, stopping=lambda: False)
    *before, last = await counter.plan_with(range(IDLE_KEPT_MAX + 1))
    await asyncio.gather(*(gathering.add(call) for call in before))

    await gathering.add(last)

    assert len(gathering._batchers) == 1


async def test_what_waits_is_kept_however_many_keys_there_are(counter: Counter) -> None:
    """Each call's lookup is let go in the end, and calls of one key stay together until then."""
    gathering = Gathering(counter.submitter, stopping=lambda: False)
    calls = await counter.plan_with(range(IDLE_KEPT_MAX + 2))

    added = [gathering.add(call) for call in [*calls, *calls]]
    keys = len(gathering._batchers)
    async with asyncio.timeout(10):
        await asyncio.gather(*added)

    assert keys == IDLE_KEPT_MAX + 2
