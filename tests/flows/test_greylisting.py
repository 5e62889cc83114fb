"""Lookups that a mail host wants to hear again later: parked without a slot, asked again, ended."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from providers.sandbox.server import start_sandbox
from tests.flows.mail_office import Office, settings_of
from tests.flows.mail_world import ACCEPTED, MailWorld
from tests.flows.workshop import open_workshop


@pytest.fixture
async def sandbox_office(
    pool: asyncpg.Pool, database_url: str, redis_url: str
) -> AsyncIterator[Office]:
    """An office in the sandbox's world, where a greylist opens after a minute of its time."""
    sandbox = await start_sandbox(time_scale=0.002)
    settings = settings_of(
        database_url,
        redis_url,
        dns_server="{}:{}".format(*sandbox.dns_address),
        smtp_port=sandbox.smtp_port,
        time_scale=0.002,
    )
    yield Office(await open_workshop(pool), settings)
    await sandbox.stop()


@pytest.fixture
async def world() -> AsyncIterator[MailWorld]:
    """A world with one company that never gets past its greylist."""
    async with MailWorld() as world:
        world.domain("never.test", {"*": "451 4.7.1 Greylisted, try again later"})
        yield world


@pytest.fixture
async def office(pool: asyncpg.Pool, database_url: str, redis_url: str, world: MailWorld) -> Office:
    """An office in that world, where a quarter of an hour takes 0.9 s."""
    settings = settings_of(
        database_url,
        redis_url,
        dns_server=world.dns_server,
        smtp_port=world.smtp_port,
        time_scale=0.001,
    )
    return Office(await open_workshop(pool), settings)


async def test_a_greylist_is_waited_out(sandbox_office: Office) -> None:
    """The lookup is parked as long as the greylist lasts, and then found by the very same call."""
    ended = await sandbox_office.outcome_of("Nadia", "Only-Builtin", "slowpost.leadfall")

    assert dict(ended) == {
        "outcome": "found",
        "email": "nadia.onlybuiltin@slowpost.leadfall",
        "reason": None,
        "epoch": 2,
        "ask_count": 1,
        "reclaim_count": 0,
    }


async def test_patience_with_a_greylist_ends(office: Office, world: MailWorld) -> None:
    """A host that never lets anybody through is no answer after a quarter of an hour of asking."""
    ended = await office.outcome_of("Jane", "Doe", "never.test")

    assert (
        ended["outcome"],
        ended["reason"],
        ended["ask_count"],
    ) == ("no_answer", "greylisted", 1)
    assert 3 <= ended["epoch"] <= 5
    times_asked = {world.mail.recipients().count(one) for one in guesses(world)}
    assert {ended["epoch"]} == times_asked


async def test_a_host_that_opens_meanwhile_is_asked_the_same(
    office: Office, world: MailWorld
) -> None:
    """The repeat names the same recipients, guesses and invented mailbox alike."""
    grey = "450 4.7.1 Greylisted"
    world.domain(
        "later.test",
        {"jane.doe": [grey, ACCEPTED], "*": [*[grey] * 8, "550 5.1.1 No such user"]},
    )

    ended = await office.outcome_of("Jane", "Doe", "later.test")

    assert (ended["outcome"], ended["email"]) == ("found", "jane.doe@later.test")
    asked = world.mail.recipients()
    assert set(asked[9:]) <= set(asked[:9])


def guesses(world: MailWorld) -> set[str]:
    """Return the addresses asked about that were not invented."""
    return {one for one in world.mail.recipients() if len(one.partition("@")[0]) < 20}
