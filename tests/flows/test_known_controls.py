"""What one worker hears from a domain about an invented address, no other asks again."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from service.flows.known_controls import KnownControls
from service.store.connection import Pool
from service.store.control_replies import expire_control_replies
from tests.flows.mail_verifier import Verifier
from tests.flows.mail_world import ACCEPTED, MailWorld


@pytest.fixture
async def world() -> AsyncIterator[MailWorld]:
    """A world with a domain that takes anything and one that does not."""
    async with MailWorld() as world:
        world.domain("any.test", {"*": ACCEPTED})
        world.domain("acme.test", {"jane": ACCEPTED, "jack": ACCEPTED})
        yield world


def worker(world: MailWorld, pool: Pool) -> Verifier:
    """Return the verifier of one more worker."""
    return Verifier(world, key=b"shared", replies=KnownControls(pool))


def asked(world: MailWorld) -> int:
    """Return how many recipients were asked about."""
    return len(world.mail.recipients())


@pytest.mark.parametrize(
    ("addresses", "reason", "count"),
    [
        (("one@any.test", "two@any.test"), "catch_all", 2),
        (("jane@acme.test", "jack@acme.test"), "accepted_email", 3),
    ],
)
async def test_the_second_worker_knows(
    world: MailWorld, pool: Pool, addresses: tuple[str, str], reason: str, count: int
) -> None:
    """A domain that takes anything is not even asked about the second address."""
    first, second = worker(world, pool), worker(world, pool)

    verdicts = [await first(addresses[0]), await second(addresses[1])]

    assert [verdict.reason for verdict in verdicts] == [reason] * 2
    assert asked(world) == count
    await first.prober.close()
    await second.prober.close()


async def test_what_is_a_day_old_is_asked_again(world: MailWorld, pool: Pool) -> None:
    """It is neither believed nor kept."""
    first, second = worker(world, pool), worker(world, pool)
    await first("one@any.test")
    await pool.execute("update control_replies set heard_at = heard_at - interval '25 hours'")

    await second("two@any.test")

    assert asked(world) == 4
    await pool.execute("update control_replies set heard_at = heard_at - interval '25 hours'")
    async with pool.acquire() as connection:
        await expire_control_replies(connection, timedelta(days=1), 10)
    assert await pool.fetch("select from control_replies") == []
    await first.prober.close()
    await second.prober.close()


async def test_without_the_table_each_worker_asks(world: MailWorld, pool: Pool) -> None:
    """It saves questions and is needed for none."""
    await pool.execute("alter table control_replies rename to gone")
    verifier = worker(world, pool)

    assert (await verifier("one@any.test")).reason == "catch_all"
    await verifier.prober.close()
