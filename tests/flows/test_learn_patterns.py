"""The finder gets better at a company with each address that it, or anybody, has found there."""

import asyncpg

from tests.flows.mail_office import Office, settings_of
from tests.flows.mail_world import ACCEPTED, MailWorld
from tests.flows.workshop import open_workshop


async def test_the_next_colleague_is_found_at_the_first_guess(
    pool: asyncpg.Pool, database_url: str, redis_url: str
) -> None:
    """One confirmed address shows how a company writes them: its pattern is tried first."""
    async with MailWorld() as world:
        world.domain("acme.test", {"jdoe": ACCEPTED, "rroe": ACCEPTED})
        settings = settings_of(
            database_url,
            redis_url,
            dns_server=world.dns_server,
            smtp_port=world.smtp_port,
            time_scale=0.001,
        )
        office = Office(await open_workshop(pool), settings)

        first = await office.outcome_of("Jane", "Doe", "acme.test")
        asked_count = len(world.mail.recipients())
        second = await office.outcome_of("Rick", "Roe", "www.acme.test")

        assert (first["email"], second["email"]) == ("jdoe@acme.test", "rroe@acme.test")
        assert world.mail.recipients()[asked_count] == "rroe@acme.test"
        learned = await pool.fetch("select domain, pattern, hit_count from address_patterns")
        assert [tuple(row) for row in learned] == [("acme.test", "flast", 2)]
