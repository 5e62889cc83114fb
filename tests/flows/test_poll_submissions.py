"""Polling: a vendor that hangs holds up nobody else, and is not asked by many at once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from providers.registry import all_providers
from service import app
from service.domain.identifiers import new_id
from service.flows.credentials import OPERATOR
from service.flows.finish_submission import Finisher
from service.flows.poll_submissions import POLLS_PER_PROVIDER_MAX, SHUT_PATIENCE_S, Poller
from service.flows.suppress_people import SuppressionList
from service.settings import ProviderSettings, Settings
from service.store.outages import report_outage
from service.store.processes import beat

HANGING, PROMPT, TELLING = "enrow", "bettercontact", "millionverifier"
WAIT_S = 10.0


@dataclass
class Vendors:
    """One server for all; it keeps whoever asks the first of them waiting.

    Attributes:
        paths: asked of the one that first tells that there are results.
        report: those results; without them it tells so again.
    """

    asked: Counter[str] = field(default_factory=Counter)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    paths: list[str] = field(default_factory=list)
    report: str | None = None

    async def answer(self, request: web.Request) -> web.Response:
        """Answer as either does, or not at all."""
        slug = request.match_info["slug"]
        self.asked[slug] += 1
        if slug == HANGING:
            await self.released.wait()
        if slug == TELLING:
            return self._tell(request.match_info["path"])
        body = {"id": "1", "status": "terminated", "data": [], "results": [{"custom": "1"}]}
        return web.json_response(body)

    def _tell(self, path: str) -> web.Response:
        self.paths.append(path)
        if path == "download" and self.report is not None:
            return web.Response(text=self.report)
        return web.json_response({"file_id": "1", "status": "finished", "error": ""})


@pytest.fixture
async def vendors() -> AsyncIterator[tuple[Vendors, str]]:
    """The vendors and their address."""
    told = Vendors()
    application = web.Application()
    application.router.add_get("/{slug}/{path:.*}", told.answer)
    async with TestServer(application) as server:
        yield told, str(server.make_url("/"))
        told.released.set()


@pytest.fixture
async def poller(
    pool: asyncpg.Pool, database_url: str, redis_url: str, vendors: tuple[Vendors, str]
) -> AsyncIterator[Poller]:
    """A process that polls all of them."""
    _, url = vendors
    settings = Settings(
        database_url=database_url,
        redis_url=redis_url,
        vendor_time_scale=0.01,
        providers={
            slug: ProviderSettings(api_key="key", base_url=f"{url}{slug}")
            for slug in (HANGING, PROMPT, TELLING)
        },
    )
    process_id = new_id()
    async with (
        app.smtp_prober(settings) as prober,
        app.provider_desk(settings, pool, process_id, prober) as desk,
    ):
        await desk.gates.start()
        yield Poller(
            pool,
            desk,
            all_providers(),
            process_id,
            timedelta(seconds=5),
            Finisher(pool, SuppressionList(None), lambda _lookup_ids: None),
        )
        await desk.gates.stop()


async def states(pool: asyncpg.Pool) -> set[tuple[str, str, int]]:
    """Return how many submissions of each provider are in each state."""
    rows = await pool.fetch("select provider, state, count(*)::int from submissions group by 1, 2")
    return {tuple(row) for row in rows}


async def submit(
    pool: asyncpg.Pool,
    provider: str,
    count: int,
    *,
    left: str = "1 hour",
    capability: str = "find_phone",
) -> None:
    """Leave submissions behind whose poll is due, with so much time left."""
    await pool.execute(
        "insert into submissions (id, provider, capability, credential, token, handle, state,"
        " poll_at, deadline_at, created_at, submitted_at)"
        " select gen_random_uuid(), $1, $4, 'operator', $1 || n, n::text, 'submitted',"
        " now() - interval '1 minute', now() + $3::text::interval, now(), now()"
        " from generate_series(1, $2) n",
        provider,
        count,
        left,
        capability,
    )


@pytest.mark.parametrize(
    ("report", "state"),
    [("email,result\nnadia@brightwater.leadfall,ok\n", "answered"), (None, "submitted")],
    ids=["fetched", "told again"],
)
async def test_results_that_a_vendor_tells_of_are_fetched_at_once_and_once(
    pool: asyncpg.Pool,
    poller: Poller,
    vendors: tuple[Vendors, str],
    report: str | None,
    state: str,
) -> None:
    """One that tells of them again in their place is looked at later, as one that is not ready."""
    told, _ = vendors
    told.report = report
    await submit(pool, TELLING, 1, capability="verify_email")

    await poller.begin_due()
    await poller.stop()

    assert told.paths == ["fileinfo", "download"]
    assert await states(pool) == {(TELLING, state, 1)}


async def test_a_vendor_that_hangs_holds_up_its_own_polls_only(
    pool: asyncpg.Pool, poller: Poller, vendors: tuple[Vendors, str]
) -> None:
    """Those of the other end, and the one that hangs is asked by a bounded number at once."""
    told, _ = vendors
    await submit(pool, HANGING, POLLS_PER_PROVIDER_MAX + 5)
    await submit(pool, PROMPT, 2)

    await poller.begin_due()
    async with asyncio.timeout(WAIT_S):
        while told.asked != {HANGING: POLLS_PER_PROVIDER_MAX, PROMPT: 2}:
            await asyncio.sleep(0.01)
    told.released.set()
    await poller.stop()

    assert await states(pool) >= {(PROMPT, "answered", 2), (HANGING, "submitted", 5)}


async def test_a_key_that_is_out_holds_nobody_beyond_the_deadline(
    pool: asyncpg.Pool, poller: Poller, vendors: tuple[Vendors, str]
) -> None:
    """What cannot be read ends soon after its deadline, and the vendor is not asked for it."""
    told, _ = vendors
    async with pool.acquire() as connection:
        await report_outage(
            connection, PROMPT, OPERATOR, "out_of_credit", retry_after=timedelta(hours=1)
        )
    await poller.desk.gates.refresh()
    await submit(pool, PROMPT, 2, left="-5 minutes")

    await poller.begin_due()
    await poller.stop()

    states = await pool.fetch("select state, count(*)::int from submissions group by 1")
    assert [tuple(row) for row in states] == [("answered", 2)]
    assert told.asked[PROMPT] == 0


async def test_a_shut_gate_is_not_waited_for_beyond_the_deadline(
    pool: asyncpg.Pool, poller: Poller
) -> None:
    """What has time left is looked at when that is over, not when the key is back."""
    async with pool.acquire() as connection:
        await report_outage(
            connection, PROMPT, OPERATOR, "out_of_credit", retry_after=timedelta(hours=1)
        )
    await poller.desk.gates.refresh()
    await submit(pool, PROMPT, 1, left="5 minutes")

    await poller.begin_due()
    await poller.stop()

    late_s = await pool.fetchval(
        "select extract(epoch from poll_at - deadline_at)::float8 from submissions"
        " where state = 'submitted'"
    )
    assert late_s == pytest.approx(SHUT_PATIENCE_S, abs=10)


async def test_what_a_dead_worker_polled_is_polled_at_once(
    pool: asyncpg.Pool, poller: Poller
) -> None:
    """Neither its claims nor those of which this one never heard wait until a hold is over."""
    await submit(pool, PROMPT, 3)
    hold = "update submissions set owner = $1, poll_at = now() + interval '1 minute'"
    await pool.execute(f"{hold} where handle = '1'", new_id())
    await pool.execute(f"{hold} where handle = '2'", poller.process_id)

    await poller.give_back()
    await poller.begin_due()
    await poller.stop()

    assert await states(pool) == {(PROMPT, "answered", 3)}


async def test_what_a_living_worker_polls_is_left_to_it(pool: asyncpg.Pool, poller: Poller) -> None:
    """Its claim stands for as long as it beats."""
    await submit(pool, PROMPT, 1)
    other = new_id()
    async with pool.acquire() as connection:
        await beat(connection, other, "worker", "test", 1)
    hold = "update submissions set owner = $1, poll_at = now() + interval '1 minute'"
    await pool.execute(hold, other)

    await poller.give_back()
    await poller.begin_due()
    await poller.stop()

    assert await states(pool) == {(PROMPT, "submitted", 1)}
