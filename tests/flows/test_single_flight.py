"""Single flight between workers: of equal questions few are asked, and one at first."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from service.domain.claim import Answer, Claim
from service.domain.outcome import OutcomeName
from service.flows.settle_lookups import settle_lookups
from service.store.calls import (
    Grant,
    Intent,
    Wish,
    withdraw_intents,
    write_answers,
    write_intents,
    write_wishes,
)
from service.store.memory import recall
from tests.flows.workshop import PUBLICATION, missing, new_worker, open_workshop

LEASE = timedelta(seconds=30)
QUESTION, OTHER = b"q" * 32, b"\xff" * 32
# Another question that has its turn with the first, as one in very many has.
ALIKE = b"q" * 8 + b"\xff" * 24
WAIT_S = 10.0

End = Callable[[asyncpg.Pool, list[Claim]], Awaitable[None]]
"""What ends calls without an answer."""


def intent(
    claim: Claim, question: bytes, submission_id: UUID | None = None, *, alone: bool = True
) -> Intent:
    """Return the intent to ask one question for a claim."""
    return Intent(
        claim.lookup_id,
        0,
        "leadmagic",
        claim.epoch,
        question=question,
        submission_id=submission_id,
        alone=alone,
    )


async def claim_for_two(pool: asyncpg.Pool, count: int) -> tuple[list[Claim], list[Claim]]:
    """Claim so many lookups for each of two workers."""
    shop, owners = await open_workshop(pool), [await new_worker(pool), await new_worker(pool)]
    await shop.accept(await shop.add_leads(count * 2))
    one, other = owners
    return await shop.claim(one, count), await shop.claim(other, count)


async def intend(pool: asyncpg.Pool, intents: list[Intent]) -> list[Grant]:
    """Write intents as a worker does."""
    async with pool.acquire() as connection:
        return await write_intents(connection, intents, LEASE)


async def ask_all(pool: asyncpg.Pool, claims: list[Claim]) -> tuple[list[Claim], list[Claim]]:
    """Intend the same for all; return those that may ask, and those that follow them."""
    grants = await intend(pool, [intent(each, QUESTION) for each in claims])
    judged = list(zip(claims, grants, strict=True))
    return (
        [each for each, grant in judged if grant is Grant.GRANTED],
        [each for each, grant in judged if grant is Grant.FOLLOW],
    )


async def remembered(pool: asyncpg.Pool) -> None:
    """Let memory have the answer to the question."""
    await pool.execute(
        "insert into remembered_answers"
        " (key, scope, provider, capability, person, outcome, answered_at, expires_at)"
        " values ($1, 0, 'leadmagic', 'find_email', 'p', 'missing', now(), now() + '1 day')",
        QUESTION,
    )


async def is_waiting_for_a_lock(pool: asyncpg.Pool) -> None:
    """Wait until somebody waits for a lock."""
    waiting = "select count(*) from pg_locks where not granted and locktype = 'advisory'"
    async with asyncio.timeout(WAIT_S):
        while not await pool.fetchval(waiting):
            await asyncio.sleep(0.01)


async def test_two_workers_at_once(pool: asyncpg.Pool) -> None:
    """The second sees the intent of the first although their transactions overlap."""
    (first,), (second,) = await claim_for_two(pool, 1)

    async with pool.acquire() as connection, connection.transaction():
        grants = await write_intents(connection, [intent(first, QUESTION)], LEASE)
        other = asyncio.create_task(intend(pool, [intent(second, QUESTION)]))
        await is_waiting_for_a_lock(pool)

    assert (grants, await other) == ([Grant.GRANTED], [Grant.FOLLOW])


async def test_what_happens_to_it_in_line_counts(pool: asyncpg.Pool) -> None:
    """A claim that is lost while its intent waits for its turn asks nothing."""
    (first,), (second,) = await claim_for_two(pool, 1)

    async with pool.acquire() as connection, connection.transaction():
        await write_intents(connection, [intent(first, QUESTION)], LEASE)
        other = asyncio.create_task(intend(pool, [intent(second, ALIKE)]))
        await is_waiting_for_a_lock(pool)
        await pool.execute(
            "update lookups set state = 'ready', owner = null where id = $1", second.lookup_id
        )

    assert await other == [Grant.LOST]


async def test_an_intent_is_as_old_as_its_turn(pool: asyncpg.Pool) -> None:
    """The time for which it waited for that is not the vendor's."""
    (first,), (second,) = await claim_for_two(pool, 1)

    async with pool.acquire() as connection, connection.transaction():
        await write_intents(connection, [intent(first, QUESTION)], LEASE)
        other = asyncio.create_task(intend(pool, [intent(second, ALIKE)]))
        await is_waiting_for_a_lock(pool)
        turn_at = await pool.fetchval("select leadfall_now()")

    assert await other == [Grant.GRANTED]
    assert turn_at < await pool.fetchval(
        "select intended_at from calls where lookup_id = $1", second.lookup_id
    )


async def test_other_questions_need_not_wait(pool: asyncpg.Pool) -> None:
    """Who asks something else is granted while the first has not committed yet."""
    (first,), (second,) = await claim_for_two(pool, 1)

    async with pool.acquire() as connection, connection.transaction():
        await write_intents(connection, [intent(first, QUESTION)], LEASE)
        async with asyncio.timeout(WAIT_S):
            assert await intend(pool, [intent(second, OTHER)]) == [Grant.GRANTED]


async def test_the_same_questions_in_any_order(pool: asyncpg.Pool) -> None:
    """Two batches with the same questions, one turned round, do not wait for each other."""
    ones, others = await claim_for_two(pool, 20)
    questions = [bytes([place * 12]) * 32 for place in range(20)]

    grants = await asyncio.gather(
        intend(pool, [intent(c, q) for c, q in zip(ones, questions, strict=True)]),
        intend(pool, [intent(c, q) for c, q in zip(others, reversed(questions), strict=True)]),
    )

    assert sorted(grants) == [[Grant.FOLLOW] * 20, [Grant.GRANTED] * 20]


async def test_what_was_put_off_is_still_in_progress(pool: asyncpg.Pool) -> None:
    """While a vendor wants to be left alone, whoever asks the same follows."""
    (first,), (second,) = await claim_for_two(pool, 1)
    lasting = [replace(intent(each, QUESTION), lasts_s=930.0) for each in (first, second)]
    await intend(pool, lasting[:1])

    async with pool.acquire() as connection:
        await withdraw_intents(connection, [intent(first, QUESTION)])
    await pool.execute("update calls set intended_at = intended_at - interval '60 seconds'")

    assert await intend(pool, lasting[1:]) == [Grant.FOLLOW]
    assert await intend(pool, lasting[:1]) == [Grant.GRANTED]


async def test_an_ask_is_taken_back_once(pool: asyncpg.Pool) -> None:
    """Where the answer to that was lost it is done again, and leaves the ask before as it was."""
    (first,), _ = await claim_for_two(pool, 1)
    for ask in (1, 2):
        await intend(pool, [replace(intent(first, QUESTION), ask=ask)])

    async with pool.acquire() as connection:
        for _ in range(2):
            await withdraw_intents(connection, [replace(intent(first, QUESTION), ask=2)])

    assert await pool.fetchval("select ask_count from calls") == 1


async def test_who_was_sent_away_from_a_gate_follows(pool: asyncpg.Pool) -> None:
    """Equal questions that waited for the same opening are paid for once."""
    (first,), (second,) = await claim_for_two(pool, 1)
    await pool.execute("update lookups set first_parked_at = now() - interval '60 seconds'")

    assert await intend(pool, [intent(first, QUESTION)]) == [Grant.GRANTED]
    assert await intend(pool, [intent(second, QUESTION)]) == [Grant.FOLLOW]


async def interrupted(pool: asyncpg.Pool, claims: list[Claim]) -> None:
    """Nobody knows what became of the request, and it is not repeated."""
    async with pool.acquire() as connection:
        await write_answers(
            connection,
            [Answer(each.lookup_id, 0, each.epoch, OutcomeName.INTERRUPTED) for each in claims],
        )


async def settled(pool: asyncpg.Pool, claims: list[Claim]) -> None:
    """The lookups end before anything is known of their calls."""
    await settle_lookups(pool, [missing(each) for each in claims], PUBLICATION)


async def late(pool: asyncpg.Pool, claims: list[Claim]) -> None:
    """The lookups go on without the answer of their submission."""
    submission_id = await pool.fetchval(
        "insert into submissions (id, provider, capability, credential, token, state, deadline_at,"
        " created_at) values (gen_random_uuid(), 'leadmagic', 'find_email', 'operator',"
        " gen_random_uuid(), 'late', now(), now()) returning id"
    )
    await pool.execute(
        "update calls set submission_id = $1 where lookup_id = any($2)",
        submission_id,
        [each.lookup_id for each in claims],
    )


@pytest.mark.parametrize("end", [interrupted, settled, late])
async def test_as_many_ask_at_once_as_asked_in_vain(pool: asyncpg.Pool, end: End) -> None:
    """A lost answer costs one more ask, and what nobody answers is over after few rounds."""
    waiting, _ = await claim_for_two(pool, 32)
    at_once = []

    for _ in range(6):
        asked, waiting = await ask_all(pool, waiting)
        # While these are asked nobody else is.
        assert (await ask_all(pool, waiting))[0] == []
        await end(pool, asked)
        at_once.append(len(asked))

    assert at_once == [1, 1, 2, 4, 8, 16]


async def test_they_need_not_come_together(pool: asyncpg.Pool) -> None:
    """One by one they are judged as in a batch."""
    waiting, _ = await claim_for_two(pool, 8)
    asked, waiting = await ask_all(pool, waiting)
    await interrupted(pool, asked)
    asked, waiting = await ask_all(pool, waiting)
    await interrupted(pool, asked)

    grants = [await intend(pool, [intent(each, QUESTION)]) for each in waiting]

    assert grants == [[Grant.GRANTED]] * 2 + [[Grant.FOLLOW]] * 4


async def test_a_caller_who_waits_asks_first(pool: asyncpg.Pool) -> None:
    """Whoever else came before: also on the way to the gate."""
    (early, waited_for), _ = await claim_for_two(pool, 2)
    await pool.execute("update lookups set priority = 0 where id = $1", waited_for.lookup_id)
    intents = [intent(each, QUESTION) for each in (early, waited_for)]

    async with pool.acquire() as connection:
        assert await recall(connection, intents) == [Grant.FOLLOW, None]
    assert await intend(pool, intents) == [Grant.FOLLOW, Grant.GRANTED]


async def test_what_was_not_taken_was_not_asked_in_vain(pool: asyncpg.Pool) -> None:
    """However many ended before the vendor took their requests, one is asked after them."""
    waiting, _ = await claim_for_two(pool, 8)
    for _ in range(4):
        (asked,), waiting = await ask_all(pool, waiting)
        async with pool.acquire() as connection:
            await withdraw_intents(connection, [intent(asked, QUESTION)])
        await settled(pool, [asked])

    assert len((await ask_all(pool, waiting))[0]) == 1


async def test_what_was_asked_long_ago_counts_no_more(pool: asyncpg.Pool) -> None:
    """It says nothing of the vendor as it is now."""
    waiting, _ = await claim_for_two(pool, 8)
    for _ in range(3):
        asked, waiting = await ask_all(pool, waiting)
        await interrupted(pool, asked)
    await pool.execute("update calls set intended_at = intended_at - interval '1 hour'")

    assert len((await ask_all(pool, waiting))[0]) == 1


async def test_who_were_put_off_do_not_wait_for_each_other(pool: asyncpg.Pool) -> None:
    """Two keep their places, also when what gave them those is long ago."""
    waiting, _ = await claim_for_two(pool, 4)
    for _ in range(2):
        asked, waiting = await ask_all(pool, waiting)
        await interrupted(pool, asked)
    two, _ = await ask_all(pool, waiting)
    assert len(two) == 2
    async with pool.acquire() as connection:
        await withdraw_intents(connection, [intent(each, QUESTION) for each in two])
    await pool.execute("delete from calls where outcome is not null")

    assert [await intend(pool, [intent(each, QUESTION)]) for each in two] == [[Grant.GRANTED]] * 2


async def test_whoever_has_a_place_takes_none_of_the_others(pool: asyncpg.Pool) -> None:
    """On the way to the gate they are counted as at it."""
    waiting, _ = await claim_for_two(pool, 6)
    for _ in range(2):
        asked, waiting = await ask_all(pool, waiting)
        await interrupted(pool, asked)
    first, *others = waiting
    await intend(pool, [intent(first, QUESTION)])
    async with pool.acquire() as connection:
        await withdraw_intents(connection, [intent(first, QUESTION)])

        recalled = await recall(connection, [intent(each, QUESTION) for each in waiting])

    # Of two who may ask at once one is the first; one of the others is the second.
    assert recalled == [None, None, *[Grant.FOLLOW] * (len(others) - 1)]


async def test_who_left_a_line_and_followed_in_vain_asks(pool: asyncpg.Pool) -> None:
    """Two who had left a line before they followed do not wait for each other."""
    leaders, (one, other) = await claim_for_two(pool, 2)
    async with pool.acquire() as connection:
        wishes = [Wish(each.lookup_id, 0, "leadmagic", each.epoch, 1.0) for each in (one, other)]
        await write_wishes(connection, wishes)
    asked = [intent(each, QUESTION) for each in (one, other)]
    for leader in leaders:
        assert await intend(pool, [intent(leader, QUESTION)]) == [Grant.GRANTED]
        assert await intend(pool, asked) == [Grant.FOLLOW] * 2
        await settled(pool, [leader])
    assert await intend(pool, asked) == [Grant.GRANTED] * 2

    # Both are turned away, and look again.
    async with pool.acquire() as connection:
        await withdraw_intents(connection, asked)

    assert await intend(pool, asked[:1]) == [Grant.GRANTED]


async def test_who_followed_once_follows_at_the_next_question(pool: asyncpg.Pool) -> None:
    """To have waited for one step's answer says nothing of the next step's."""
    (first,), (second,) = await claim_for_two(pool, 1)
    await intend(pool, [intent(first, QUESTION)])
    assert await intend(pool, [intent(second, QUESTION)]) == [Grant.FOLLOW]
    next_step = [replace(intent(each, OTHER), step=1) for each in (first, second)]

    assert await intend(pool, next_step[:1]) == [Grant.GRANTED]
    assert await intend(pool, next_step[1:]) == [Grant.FOLLOW]


async def test_what_was_answered_while_in_line_is_not_asked_again(pool: asyncpg.Pool) -> None:
    """Its answer is in memory by the time when whoever asked the same passes the gate."""
    (first,), (second,) = await claim_for_two(pool, 1)
    await remembered(pool)

    assert await intend(pool, [intent(first, QUESTION)]) == [Grant.FOLLOW]
    # What may be paid for already is asked to its end.
    assert await intend(pool, [replace(intent(second, QUESTION), ask=2)]) == [Grant.GRANTED]


async def test_nobody_follows_himself(pool: asyncpg.Pool) -> None:
    """An intent that is repeated since its grant was lost is granted, whatever memory says now."""
    (first,), _ = await claim_for_two(pool, 1)
    asked = [intent(first, QUESTION)]
    assert await intend(pool, asked) == [Grant.GRANTED]
    await remembered(pool)

    assert await intend(pool, asked) == [Grant.GRANTED]


async def test_nobody_follows_a_lookup_that_has_ended(pool: asyncpg.Pool) -> None:
    """Its call may stay without an answer for good."""
    (first,), (second,) = await claim_for_two(pool, 1)
    await intend(pool, [intent(first, QUESTION)])
    await settle_lookups(pool, [missing(first)], PUBLICATION)

    assert await intend(pool, [intent(second, QUESTION)]) == [Grant.GRANTED]
