"""Idempotency-Key on both faces."""

import asyncio
from typing import Any

import pytest

from tests.api.conftest import OpenStage
from tests.api.stage import Stage, found, people

BODY: dict[str, Any] = {"prospect_limit": 5}


async def test_a_repeated_request_is_charged_once(stage: Stage) -> None:
    """The same key and body get the same job; nothing is written or rung again."""
    await stage.add_leads(people(9))
    first = await stage.seleqt(BODY, Idempotency_Key="key-1")
    before = await stage.count_rows()

    second = await stage.seleqt(BODY, Idempotency_Key='"key-1"')

    assert second == first
    assert await stage.count_rows() == before
    assert len(stage.rings) == 1


async def test_two_requests_at_once_with_one_key_are_one(stage: Stage) -> None:
    """Requests that race with one key make one set of jobs and one charge."""
    ids = await stage.add_leads(people(50))
    body = {"leadIds": ids, "enrichmentTypes": ["phoneEnrichment", "segGateway"]}
    before = await stage.balance()

    answers = await asyncio.gather(*(stage.sendkit(body, Idempotency_Key="race") for _ in range(6)))

    assert {status for status, _ in answers} == {200}
    assert len({str(answer["data"]["jobs"]) for _, answer in answers}) == 1
    assert await stage.balance() == before - 1_000
    assert len(await stage.fetch("select 1 from jobs")) == 2
    assert len(stage.rings) == 1


@pytest.mark.parametrize("other", [{"prospect_limit": 4}, b'{"prospect_limit":  5}', None])
async def test_another_body_under_the_same_key_is_refused(stage: Stage, other: Any) -> None:
    """A key stands for the very bytes it came with."""
    await stage.add_leads(people(9))
    await stage.seleqt(BODY, Idempotency_Key="key-1")
    before = await stage.count_rows()

    status, body = await stage.seleqt(other, Idempotency_Key="key-1")

    assert status == 422
    assert "use a new key" in body["error"]
    assert await stage.count_rows() == before


async def test_another_list_under_the_same_key_is_refused(stage: Stage) -> None:
    """The route is part of what a key stands for."""
    await stage.seleqt(BODY, Idempotency_Key="key-1")

    status, _ = await stage.seleqt(BODY, list_id=stage.tenant.company_list, Idempotency_Key="key-1")

    assert status == 422


async def test_the_answer_is_rebuilt_from_the_jobs(stage: Stage) -> None:
    """A replay tells the state the jobs are in now, and who was skipped then."""
    first, second = await stage.add_leads(people(2))
    await stage.sendkit({"leadIds": [first], "enrichmentTypes": ["segGateway"]})
    body = {"leadIds": [first, second], "enrichmentTypes": ["segGateway"]}
    _, before = await stage.sendkit(body, Idempotency_Key="k")
    await stage.settle(found)

    status, after = await stage.sendkit(body, Idempotency_Key="k")

    assert status == 200
    assert before["data"]["skippedLeadIds"] == after["data"]["skippedLeadIds"] == [first]
    assert after["data"]["jobs"] == [{**before["data"]["jobs"][0], "status": "completed"}]
    assert after["data"]["totalLeads"] == 2


async def test_a_refused_request_does_not_use_its_key(open_stage: OpenStage) -> None:
    """After a refusal the same key may carry another body."""
    stage = await open_stage(3)
    await stage.add_leads(people(9))
    refused, _ = await stage.seleqt(BODY, Idempotency_Key="k")

    status, body = await stage.seleqt({"prospect_limit": 1}, Idempotency_Key="k")

    assert (refused, status) == (400, 200)
    assert body["enriched_count"] == 1


async def test_a_replay_outlives_a_change_of_the_set_up(stage: Stage) -> None:
    """What was accepted is answered even when it could not be accepted any more."""
    await stage.add_leads(people(1))
    first = await stage.seleqt(BODY, Idempotency_Key="k")
    await stage.fetch("update lists set search_type = 'COMPANY' returning id")

    assert await stage.seleqt(BODY, Idempotency_Key="k") == first


@pytest.mark.parametrize("key", ["", "k" * 256, "ключ", '""'])
async def test_a_key_that_is_none(stage: Stage, key: str) -> None:
    """A key must be 1 to 255 printable ASCII characters."""
    status, body = await stage.seleqt(BODY, Idempotency_Key=key)

    assert status == 400
    assert "1 to 255 printable ASCII" in body["error"]


async def test_keys_of_workspaces_and_faces_are_apart(stage: Stage) -> None:
    """The same text may be used once in each face."""
    ids = await stage.add_leads(people(1))

    seleqt, _ = await stage.seleqt({}, Idempotency_Key="k")
    sendkit, _ = await stage.sendkit(
        {"leadIds": ids, "enrichmentTypes": ["segGateway"]}, Idempotency_Key="k"
    )

    assert (seleqt, sendkit) == (200, 200)


async def test_accepts_at_once_over_the_same_leads_share_them(stage: Stage) -> None:
    """Racing requests never open two lookups for a lead, and charge exactly what they opened."""
    await stage.add_leads(people(200))

    answers = await asyncio.gather(*(stage.seleqt({"prospect_limit": 150}) for _ in range(5)))

    bodies = [body for _, body in answers]
    assert {status for status, _ in answers} == {200}
    assert sum(body["enriched_count"] for body in bodies) == 200
    assert sum(body["credits_deducted"] for body in bodies) == 600
    assert await stage.balance() == 400
    doubled = await stage.fetch("select lead_id from lookups group by lead_id having count(*) > 1")
    assert doubled == []


async def test_accepts_at_once_over_both_faces(stage: Stage) -> None:
    """Both faces fill phones, and share a lead's one open lookup."""
    ids = await stage.add_leads(people(20))
    body = {"leadIds": ids, "enrichmentTypes": ["phoneEnrichment"]}

    (_, seleqt), (_, sendkit) = await asyncio.gather(
        stage.seleqt({"enrichment_type": "FIND_PHONE"}), stage.sendkit(body)
    )

    opened = seleqt["enriched_count"] + sendkit["data"]["jobs"][0]["totalItems"]
    assert opened == 20
    charged = seleqt["credits_deducted"] + sendkit["data"]["totalCreditsCharged"]
    assert await stage.balance() == 1_000 - charged
    assert len(sendkit["data"]["skippedLeadIds"]) == seleqt["enriched_count"]
