"""A caller who hangs up while he waits changes nothing."""

import asyncio
from typing import Any

from tests.api.conftest import OpenStage
from tests.api.stage import Stage, found, people

SYNC: dict[str, Any] = {"mode": "sync", "prospect_limit": 1}


async def hang_up_while_waiting(stage: Stage) -> None:
    """Send a sync request on a connection of its own, and drop it once the job is there."""
    url = stage.client.make_url("/")
    _, writer = await asyncio.open_connection(url.host, url.port)
    body = b'{"mode":"sync","prospect_limit":1}'
    writer.write(
        f"POST /api/v1/public/lead-lists/{stage.tenant.people_list}/enrichment/ HTTP/1.1\r\n"
        f"Host: leadfall\r\nX-API-Key: {stage.tenant.seleqt_key.text}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    async with asyncio.timeout(10):
        while not await stage.fetch("select 1 from jobs"):
            await asyncio.sleep(0.01)
    writer.close()
    await writer.wait_closed()


async def ask_until_served(stage: Stage) -> list[int]:
    """Ask for a place among those who wait until there is one; return each answer's status."""
    statuses: list[int] = []
    async with asyncio.timeout(10):
        while 200 not in statuses:
            statuses.append((await stage.seleqt({**SYNC, "prospect_limit": 0}))[0])
            await asyncio.sleep(0.05)
    return statuses


async def test_his_place_is_soon_another_s(open_stage: OpenStage) -> None:
    """The place of one who left is free long before the deadline."""
    stage = await open_stage(limits={"sync_waiters_max": 1, "sync_deadline_s": 60})
    await stage.add_leads(people(2))
    await hang_up_while_waiting(stage)

    statuses = await ask_until_served(stage)

    assert set(statuses) <= {200, 503}


async def test_his_job_goes_on(open_stage: OpenStage) -> None:
    """The job ends as it would have, charged and with its results."""
    stage = await open_stage(limits={"sync_deadline_s": 60, "requests_per_minute": 1_000})
    await stage.add_leads(people(1))
    await hang_up_while_waiting(stage)

    assert await stage.settle_sync(found) == 1
    (job,) = await stage.fetch("select public_id, charged, found_count from jobs")
    results = await stage.get_seleqt(f"enrichment/{job['public_id']}/results/")

    assert (job["charged"], job["found_count"]) == (3, 1)
    assert results["results"][0]["success"] is True
    assert await stage.balance() == 997
