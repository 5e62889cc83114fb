"""What mail hosts told the built-in provider is remembered, and asked for once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest

from service import app
from tests.flows.mail_office import Office, settings_of
from tests.flows.mail_world import ACCEPTED, MailWorld
from tests.flows.workshop import TYPES, open_workshop

WAIT_S = 20.0


@pytest.fixture
async def world() -> AsyncIterator[MailWorld]:
    """A world with a company that knows its people, and one that never gets past its greylist."""
    async with MailWorld() as world:
        world.domain("known.test", {"jane.doe": ACCEPTED, "*": "550 5.1.1 No such user"})
        world.domain("never.test", {"*": "451 4.7.1 Greylisted, try again later"})
        yield world


@pytest.fixture
async def office(pool: asyncpg.Pool, database_url: str, redis_url: str, world: MailWorld) -> Office:
    """An office in that world."""
    settings = settings_of(
        database_url,
        redis_url,
        dns_server=world.dns_server,
        smtp_port=world.smtp_port,
        time_scale=0.001,
    )
    return Office(await open_workshop(pool), settings)


async def test_a_person_is_asked_about_once(office: Office, world: MailWorld) -> None:
    """Another workspace gets what the mail host said the first time."""
    neighbour = replace(office, shop=await open_workshop(office.shop.pool))
    first = await office.outcome_of("Jane", "Doe", "known.test")
    asked = world.mail.recipients()

    second = await neighbour.outcome_of("jane", "DOE", "known.test")

    assert (first["email"], second["email"]) == ("jane.doe@known.test",) * 2
    assert asked.count("jane.doe@known.test") == 1
    assert asked == world.mail.recipients()


async def test_one_asks_for_all_who_wait(office: Office, world: MailWorld) -> None:
    """Five lookups of one person at the same time are one search at the mail host."""
    pool = office.shop.pool
    leads = [
        row["id"]
        for row in await pool.fetch(
            "insert into leads (workspace_id, first_name, last_name, company_domain, country)"
            " select $1, 'Jane', 'Doe', 'known.test', 'country ' || n"
            " from generate_series(1, 5) n returning id",
            office.shop.workspace_id,
        )
    ]
    await office.shop.accept(leads, job_types=(TYPES["FIND_EMAIL"],))

    async with app.worker(office.settings), asyncio.timeout(WAIT_S):
        while await pool.fetchval("select exists (select from jobs where finished_at is null)"):
            await asyncio.sleep(0.02)

    ended = await pool.fetch("select outcome from lookups")
    assert [row["outcome"] for row in ended] == ["found"] * 5
    assert world.mail.recipients().count("jane.doe@known.test") == 1


async def test_a_greylist_is_not_remembered(office: Office) -> None:
    """What is no answer is asked for again."""
    ended = await office.outcome_of("Jane", "Doe", "never.test")

    kept = await office.shop.pool.fetchval("select count(*) from remembered_answers")

    assert (ended["outcome"], kept) == ("no_answer", 0)


async def test_who_waited_in_vain_does_not_wait_for_the_next(office: Office) -> None:
    """Of equal questions without an answer the others are asked together, not one by one."""
    pool, shop = office.shop.pool, office.shop
    leads = [
        row["id"]
        for row in await pool.fetch(
            "insert into leads (workspace_id, first_name, last_name, company_domain)"
            " select $1, 'Jane', 'Doe', 'never.test' from generate_series(1, 20) returning id",
            shop.workspace_id,
        )
    ]
    await shop.accept(leads, job_types=(TYPES["FIND_EMAIL"],))

    async with app.worker(office.settings), asyncio.timeout(WAIT_S):
        while await pool.fetchval("select exists (select from jobs where finished_at is null)"):
            await asyncio.sleep(0.02)

    outcomes = await pool.fetch("select distinct outcome from lookups")
    assert [row["outcome"] for row in outcomes] == ["no_answer"]


async def test_leads_of_one_company_do_not_wait_for_each_other(
    office: Office, world: MailWorld
) -> None:
    """A domain whose name server is silent is looked at for all of them at once."""
    pool, shop = office.shop.pool, office.shop
    world.names.silent |= {"known.test"}
    leads = [
        row["id"]
        for row in await pool.fetch(
            "insert into leads (workspace_id, first_name, last_name, company_domain)"
            " select $1, 'Jane', 'Doe ' || n, 'known.test' from generate_series(1, 40) n"
            " returning id",
            shop.workspace_id,
        )
    ]
    await shop.accept(leads, job_types=(TYPES["segGateway"],), price=0)

    async with app.worker(office.settings), asyncio.timeout(WAIT_S):
        while await pool.fetchval("select exists (select from jobs where finished_at is null)"):
            await asyncio.sleep(0.02)

    assert await pool.fetchval("select max(epoch) from lookups") == 1
