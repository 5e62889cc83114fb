"""Bulks that are submitted beside single requests: what their vendor may do wrong with a job."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import asyncpg
import pytest
from aiohttp import web

from service.flows.planned_call import PlannedCall
from tests.flows.bulking import SCALE, Asked, Scene, open_scene

SLUG: Final = "leadmagic"
UNDER_WAY: Final = 50
"""Single requests that the vendor allows at once."""
LEADS: Final = 80
"""More than there may be requests under way, by so many that the last ones go in bulk."""


@dataclass
class Vendor(Asked):
    """A vendor that finds nobody, and answers about one only when it is let.

    Attributes:
        submitted: what it answers to a job.
        shown: what it answers to whoever wants to read one.
        status: what it answers to a job; where it is a refusal, without the answer above.
        before: whom it had been asked about alone when each job came.
        first: lets the first answer of all go; None where it goes with the others.
    """

    submitted: dict[str, Any] = field(default_factory=lambda: {"job_id": "job-1"})
    shown: dict[str, Any] = field(default_factory=dict)
    status: int = 202
    before: list[int] = field(default_factory=list)
    first: asyncio.Event | None = None

    async def ask_alone(self, request: web.Request) -> web.Response:
        """Answer about one person."""
        self.alone.append((await request.json())["last_name"])
        alone = self.first if len(self.alone) == 1 else None
        await (alone or self.may_answer).wait()
        return web.json_response({"email": None, "message": "No email found."})

    async def submit(self, request: web.Request) -> web.Response:
        """Take a job, or do not."""
        rows = (await request.json())["rows"]
        self.before.append(len(self.alone))
        self.together.append([row["last_name"] for row in rows])
        is_taken = self.status < 400
        return web.json_response(self.submitted if is_taken else {}, status=self.status)

    async def show(self, _request: web.Request) -> web.Response:
        """Show what became of a job."""
        return web.json_response(self.shown)


@pytest.fixture
def vendor() -> Vendor:
    """A vendor that waits to be let."""
    return Vendor()


@pytest.fixture
async def scene(
    vendor: Vendor, pool: asyncpg.Pool, database_url: str, redis_url: str
) -> AsyncIterator[Scene]:
    """A worker without loops of its own, beside the vendor."""
    application = web.Application()
    application.router.add_post("/v1/people/email-finder", vendor.ask_alone)
    application.router.add_post("/bulk/submit", vendor.submit)
    application.router.add_get("/bulk/jobs/{job}/results", vendor.show)
    async with open_scene(
        pool, database_url, redis_url, slug=SLUG, vendor=vendor, application=application
    ) as opened:
        yield opened


async def run_some(scene: Scene) -> None:
    """Run a job where few who stand in line wait for longer than a bulk takes."""
    scene.vendor.may_answer.clear()
    scene.vendor.alone.clear()
    await be_slow(scene)
    await scene.accept(LEADS)
    await scene.run(await scene.claim())


async def be_slow(scene: Scene) -> None:
    """Let the vendor be taken for one that answers single requests slowly."""
    (await scene.gate(bulk=False)).note_success(5_000 * SCALE)


async def test_a_job_whose_handle_cannot_be_read_is_not_made_again(
    scene: Scene, vendor: Vendor
) -> None:
    """Its answers are paid for and lost: one bulk is, and not all of them."""
    vendor.submitted = {"unheard_of": "job-1"}
    await run_some(scene)
    assert len(vendor.together) == 1

    await run_some(scene)

    assert len(vendor.together) == 1


async def test_a_job_that_is_never_told_to_be_ready_is_not_made_again(
    scene: Scene, vendor: Vendor
) -> None:
    """Leads waited for it for as long as one may."""
    vendor.shown = {"unheard_of": "ready"}
    await run_some(scene)
    await scene.shop.pool.execute(
        "update submissions set poll_at = leadfall_now(), deadline_at = leadfall_now()"
    )
    await scene.poller.begin_due()
    await scene.poller.stop()
    assert len(vendor.together) == 1

    await run_some(scene)

    assert len(vendor.together) == 1


async def test_who_is_refused_with_too_many_others_is_asked_about_alone(
    scene: Scene, vendor: Vendor
) -> None:
    """A key's plan may not allow for jobs, whoever is in them."""
    vendor.status = 404
    await run_some(scene)
    together, before = set(vendor.in_bulk), len(vendor.alone)

    await scene.run(await scene.claim())

    refused = await scene.answers()
    assert 0 < len(refused) < len(together) / 2
    assert len(vendor.alone) - before == len(together) - len(refused)


@pytest.mark.parametrize("status", [402, 403])
async def test_what_a_job_is_refused_for_takes_no_key_away_from_single_requests(
    scene: Scene, vendor: Vendor, status: int
) -> None:
    """A plan may not allow for jobs, and a balance that is too small for one is not used up."""
    vendor.status = status
    await run_some(scene)
    together, before = set(vendor.in_bulk), len(vendor.alone)

    await scene.run(await scene.claim())

    assert not (await scene.gate(bulk=False)).is_unusable
    assert len(vendor.together) == 1
    assert len(vendor.alone) - before == len(together)
    assert await scene.asks() == {1: LEADS}


async def test_a_job_does_not_stand_behind_the_line_that_it_is_to_be_quicker_than(
    scene: Scene, vendor: Vendor
) -> None:
    """It is one request, and for many: where it counts among the others it goes before them."""
    vendor.first = asyncio.Event()
    await scene.accept(LEADS)
    line = [
        asyncio.create_task(scene.runner.run(claim, scene.steps)) for claim in await scene.claim()
    ]
    while len(vendor.alone) < UNDER_WAY:
        await asyncio.sleep(0)
    await be_slow(scene)
    await scene.accept(1)
    (claim,) = await scene.claim()
    planned = await scene.runner.run(claim, scene.steps)
    assert isinstance(planned, PlannedCall)

    submitting = asyncio.create_task(scene.submitter.submit([planned]))
    vendor.first.set()
    async with asyncio.timeout(30):
        while not vendor.before:
            await asyncio.sleep(0)
    vendor.may_answer.set()
    await asyncio.gather(submitting, *line)

    # The one place that came free was for the job, whoever stood there before.
    assert vendor.before == [UNDER_WAY]


async def test_where_the_bulk_cannot_be_reached_leads_are_asked_about_alone(
    scene: Scene, vendor: Vendor
) -> None:
    """Its host may be another, which no firewall lets through; that of single requests is there."""
    await be_slow(scene)
    await scene.accept(LEADS)
    runs = [
        asyncio.create_task(scene.runner.run(claim, scene.steps)) for claim in await scene.claim()
    ]
    while len(vendor.alone) < UNDER_WAY:
        await asyncio.sleep(0)
    vendor.may_answer.set()
    planned = [each for each in await asyncio.gather(*runs) if isinstance(each, PlannedCall)]
    nowhere = replace(planned[0].credential, base_url="http://127.0.0.1:1")

    await scene.submitter.submit([replace(each, credential=nowhere) for each in planned])
    await run_some(scene)

    assert vendor.together == []
    assert len(vendor.alone) == len(planned) + LEADS


async def test_a_bulk_that_is_throttled_is_not_doubted(scene: Scene, vendor: Vendor) -> None:
    """It is understood, and its gate keeps the wait that the vendor asks for."""
    vendor.status = 429
    await be_slow(scene)
    await scene.accept(LEADS)
    runs = [
        asyncio.create_task(scene.runner.run(claim, scene.steps)) for claim in await scene.claim()
    ]
    while len(vendor.alone) < UNDER_WAY:
        await asyncio.sleep(0)
    vendor.may_answer.set()
    planned = [each for each in await asyncio.gather(*runs) if isinstance(each, PlannedCall)]
    once = replace(planned[0].provider, repeats="never")

    await scene.submitter.submit([replace(each, provider=once) for each in planned])

    assert len(vendor.together) == 1
    call, doubts = planned[0], scene.submitter.desk.bulk_doubts
    assert not doubts.has(call.provider, call.offer, call.credential.id)
