"""Bulks beside single requests: when leads are asked about together, and what becomes of them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import pytest
from aiohttp import web
from prometheus_client import REGISTRY

from providers.contract import Throttled
from service.domain.claim import Settlement
from service.domain.waterfall import Step, Waterfall
from service.flows.accept_jobs import ASYNC_PRIORITY, SYNC_PRIORITY
from tests.flows.bulking import LEASE, Asked, Scene, open_scene
from tests.flows.workshop import FIND_EMAIL

SLUG: Final = "prospeo"
LEADS: Final = 20
_STEPS: Final = Waterfall(FIND_EMAIL.kind, (Step(SLUG),))


@dataclass
class Vendor(Asked):
    """A vendor that knows everybody, and answers about one only when it is let.

    Attributes:
        refuses: whose presence makes it refuse a bulk.
        names_nobody: a bulk's answer is of another shape than is known.
        cuts: it takes a bulk, and hangs up instead of answering.
        status: what it answers to a bulk, instead of its results.
    """

    refuses: str = ""
    names_nobody: bool = False
    cuts: bool = False
    status: int = 200

    async def ask_alone(self, request: web.Request) -> web.Response:
        """Answer about one person."""
        person = (await request.json())["data"]
        self.alone.append(person["last_name"])
        await self.may_answer.wait()
        return web.json_response(_match(person))

    async def ask_together(self, request: web.Request) -> web.Response:
        """Answer about many."""
        people = (await request.json())["data"]
        names = [person["last_name"] for person in people]
        self.together.append(names)
        if self.cuts and request.transport is not None:
            request.transport.abort()
        if self.refuses in names:
            body = {"error": True, "error_code": "INVALID_REQUEST"}
            return web.json_response(body, status=400)
        if self.status != 200:
            return web.json_response({}, status=self.status)
        matched = [{"identifier": person["identifier"]} | _match(person) for person in people]
        if self.names_nobody:
            matched = [{"row": each} for each in matched]
        body = {"error": False, "matched": matched, "not_matched": [], "invalid_datapoints": []}
        return web.json_response(body)


def _match(person: dict[str, Any]) -> dict[str, Any]:
    address = f"{person['last_name']}@brightwater.leadfall".lower()
    email = {"status": "VERIFIED", "revealed": True, "email": address}
    return {"error": False, "person": {"email": email, "mobile": None}, "company": None}


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
    application.router.add_post("/enrich-person", vendor.ask_alone)
    application.router.add_post("/bulk-enrich-person", vendor.ask_together)
    async with open_scene(
        pool, database_url, redis_url, slug=SLUG, vendor=vendor, application=application
    ) as opened:
        yield opened


def people(count: int = LEADS) -> set[str]:
    """Return the last names of so many leads."""
    return {f"Okafor{n}" for n in range(1, count + 1)}


def unread() -> float:
    """Return how many bulks were noted as not understood."""
    labels = {"provider": SLUG, "operation": "bulk_find_email"}
    return REGISTRY.get_sample_value("leadfall_bulk_unread_total", labels) or 0.0


async def test_who_would_stand_in_line_is_asked_about_together(scene: Scene) -> None:
    """Each lead is asked about once, and most of them in a few requests."""
    await scene.accept(LEADS)

    await scene.run(await scene.claim())

    asked = [*scene.vendor.alone, *scene.vendor.in_bulk]
    assert sorted(asked) == sorted(people())
    assert len(scene.vendor.together) <= 2
    assert len(scene.vendor.in_bulk) >= LEADS / 2


async def test_a_bulk_leads_where_single_requests_lead(scene: Scene) -> None:
    """The answers are on record at once, and the next claim of each lookup settles it."""
    await scene.accept(LEADS)
    ended = await scene.run(await scene.claim())

    again = await asyncio.gather(
        *(scene.runner.run(claim, _STEPS) for claim in await scene.claim())
    )

    settled = [each for each in [*ended, *again] if isinstance(each, Settlement)]
    assert {each.claim.lead.last_name: each.value["email"] for each in settled if each.value} == {
        name: f"{name}@brightwater.leadfall".lower() for name in people()
    }
    assert len(settled) == LEADS
    assert await scene.shop.pool.fetch("select distinct state from submissions") == [("answered",)]


@pytest.mark.parametrize(
    ("priority", "steps"),
    [
        pytest.param(SYNC_PRIORITY, _STEPS, id="a sync caller"),
        pytest.param(
            ASYNC_PRIORITY,
            Waterfall(FIND_EMAIL.kind, (Step(SLUG, deadline_s=900.0),)),
            id="a step with a deadline of its own",
        ),
    ],
)
async def test_who_is_in_a_hurry_is_asked_about_alone(
    scene: Scene, priority: int, steps: Waterfall
) -> None:
    await scene.accept(LEADS)

    await scene.run(await scene.claim(priority), steps)

    assert scene.vendor.together == []
    assert sorted(scene.vendor.alone) == sorted(people())


async def test_the_few_are_asked_about_alone(scene: Scene) -> None:
    """Whoever would have an answer alone before a bulk has one does not wait for that."""
    await scene.accept(2)

    await scene.run(await scene.claim())

    assert scene.vendor.together == []


async def test_after_a_lost_answer_each_is_asked_about_alone(scene: Scene, vendor: Vendor) -> None:
    """It may have been any of them over which the bulk failed; it costs none of the others more."""
    vendor.cuts = True
    await scene.accept(LEADS)
    await scene.run(await scene.claim())
    together = sorted(scene.vendor.in_bulk)
    before = len(scene.vendor.alone)
    # So long that it is sure that nobody is at it any more.
    await scene.shop.pool.execute(
        "update calls set intended_at = intended_at - $1::interval", 2 * LEASE
    )

    await scene.run(await scene.claim())

    assert sorted(scene.vendor.alone[before:]) == together
    assert sorted(scene.vendor.in_bulk) == together
    assert await scene.asks() == {1: LEADS - len(together), 2: len(together)}


async def test_one_who_is_refused_is_found_among_the_others(scene: Scene, vendor: Vendor) -> None:
    """The others have their answers all the same; the request goes again in halves."""
    vendor.refuses = f"Okafor{LEADS * 3 // 5}"
    await scene.accept(LEADS)

    await scene.run(await scene.claim())

    assert await scene.answers() == [
        *[("found", None)] * (len(set(scene.vendor.in_bulk)) - 1),
        ("no_answer", "request_refused"),
    ]


async def test_a_bulk_that_names_nobody_is_not_made_again(scene: Scene, vendor: Vendor) -> None:
    """Should its format be another than is known, one bulk is lost and not all of them."""
    vendor.names_nobody = True
    await scene.accept(LEADS)
    before = unread()
    await scene.run(await scene.claim())
    lost = scene.vendor.in_bulk
    bulks = len(scene.vendor.together)

    await scene.accept(LEADS)
    await scene.run(await scene.claim())

    assert await scene.answers() == [("no_answer", "unnamed_row")] * len(lost)
    assert bulks == len(scene.vendor.together) > 0
    assert unread() - before == bulks


async def test_where_the_bulk_is_shut_leads_are_asked_about_alone(scene: Scene) -> None:
    """It has a gate of its own: what fails there says nothing about single requests."""
    (await scene.gate(bulk=True)).note_fault(Throttled(60.0), 0.0)
    await scene.accept(LEADS)

    await scene.run(await scene.claim())

    assert scene.vendor.together == []
    assert sorted(scene.vendor.alone) == sorted(people())


async def test_a_worker_that_ends_begins_no_bulk(scene: Scene, vendor: Vendor) -> None:
    """Its answer would come when nobody is there to keep it, and is paid for."""
    scene.stopping.set()
    await scene.accept(LEADS)

    await scene.run(await scene.claim())

    assert vendor.together == []
    states = await scene.shop.pool.fetch("select state, count(*) from lookups group by 1")
    assert dict(states) == {"running": len(vendor.alone), "waiting": LEADS - len(vendor.alone)}
    assert len(vendor.alone) < LEADS
