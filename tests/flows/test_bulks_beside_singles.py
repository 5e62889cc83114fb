"""A big job at a vendor with both routes, from its acceptance to its end, beside the sandbox."""

from collections import Counter
from collections.abc import AsyncIterator

import asyncpg
import pytest

from providers.sandbox.expectation import expected
from providers.sandbox.server import Sandbox, start_sandbox
from service import app
from service.domain.kinds import JobType, Kind
from service.domain.lead_input import LeadInput
from service.domain.waterfall import Step, Waterfall
from service.settings import ProviderSettings, Settings, WorkerSettings
from tests.faults.enrichment import until
from tests.flows.workshop import TYPES, open_workshop

LEADS = 1_500
"""So many that the slots are full for a while, and the line longer than a bulk takes."""
SLOTS = 500
FINISHED_S = 60.0


@pytest.fixture
async def sandbox(time_scale: float) -> AsyncIterator[Sandbox]:
    """Vendors that are well."""
    started = await start_sandbox(time_scale=time_scale)
    yield started
    await started.stop()


@pytest.mark.timeout(90)
@pytest.mark.parametrize(
    ("slug", "job_type", "time_scale"),
    [
        pytest.param("leadmagic", TYPES["FIND_EMAIL"], 0.05, id="leadmagic"),
        pytest.param("prospeo", TYPES["FIND_EMAIL"], 0.005, id="prospeo"),
        pytest.param("millionverifier", TYPES["email"], 0.01, id="millionverifier"),
    ],
)
async def test_each_lead_is_asked_about_once_by_one_route_or_the_other(
    pool: asyncpg.Pool,
    database_url: str,
    redis_url: str,
    sandbox: Sandbox,
    *,
    slug: str,
    job_type: JobType,
) -> None:
    """Both routes are used, every end is what is true, and no limit of the vendor is exceeded."""
    settings = Settings(
        database_url=database_url,
        redis_url=redis_url,
        lease_s=2,
        worker=WorkerSettings(concurrency=SLOTS),
        vendor_time_scale=sandbox.addresses.time_scale,
        providers={slug: ProviderSettings(api_key="sandbox", base_url=sandbox.base_urls[slug])},
    )
    shop = await open_workshop(pool, credits_granted=LEADS)
    leads = await shop.add_leads(LEADS)
    await pool.execute(
        "update leads set last_name = translate(last_name, '0123456789', 'abcdefghij')"
    )
    if job_type.kind is Kind.VERIFY_EMAIL:
        await pool.execute(
            "update leads set email_source = 'given',"
            " email = lower(first_name || '.' || last_name || '@' || company_domain)"
        )
    accepted = await shop.accept(
        leads,
        job_types=(job_type,),
        price=1,
        skip_filled=False,
        waterfall=Waterfall(job_type.kind, (Step(slug),)),
    )

    async with app.worker(settings):
        await until(pool, "finished_at is not null", accepted.jobs[0].public_id, FINISHED_S)

    calls = await pool.fetch(
        "select k.input, k.outcome, c.ask_count, c.submission_id is not null as in_bulk"
        " from lookups k join calls c on c.lookup_id = k.id"
    )
    assert Counter(call["in_bulk"] for call in calls).keys() == {True, False}
    assert {call["ask_count"] for call in calls} == {1}
    assert [
        (call["input"], call["outcome"])
        for call in calls
        if call["outcome"]
        != expected(LeadInput.from_row(call["input"]), job_type.kind, [slug]).outcome
    ] == []
    assert len(sandbox.books.entries(limit=2 * LEADS)) == LEADS == len(calls)
    assert sandbox.books.summary()["violations"] == {}
