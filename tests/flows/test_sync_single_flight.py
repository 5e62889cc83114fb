"""A caller who waits asks by itself rather than wait for those who have more time."""

import asyncpg
import pytest

from service.domain.claim import Claim
from service.domain.identifiers import new_id
from service.store.calls import Grant, Intent, withdraw_intents
from service.store.memory import recall
from tests.flows.test_single_flight import QUESTION, claim_for_two, intend, intent

Asked = tuple[Claim, list[Claim]]
"""Who asked first and has time, and three more who ask the same: two callers who wait, and a lead
of a job."""


@pytest.fixture
async def claims(pool: asyncpg.Pool) -> Asked:
    """All of them, before anything is asked."""
    (patient, *others), _ = await claim_for_two(pool, 4)
    await pool.execute(
        "update lookups set priority = 0 where id = any($1)",
        [each.lookup_id for each in others[:2]],
    )
    return patient, others


async def judged_alike(pool: asyncpg.Pool, wanted: Intent) -> Grant:
    """Return what becomes of an intent, which on the way to the gate is told the same."""
    async with pool.acquire() as connection:
        (recalled,) = await recall(connection, [wanted])
    (grant,) = await intend(pool, [wanted])
    assert (recalled is Grant.FOLLOW) == (grant is Grant.FOLLOW)
    return grant


async def test_what_was_put_off_holds_up_no_caller(pool: asyncpg.Pool, claims: Asked) -> None:
    """Nobody is asking yet; the second caller follows the first, and the job both."""
    patient, (caller, second, job) = claims
    await intend(pool, [intent(patient, QUESTION)])
    async with pool.acquire() as connection:
        await withdraw_intents(connection, [intent(patient, QUESTION)])

    assert await judged_alike(pool, intent(job, QUESTION)) is Grant.FOLLOW
    assert await judged_alike(pool, intent(caller, QUESTION)) is Grant.GRANTED
    assert await judged_alike(pool, intent(second, QUESTION)) is Grant.FOLLOW


async def test_a_bulk_holds_up_no_caller(pool: asyncpg.Pool, claims: Asked) -> None:
    """It may take a quarter of an hour, where alone it takes a second."""
    patient, (caller, second, job) = claims
    await submit(pool, patient)

    assert await judged_alike(pool, intent(job, QUESTION)) is Grant.FOLLOW
    assert await judged_alike(pool, intent(caller, QUESTION)) is Grant.GRANTED
    assert await judged_alike(pool, intent(second, QUESTION)) is Grant.FOLLOW


async def test_where_nobody_can_ask_alone_a_caller_follows(
    pool: asyncpg.Pool, claims: Asked
) -> None:
    """Another submission would be answered no sooner."""
    patient, (caller, *_) = claims
    await submit(pool, patient)

    assert await judged_alike(pool, intent(caller, QUESTION, alone=False)) is Grant.FOLLOW


async def test_who_is_being_asked_alone_is_followed(pool: asyncpg.Pool, claims: Asked) -> None:
    """That answer comes as soon as one's own would."""
    patient, (caller, *_) = claims
    await intend(pool, [intent(patient, QUESTION)])

    assert await judged_alike(pool, intent(caller, QUESTION)) is Grant.FOLLOW


async def test_they_may_come_together(pool: asyncpg.Pool, claims: Asked) -> None:
    """In one batch as one after the other."""
    patient, others = claims
    await submit(pool, patient)

    grants = await intend(pool, [intent(each, QUESTION) for each in reversed(others)])

    assert grants == [Grant.FOLLOW, Grant.FOLLOW, Grant.GRANTED]


async def test_what_nobody_waits_for_holds_up_no_caller(pool: asyncpg.Pool, claims: Asked) -> None:
    """As where its worker died, and its lookup waits for what may come of it."""
    patient, (caller, *_) = claims
    await intend(pool, [intent(patient, QUESTION)])
    await _park(pool, patient)

    assert await judged_alike(pool, intent(caller, QUESTION)) is Grant.GRANTED


async def submit(pool: asyncpg.Pool, claim: Claim) -> None:
    """Let a claim's question be one of a submission that the vendor works on."""
    submission_id = new_id()
    await pool.execute(
        "insert into submissions"
        " (id, provider, capability, credential, token, state, handle, deadline_at, created_at)"
        " values ($1, 'leadmagic', 'find_email', 'operator', gen_random_uuid(), 'submitted', 'h',"
        " now() + interval '900 seconds', now())",
        submission_id,
    )
    await intend(pool, [intent(claim, QUESTION, submission_id, alone=False)])
    await _park(pool, claim)


async def _park(pool: asyncpg.Pool, claim: Claim) -> None:
    await pool.execute(
        "update lookups set state = 'waiting', owner = null, wake_at = now() + interval '1 hour'"
        " where id = $1",
        claim.lookup_id,
    )
