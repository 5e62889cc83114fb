"""Starting an enrichment on the Seleqt face and waiting for it."""

import asyncio
from typing import Any

import pytest

from tests.api.conftest import OpenStage
from tests.api.stage import Stage, found, found_if_first_name, missing, people

SYNC: dict[str, Any] = {"mode": "sync"}


@pytest.mark.parametrize("listen", [True, False])
async def test_the_page_s_sync_example_answers_as_shown(
    open_stage: OpenStage, *, listen: bool
) -> None:
    """Rows come as the page shows them, whether or not announcements can be heard."""
    stage = await open_stage(100, listen=listen)
    await stage.add_leads(
        [
            {"first_name": "John", "last_name": "Doe", "company_domain": "company.com"},
            {"first_name": "Jane", "last_name": "Smith", "company_domain": "company.com"},
        ]
    )
    john, jane = [row["id"] for row in await stage.fetch("select id from leads order by id")]

    (status, body), _ = await asyncio.gather(
        stage.seleqt(SYNC), stage.settle_sync(found_if_first_name("John"))
    )

    assert status == 200
    assert body.pop("job_id").startswith("bulk_find_email_")
    assert body == {
        "success": True,
        "mode": "sync",
        "enrichment_type": "FIND_EMAIL",
        "total_count": 2,
        "success_count": 1,
        "pending_count": 0,
        "credits_deducted": 6,
        "credits_refunded": 3,
        "remaining_credits": 97,
        "results": [
            {
                "id": john,
                "first_name": "John",
                "last_name": "Doe",
                "success": True,
                "data": {"email": "john@found.example"},
            },
            {
                "id": jane,
                "first_name": "Jane",
                "last_name": "Smith",
                "success": False,
                "data": {"email": None},
                "message": "Email not found",
            },
        ],
    }


async def test_phones_come_under_both_names(stage: Stage) -> None:
    """A phone result carries the number as `phone` and as `phone_number`."""
    await stage.add_leads(people(1))

    (_, body), _ = await asyncio.gather(
        stage.seleqt({**SYNC, "enrichment_type": "FIND_PHONE"}), stage.settle_sync(found)
    )

    assert body["results"][0]["data"] == {"phone": "+14155550100", "phone_number": "+14155550100"}


async def test_at_the_deadline_the_settled_rows_are_answered(open_stage: OpenStage) -> None:
    """What is not settled in time is named as still processing, and the job goes on."""
    stage = await open_stage(limits={"sync_deadline_s": 2.0})
    await stage.add_leads(people(2))

    (status, body), _ = await asyncio.gather(
        stage.seleqt(SYNC), stage.settle_sync(found, count_max=1)
    )

    assert status == 200
    assert (body["total_count"], body["success_count"], body["pending_count"]) == (2, 1, 1)
    assert [row.get("message") for row in body["results"]] == [None, "Still processing"]
    assert await stage.settle_sync(missing) == 1
    results = await stage.get_seleqt(f"enrichment/{body['job_id']}/results/")
    assert (results["pending_count"], results["credits_refunded"]) == (0, 3)


async def test_a_stopping_process_answers_all_who_wait(stage: Stage) -> None:
    """Draining ends every wait at once, in the shape of the deadline."""
    await stage.add_leads(people(2))

    async def drain() -> None:
        await stage.settle_sync(found, count_max=1)
        stage.context.draining.set()  # type: ignore[attr-defined]

    async with asyncio.timeout(10):
        (status, body), _ = await asyncio.gather(stage.seleqt(SYNC), drain())

    assert status == 200
    assert body["pending_count"] == 1


async def test_waiting_holds_no_connection(stage: Stage) -> None:
    """More callers than the pool has connections wait while other requests are served."""
    await stage.add_leads(people(12))
    calls = [
        asyncio.create_task(
            stage.seleqt({**SYNC, "prospect_limit": 1}, Idempotency_Key=str(number))
        )
        for number in range(12)
    ]
    async with asyncio.timeout(10):
        while len(await stage.fetch("select 1 from jobs")) < 12:
            await asyncio.sleep(0.01)

    assert len((await stage.get_seleqt("leads/"))["prospects"]) == 12
    await stage.settle_sync(found)
    answers = await asyncio.gather(*calls)
    assert {status for status, _ in answers} == {200}


async def test_no_eligible_lead_answers_at_once(stage: Stage) -> None:
    """Zero leads are a success without rows; nobody waits."""
    status, body = await stage.seleqt(SYNC)

    assert status == 200
    assert (body["total_count"], body["results"], body["pending_count"]) == (0, [], 0)


async def test_too_many_waiters_are_refused_before_any_charge(open_stage: OpenStage) -> None:
    """Above the bound a caller is told to come again, and nothing is written."""
    stage = await open_stage(limits={"sync_waiters_max": 1, "sync_deadline_s": 5})
    await stage.add_leads(people(2))
    first = asyncio.create_task(stage.seleqt({**SYNC, "prospect_limit": 1}))
    async with asyncio.timeout(10):
        while not await stage.fetch("select 1 from jobs"):
            await asyncio.sleep(0.01)
    before = await stage.count_rows()

    status, body = await stage.seleqt(SYNC)

    assert status == 503
    assert "Try again" in body["error"]
    assert await stage.count_rows() == before
    await stage.settle_sync(found)
    assert (await first)[0] == 200


async def test_a_repeated_call_joins_the_wait(stage: Stage) -> None:
    """Two calls with one key are one job; both get its rows."""
    await stage.add_leads(people(1))

    first, second, _ = await asyncio.gather(
        stage.seleqt(SYNC, Idempotency_Key="same"),
        stage.seleqt(SYNC, Idempotency_Key="same"),
        stage.settle_sync(found),
    )

    assert first == second
    assert first[1]["success_count"] == 1
    assert len(stage.rings) == 1
    third = await stage.seleqt(SYNC, Idempotency_Key="same")
    assert third == first
