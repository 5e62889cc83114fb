"""Lookups whose vendors have answered: what they come to needs no slot, and one spoils no other."""

import asyncio

import asyncpg

from service import app
from service.domain.kinds import Kind
from service.domain.waterfall import Step, Waterfall
from service.settings import ProviderSettings, Settings
from tests.flows.workshop import new_worker, open_workshop

SURE = Waterfall(Kind.FIND_EMAIL, (Step("bettercontact", confidence_min=50),))
WAIT_S = 10.0


async def finish(pool: asyncpg.Pool, database_url: str, redis_url: str) -> None:
    """Have a worker go on with what was claimed; it reaches no vendor."""
    await pool.execute("update lookups set state = 'ready', owner = null")
    nowhere = ProviderSettings(api_key="k", base_url="http://127.0.0.1:1")
    settings = Settings(
        database_url=database_url,
        redis_url=redis_url,
        providers={"bettercontact": nowhere, "findymail": nowhere},
    )
    async with app.worker(settings), asyncio.timeout(WAIT_S):
        while await pool.fetchval("select exists (select from jobs where finished_at is null)"):
            await asyncio.sleep(0.02)


async def test_an_answer_that_cannot_be_judged_ends_its_own_lookup_alone(
    pool: asyncpg.Pool, database_url: str, redis_url: str
) -> None:
    """What is on record of one lookup is a fault of ours; the ones claimed with it are settled."""
    shop = await open_workshop(pool)
    await shop.accept(await shop.add_leads(3), waterfall=SURE)
    claims = await shop.claim(await new_worker(pool))
    for claim, confidence in zip(claims, ("90", '"high"', "95"), strict=True):
        await pool.execute(
            "insert into calls (lookup_id, step, provider, epoch, ask_count, outcome, value,"
            " intended_at, answered_at) values ($1, 0, 'bettercontact', $2, 1, 'found',"
            " jsonb_build_object('email', 'a@b.example', 'confidence', $3::text::jsonb),"
            " now(), now())",
            claim.lookup_id,
            claim.epoch,
            confidence,
        )
    await finish(pool, database_url, redis_url)

    ends = await pool.fetch("select outcome, reason from lookups order by id")
    assert [tuple(end) for end in ends] == [
        ("found", None),
        ("no_answer", "internal_error:TypeError"),
        ("found", None),
    ]


async def test_a_step_that_was_passed_over_is_not_taken_after_a_later_one_was_paid_for(
    pool: asyncpg.Pool, database_url: str, redis_url: str
) -> None:
    """A call whose end nobody knows may be repeated, but not once another vendor has found it."""
    shop = await open_workshop(pool)
    both = Waterfall(Kind.FIND_EMAIL, (Step("findymail"), Step("bettercontact")))
    await shop.accept(await shop.add_leads(1), waterfall=both)
    [claim] = await shop.claim(await new_worker(pool))
    await pool.execute(
        "insert into calls (lookup_id, step, provider, epoch, ask_count, outcome, value,"
        " intended_at, answered_at) values"
        " ($1, 0, 'findymail', $2, 1, null, null, now() - interval '1 hour', null),"
        " ($1, 1, 'bettercontact', $2, 1, 'found', '{\"email\": \"a@b.example\"}', now(), now())",
        claim.lookup_id,
        claim.epoch,
    )

    await finish(pool, database_url, redis_url)

    found = await pool.fetchrow("select outcome, value->>'email' as email from lookups")
    assert tuple(found) == ("found", "a@b.example")
    assert await pool.fetchval("select ask_count from calls where step = 0") == 1
