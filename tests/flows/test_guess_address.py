"""Guessing a work address against a real name server and a real mail server."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from service.edges.dial_guard import EgressPolicy
from service.edges.dns import Resolver
from service.edges.mail_exchanger import Courtesy
from service.edges.smtp import SmtpProber
from service.flows.controls import GREYLIST_RETRY_S, Controls
from service.flows.guess_address import (
    GUESSES_MAX,
    CouldNotAsk,
    Guess,
    Guessed,
    NoneFits,
    guess_address,
)
from tests.flows.mail_world import ACCEPTED, MailWorld


class Guesser:
    """The finder with its edges, pointed at a small world."""

    def __init__(self, world: MailWorld) -> None:
        self.resolver = Resolver([world.dns_server], timeout_s=0.3)
        self.prober = SmtpProber(
            resolver=self.resolver,
            policy=EgressPolicy.parse(["127.0.0.0/8"]),
            helo="leadfall.test",
            sender="probe@leadfall.test",
            port=world.smtp_port,
            step_timeout_s=0.3,
            courtesy=Courtesy(interval_s=0.0),
        )
        self.controls = Controls()
        self.known: dict[str, Sequence[str]] = {}

    async def patterns_of(self, domain: str) -> Sequence[str]:
        return self.known.get(domain, ())

    async def __call__(self, first: str, last: str, domain: str) -> Guess:
        return await guess_address(
            first,
            last,
            domain,
            resolver=self.resolver,
            prober=self.prober,
            controls=self.controls,
            patterns_of=self.patterns_of,
            deadline_s=2.0,
        )


@pytest.fixture
async def world() -> AsyncIterator[MailWorld]:
    """A world with one company where two people have addresses."""
    async with MailWorld() as world:
        world.domain("acme.test", {"jdoe": ACCEPTED, "zoe.muller": ACCEPTED})
        yield world


@pytest.fixture
async def guess(world: MailWorld) -> AsyncIterator[Guesser]:
    """A guesser in that world."""
    guesser = Guesser(world)
    yield guesser
    await guesser.prober.close()


@pytest.mark.parametrize(
    ("first", "last", "domain", "address"),
    [
        ("Jane", "Doe", "acme.test", "jdoe@acme.test"),
        ("Zoë", "Müller", "https://www.acme.test/about", "zoe.muller@acme.test"),
        ("Zoe", "Muller", "sales@acme.test", "zoe.muller@acme.test"),
    ],
)
async def test_the_first_address_that_exists_is_found(
    guess: Guesser, first: str, last: str, domain: str, address: str
) -> None:
    """The patterns are tried in order until the mail host takes one."""
    found = await guess(first, last, domain)

    assert isinstance(found, Guessed)
    assert (address, "deliverable") == (found.address, found.verdict.status)


async def test_guessing_is_bounded(world: MailWorld, guess: Guesser) -> None:
    """When the host refuses them all, eight addresses were asked about and none fits."""
    assert NoneFits("all_refused") == await guess("Nobody", "Special", "acme.test")
    assert len(world.mail.recipients()) == 8


async def test_a_catch_all_domain_ends_the_guessing(world: MailWorld, guess: Guesser) -> None:
    """Where everything is accepted nothing is found, after one guess and one control."""
    world.domain("open.test", {"*": ACCEPTED})

    assert NoneFits("catch_all") == await guess("Jane", "Doe", "open.test")
    assert len(world.mail.recipients()) == 2


@pytest.mark.parametrize(
    ("first", "last", "domain", "reason"),
    [
        ("Jane", "Doe", "no domain", "no_domain"),
        ("Jane", "Doe", "", "no_domain"),
        ("Jane", "Doe", "gmail.com", "shared_domain"),
        ("Jane", "Doe", "mailinator.com", "shared_domain"),
        ("", "", "acme.test", "no_name"),
        ("李", "明", "acme.test", "no_name"),
        ("Jane", "Doe", "nowhere.test", "no_mail"),
    ],
)
async def test_idle_questions_are_not_asked(
    *, world: MailWorld, guess: Guesser, first: str, last: str, domain: str, reason: str
) -> None:
    """Where guessing cannot help the answer says so, and no mail host is asked."""
    found = await guess(first, last, domain)

    assert isinstance(found, NoneFits)
    assert (reason, 0) == (found.reason, world.mail.session_count)


@pytest.mark.parametrize(
    ("reply", "reason", "retry_after_s"),
    [
        ("450 4.7.1 Greylisted", "greylisted", GREYLIST_RETRY_S),
        ("550 5.7.1 Blocked by reputation", "prober_blocked", None),
        ("550 Rejected", "unclear_reply", None),
        ("552 5.2.2 Over quota", "unclear_reply", None),
    ],
)
async def test_a_domain_that_will_not_say_is_not_a_refusal(
    *, world: MailWorld, guess: Guesser, reply: str, reason: str, retry_after_s: float | None
) -> None:
    """Not having been able to ask is told apart from having been refused."""
    world.domain("vague.test", {"*": reply})

    found = await guess("Jane", "Doe", "vague.test")

    assert isinstance(found, CouldNotAsk)
    assert (reason, retry_after_s) == (found.reason, found.retry_after_s)


async def test_one_unclear_answer_does_not_end_the_guessing(
    world: MailWorld, guess: Guesser
) -> None:
    """An unclear answer to the first guess leaves the second its chance."""
    world.mail.says["jane.doe@acme.test"] = "550 Rejected"

    found = await guess("Jane", "Doe", "acme.test")

    assert isinstance(found, Guessed)


async def test_a_directory_block_leaves_every_guess_its_chance(
    world: MailWorld, guess: Guesser
) -> None:
    """It is how Microsoft refuses whoever it does not know, and says nothing of the next guess."""
    refused = "550 5.4.1 Recipient address rejected: Access denied"
    world.domain("blocks.test", {"janedoe": ACCEPTED, "*": refused})

    found = await guess("Jane", "Doe", "blocks.test")

    assert isinstance(found, Guessed)
    assert found.address == "janedoe@blocks.test"


async def test_a_domain_that_blocks_everybody_is_not_a_refusal(
    world: MailWorld, guess: Guesser
) -> None:
    world.domain("blocks.test", {"*": "550 5.4.1 Recipient address rejected: Access denied"})

    assert CouldNotAsk("directory_block") == await guess("Jane", "Doe", "blocks.test")
    # Each guess, and the control that is asked once.
    assert len(world.mail.recipients()) == GUESSES_MAX + 1


async def test_a_silent_name_server_is_not_a_refusal(world: MailWorld, guess: Guesser) -> None:
    """When the domain cannot be looked up nothing is known about its addresses."""
    world.names.failing.add("acme.test")

    assert CouldNotAsk("dns_silent") == await guess("Jane", "Doe", "acme.test")


async def test_a_greylist_hears_every_guess_at_once(world: MailWorld, guess: Guesser) -> None:
    """One repeat finds the address, whichever of the guesses it is."""
    refused: list[str] = ["450 4.7.1 Greylisted", "550 5.1.1 No such user"]
    world.domain(
        "grey.test",
        {
            "jane.doe": list(refused),
            "jdoe": list(refused),
            "jane": ["450 4.7.1 Greylisted", ACCEPTED],
            "*": [*["450 4.7.1 Greylisted"] * 6, "550 5.1.1 No such user"],
        },
    )

    first = await guess("Jane", "Doe", "grey.test")
    second = await guess("Jane", "Doe", "grey.test")

    assert CouldNotAsk("greylisted", GREYLIST_RETRY_S) == first
    assert isinstance(second, Guessed)
    assert second.address == "jane@grey.test"


async def test_what_a_company_is_known_to_do_is_tried_first(
    world: MailWorld, guess: Guesser
) -> None:
    """With the pattern known, the first question is the one that finds the address."""
    guess.known["acme.test"] = ("flast",)

    found = await guess("Jane", "Doe", "https://www.acme.test")

    assert isinstance(found, Guessed)
    assert world.mail.recipients()[:1] == ["jdoe@acme.test"]
    assert len(world.mail.recipients()) == 2


async def test_whoever_was_first_at_a_host_is_done_first(world: MailWorld, guess: Guesser) -> None:
    """A crowd at one mail host does not hold everybody up until nobody has time left."""
    people = [f"doe{letter}" for letter in "abcdefghijklmnop"]
    world.domain("crowd.test", {f"j.{last}": ACCEPTED for last in people})

    found = await asyncio.gather(*(guess("Jane", last, "crowd.test") for last in people))

    asked = world.mail.recipients()
    assert all(isinstance(each, Guessed) for each in found)
    assert asked.index("j.doea@crowd.test") < asked.index("jane.doep@crowd.test")
