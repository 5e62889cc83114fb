"""What a claim writes that was lost to another one, in one batch with what that writes."""

import random
from uuid import UUID

import asyncpg
import pytest

from service.domain.claim import Claim
from service.domain.identifiers import new_id
from service.domain.outcome import OutcomeName
from service.store.calls import Grant, Intent, Note, write_notes
from tests.flows.test_single_flight import QUESTION, intend, intent
from tests.flows.workshop import new_worker, open_workshop

COUNT = 20


@pytest.fixture
async def claimed_twice(pool: asyncpg.Pool) -> tuple[list[Claim], list[Claim]]:
    """Claims that were lost, and the present ones of the same lookups."""
    shop, owner = await open_workshop(pool), await new_worker(pool)
    await shop.accept(await shop.add_leads(COUNT))
    lost = await shop.claim(owner)
    await pool.execute("update lookups set state = 'ready', owner = null")
    return lost, await shop.claim(owner)


def note(claim: Claim) -> Note:
    """Return that the claim's first step was passed over."""
    reason = f"gate_shut:{claim.epoch}"
    return Note(claim.lookup_id, 0, claim.epoch, "leadmagic", OutcomeName.NO_ANSWER, reason)


async def test_only_the_present_claim_asks(
    pool: asyncpg.Pool, claimed_twice: tuple[list[Claim], list[Claim]]
) -> None:
    """Whatever the order in which both came into one batch."""
    lost, present = claimed_twice
    batch = [*lost, *present]
    random.Random(1).shuffle(batch)  # noqa: S311 - an order, no secret

    grants = await intend(
        pool, [Intent(each.lookup_id, 0, "leadmagic", each.epoch) for each in batch]
    )

    assert grants == [Grant.GRANTED if each in present else Grant.LOST for each in batch]


async def test_an_intent_that_came_twice_is_granted_once(
    pool: asyncpg.Pool, claimed_twice: tuple[list[Claim], list[Claim]]
) -> None:
    """Two who are granted would both ask."""
    _, (first, *_) = claimed_twice

    grants = await intend(pool, [intent(first, QUESTION)] * 2)

    assert grants == [Grant.GRANTED, Grant.FOLLOW]


async def test_only_the_present_claim_passes_over(
    pool: asyncpg.Pool, claimed_twice: tuple[list[Claim], list[Claim]]
) -> None:
    """Both in one batch are no error."""
    lost, present = claimed_twice

    async with pool.acquire() as connection:
        await write_notes(connection, [note(each) for each in (*lost, *present)])

    reasons = await pool.fetch("select reason from calls")
    assert [row["reason"] for row in reasons] == ["gate_shut:2"] * COUNT


async def test_a_lost_claim_does_not_end_what_is_asked(
    pool: asyncpg.Pool, claimed_twice: tuple[list[Claim], list[Claim]]
) -> None:
    """Else the answer that is on its way would be refused."""
    (lost, *_), (present, *_) = claimed_twice
    await intend(pool, [intent(present, QUESTION)])

    async with pool.acquire() as connection:
        await write_notes(connection, [note(lost)])

    assert await pool.fetchval("select outcome from calls") is None


async def test_what_was_passed_over_is_followed_by_nobody(
    pool: asyncpg.Pool, claimed_twice: tuple[list[Claim], list[Claim]]
) -> None:
    """Also where a submission had asked it, of which nothing more will come."""
    _, (first, second, *_) = claimed_twice
    await intend(pool, [intent(first, QUESTION, await _abandoned(pool))])

    async with pool.acquire() as connection:
        await write_notes(connection, [note(first)])

    assert await pool.fetchval("select outcome from calls") == "interrupted"
    assert await intend(pool, [intent(second, QUESTION)]) == [Grant.GRANTED]


async def _abandoned(pool: asyncpg.Pool) -> UUID:
    submission_id = new_id()
    await pool.execute(
        "insert into submissions"
        " (id, provider, capability, credential, token, state, deadline_at, created_at)"
        " values ($1, 'leadmagic', 'find_email', 'operator', gen_random_uuid(), 'abandoned', now(),"
        " now())",
        submission_id,
    )
    return submission_id
