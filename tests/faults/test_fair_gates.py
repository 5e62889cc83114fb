"""A crowd of leads at vendors that may be asked seldom: another workspace goes on beside it."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest
import structlog

from providers.sandbox.server import Sandbox, start_sandbox
from service import app
from service.domain.kinds import Kind
from service.domain.waterfall import Step, Waterfall
from service.settings import MemorySettings, ProviderSettings, Settings, WorkerSettings
from tests.flows.workshop import TYPES, open_workshop

_log = structlog.get_logger()

# `make faults` asks for the real size, and for more vendors.
IS_FULL = "FAULT_CROWD" in os.environ
CROWD = range(12, 12 + int(os.environ.get("FAULT_CROWD", "1000")))
# Real seconds per vendor second; their published rates are as many times as high.
TIME_SCALE = float(os.environ.get("FAULT_CROWD_SCALE", "0.1"))
# For so long the crowd has the vendors for itself, in their time.
AHEAD_S = float(os.environ.get("FAULT_CROWD_AHEAD", "10"))
FEW, ONE = range(1, 11), range(11, 12)
MORE_S_MAX = 3.0
"""How much later than in an empty house it may be; first come, first served made it 7.5 s."""
POLL_S_MAX = 20.0
"""A vendor that is polled is not ready at once, which may cost a poll more; in its own time."""
FINISHED_S = 300.0

VENDORS = [("prospeo",), ("icypeas",), ("prospeo", "icypeas", "bettercontact")]
"""One that answers at once, one that answers later and is read seldom, and a waterfall of both."""


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Vendors that count requests, in a clock of their own."""
    started = await start_sandbox(time_scale=TIME_SCALE)
    yield started
    await started.stop()


@dataclass
class House:
    """One service with many workspaces."""

    pool: asyncpg.Pool
    waterfall: Waterfall

    async def order(self, people: range, *, mode: str = "async") -> str:
        """Let a new workspace order these people, who are the same in every one; return the job."""
        count = len(people)
        shop = await open_workshop(self.pool, credits_granted=count * 6)
        rows = await self.pool.fetch(
            "insert into leads (workspace_id, first_name, last_name, company_domain)"
            " select $1, 'Ada' || translate(n::text, '0123456789', 'abcdefghij'),"
            " 'Ng' || translate(n::text, '0123456789', 'klmnopqrst'), 'brightwater.leadfall'"
            " from generate_series($2::int, $3::int) n returning id",
            shop.workspace_id,
            people.start,
            people.stop - 1,
        )
        accepted = await shop.accept(
            [row["id"] for row in rows],
            job_types=(TYPES["FIND_EMAIL_WATERFALL"],),
            price=6,
            mode=mode,
            waterfall=self.waterfall,
        )
        return accepted.jobs[0].public_id

    async def time(self, people: range, *, mode: str = "async") -> float:
        """Return the seconds from the order of these people to the end of their job."""
        began_at = time.monotonic()
        job_id = await self.order(people, mode=mode)
        async with asyncio.timeout(FINISHED_S):
            while not await self.pool.fetchval(
                "select finished_at is not null from jobs where public_id = $1", job_id
            ):
                await asyncio.sleep(0.02)
        return time.monotonic() - began_at


@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("vendors", VENDORS if IS_FULL else VENDORS[:1], ids="+".join)
async def test_a_crowd_delays_a_neighbour_by_seconds(
    pool: asyncpg.Pool,
    database_url: str,
    redis_url: str,
    sandbox: Sandbox,
    vendors: tuple[str, ...],
) -> None:
    """Ten leads of another workspace, and a caller who waits for one, hardly notice it."""
    settings = Settings(
        database_url=database_url,
        redis_url=redis_url,
        vendor_time_scale=TIME_SCALE,
        worker=WorkerSettings(drain_grace_s=0.1),
        # The same people are asked about twice: how long vendors take is theirs.
        memory=MemorySettings(enabled=False),
        providers={
            slug: ProviderSettings(api_key="sandbox", base_url=sandbox.base_urls[slug])
            for slug in vendors
        },
    )
    house = House(pool, Waterfall(Kind.FIND_EMAIL_WATERFALL, tuple(map(Step, vendors))))
    async with app.worker(settings):
        alone_s = await house.time(FEW), await house.time(ONE, mode="sync")
        await house.order(CROWD)
        await asyncio.sleep(AHEAD_S * TIME_SCALE)

        beside_s = await house.time(FEW), await house.time(ONE, mode="sync")
        _log.info("crowd.met", vendors=vendors, alone_s=alone_s, beside_s=beside_s)
        more_s = [after - before for before, after in zip(alone_s, beside_s, strict=True)]
        unfinished = await pool.fetchval("select count(*) from jobs where finished_at is null")

    assert unfinished == 1
    assert max(more_s) <= MORE_S_MAX + POLL_S_MAX * TIME_SCALE
