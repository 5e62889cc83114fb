"""`GET /v1/enrichment/jobs/{jobId}/leads/{leadId}`: each step as it went, by the numbers."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from service.domain.claim import Answer, Claim, Settlement
from service.domain.identifiers import new_id
from service.domain.kinds import Face
from service.domain.outcome import OutcomeName
from service.flows.settle_lookups import settle_lookups
from service.store.calls import Intent, Note, write_answers, write_intents, write_notes
from service.store.claims import claim_lookups
from service.store.processes import beat
from tests.api.stage import Stage, people

LEASE = timedelta(seconds=30)
ANSWERED_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FOUND = {"email": "ada@one.example", "verdict": "deliverable"}


async def start(stage: Stage) -> tuple[str, str]:
    """Start a job over one lead; return the ids of both."""
    (lead_id,) = await stage.add_leads(people(1))
    status, body = await stage.sendkit({"leadIds": [lead_id], "enrichmentTypes": ["email"]})
    assert status == 200, body
    return body["data"]["jobs"][0]["jobId"], lead_id


async def claim_one(stage: Stage, owner: UUID) -> Claim:
    """Claim the job's lookup as a living worker does."""
    async with stage.pool.acquire() as connection:
        await beat(connection, owner, "worker", "test", 1)
        (claim,) = await claim_lookups(
            connection, owner, priority=1, count_max=1, after_workspace=0
        )
    return claim


async def run(stage: Stage) -> None:
    """Do a worker's part: from memory, passed over, waited at a gate and found."""
    claim = await claim_one(stage, new_id())
    lookup, epoch, missing = claim.lookup_id, claim.epoch, OutcomeName.MISSING
    notes = [
        Note(lookup, 0, epoch, "hunter", missing, from_memory_at=ANSWERED_AT),
        Note(lookup, 1, epoch, "icypeas", OutcomeName.NO_ANSWER, "gate_shut:breaker"),
    ]
    intent = Intent(lookup, 2, "leadmagic", epoch, credential="key:1", gate_wait_ms=120)
    answer = Answer(lookup, 2, epoch, OutcomeName.FOUND, FOUND, None, 1_000, 85)
    async with stage.pool.acquire() as connection, connection.transaction():
        await write_notes(connection, notes)
        await write_intents(connection, [intent], LEASE)
        await write_answers(connection, [answer])
    settlement = Settlement(claim, OutcomeName.FOUND, FOUND)
    await settle_lookups(stage.pool, [settlement], stage.context.publication)


def told(step: dict[str, Any], *names: str) -> tuple[Any, ...]:
    """Return these fields of a step."""
    return tuple(step[name] for name in names)


async def test_every_step_is_told(stage: Stage) -> None:
    """Provider, outcome, cost, cache, gate and times of each step, in their order."""
    job_id, lead_id = await start(stage)
    await run(stage)

    status, body = await stage.get(f"/v1/enrichment/jobs/{job_id}/leads/{lead_id}", Face.SENDKIT)

    assert status == 200
    recalled, passed_over, asked = body["data"]["steps"]
    assert told(recalled, "provider", "outcome", "requests", "fromCache", "cachedAt") == (
        "hunter",
        "missing",
        0,
        True,
        "2026-01-02T03:04:05.000Z",
    )
    assert told(passed_over, "provider", "outcome", "reason", "gateWaitMs") == (
        "icypeas",
        "no_answer",
        "gate_shut:breaker",
        0,
    )
    assert told(asked, "provider", "ownKey", "outcome", "requests", "providerCredits") == (
        "leadmagic",
        True,
        "found",
        1,
        1.0,
    )
    assert told(asked, "gateWaitMs", "durationMs", "fromCache") == (120, 85, False)
    assert (body["data"]["jobId"], body["data"]["outcome"]) == (job_id, "found")


async def test_an_answer_remembered_of_an_own_key_is_told_as_such(stage: Stage) -> None:
    """Nobody was asked, and yet it is the own key's job and the own key's memory."""
    job_id, lead_id = await start(stage)
    await run(stage)
    await stage.fetch("update jobs set own_provider = 'hunter'")

    _, body = await stage.get(f"/v1/enrichment/jobs/{job_id}/leads/{lead_id}", Face.SENDKIT)

    recalled, passed_over, _ = body["data"]["steps"]
    assert [step["ownKey"] for step in (recalled, passed_over)] == [True, False]


async def test_a_lead_that_waits_has_no_steps(stage: Stage) -> None:
    job_id, lead_id = await start(stage)
    _, body = await stage.get(f"/v1/enrichment/jobs/{job_id}/leads/{lead_id}", Face.SENDKIT)
    assert (body["data"]["steps"], body["data"]["outcome"]) == ([], None)


@pytest.mark.parametrize("path", ["bulk_x/leads/{lead}", "{job}/leads/0123456789abcdef01234567"])
async def test_what_is_not_there_is_404(stage: Stage, path: str) -> None:
    job_id, lead_id = await start(stage)
    where = path.format(job=job_id, lead=lead_id)
    status, body = await stage.get(f"/v1/enrichment/jobs/{where}", Face.SENDKIT)
    assert (status, body["error"]["code"]) == (404, "NOT_FOUND")
