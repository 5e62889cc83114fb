"""Whose fault it is that nobody answers for a receiver's name, told by a real name server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from service.domain.attempt_class import AttemptClass
from service.edges.dial_guard import EgressPolicy
from service.edges.dns import Resolver
from service.edges.receiver_http import Failed, ReceiverHTTP
from service.edges.watched_lookup import QUESTIONS_PER_OWNER_MAX
from tests.flows.mail_world import NameServer

QUESTION_S = 0.3


class Upstream(NameServer):
    """A name server that can be cut off from the world, or say nothing at all.

    Attributes:
        cut: answer every question with a server failure.
        dead: answer none.
        deaf_to_first: say nothing to the first so many questions for an address of each kind.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cut = self.dead = False
        self.deaf_to_first = 0

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.deaf_to_first -= 1
        if self.dead or self.deaf_to_first >= 0:
            return
        if self.cut:
            self.failing.add(name_in(data))
        super().datagram_received(data, addr)


def name_in(data: bytes) -> str:
    """Return the name a question is about."""
    labels, place = [], 12
    while size := data[place]:
        labels.append(data[place + 1 : place + 1 + size].decode().lower())
        place += 1 + size
    return ".".join(labels)


@dataclass(frozen=True, slots=True)
class Outside:
    """A client of receivers and the only name server it asks."""

    upstream: Upstream
    client: ReceiverHTTP

    async def blame(self, host: str) -> AttemptClass:
        """Return what a request to this host comes to."""
        result = await self.client.post(f"https://{host}/", b"{}", {}, timeout_s=2)
        assert isinstance(result, Failed)
        return result.attempt_class


@asynccontextmanager
async def opened(control_name: str = "example.com") -> AsyncIterator[Outside]:
    """Open a client beside its name server."""
    loop = asyncio.get_running_loop()
    transport, upstream = await loop.create_datagram_endpoint(Upstream, ("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    resolver = Resolver([f"127.0.0.1:{port}"], timeout_s=QUESTION_S)
    upstream.records["known.example", "A"] = ["127.0.0.1"]
    client = ReceiverHTTP(
        EgressPolicy(), resolver.addresses, answers=resolver.answers, control_name=control_name
    )
    async with client:
        try:
            yield Outside(upstream, client)
        finally:
            transport.close()


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    """A client beside its name server."""
    async with opened() as made:
        yield made


async def test_the_failure_of_one_zone_is_its_owners(outside: Outside) -> None:
    """Even when nothing was ever asked before: a control question tells."""
    outside.upstream.failing.add("gone.example")

    assert await outside.blame("gone.example") == AttemptClass.NAME_UNANSWERED


async def test_the_silence_of_one_zone_is_its_owners(outside: Outside) -> None:
    """A zone whose servers let the question time out is no better than one that fails."""
    outside.upstream.silent.add("mute.example")

    assert await outside.blame("mute.example") == AttemptClass.NAME_UNANSWERED


@pytest.mark.parametrize("outage", ["cut", "dead"])
async def test_an_outage_is_ours_the_moment_it_begins(outside: Outside, outage: str) -> None:
    """A good answer of a moment ago proves nothing about now."""
    known = await outside.blame("known.example")
    setattr(outside.upstream, outage, True)

    assert known == AttemptClass.ADDRESS_REFUSED
    assert await outside.blame("other.example") == AttemptClass.RESOLVER_DOWN


async def test_an_outage_that_has_just_ended_is_still_ours(outside: Outside) -> None:
    """Where the name answers after all, nobody but us was at fault a moment before."""
    outside.upstream.records["late.example", "A"] = ["127.0.0.1"]
    outside.upstream.deaf_to_first = 2

    assert await outside.blame("late.example") == AttemptClass.RESOLVER_DOWN


async def test_the_control_is_asked_below_a_name_that_is_known(outside: Outside) -> None:
    """Nobody has such an answer in memory, so whoever gives it has reached the world."""
    outside.upstream.failing.add("gone.example")
    await outside.blame("known.example")
    await outside.blame("gone.example")

    below = {name.partition(".") for name, _ in outside.upstream.asked}
    assert {"known.example", "example.com"} <= {
        zone for label, _, zone in below if label.startswith("leadfall-")
    }


async def test_an_operator_names_the_control() -> None:
    """Where the public one cannot be reached, another is asked."""
    async with opened("intranet.test") as outside:
        outside.upstream.failing.add("gone.example")
        blame = await outside.blame("gone.example")

    zones = {name.partition(".")[2] for name, _ in outside.upstream.asked}
    assert (blame, zones) == (AttemptClass.NAME_UNANSWERED, {"example", "intranet.test"})


async def test_a_crowd_of_silent_names_holds_up_its_owner_alone() -> None:
    """One workspace's names wait for each other; another's is looked up at once."""
    under_way: set[str] = set()
    crowded = asyncio.Event()

    async def lookup(host: str) -> list[str]:
        under_way.add(host)
        if len(under_way) == QUESTIONS_PER_OWNER_MAX:
            crowded.set()
        if host != "well.example":
            await asyncio.Event().wait()
        return ["127.0.0.1"]

    async with ReceiverHTTP(EgressPolicy(), lookup) as client:
        crowd = [
            asyncio.create_task(
                client.post(f"https://n{number}.example/", b"", {}, timeout_s=60, owner=1)
            )
            for number in range(QUESTIONS_PER_OWNER_MAX * 2)
        ]
        async with asyncio.timeout(5):
            await crowded.wait()
            other = await client.post("https://well.example/", b"", {}, timeout_s=5, owner=2)
        asked = len(under_way)
        for each in crowd:
            each.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)

    assert isinstance(other, Failed)
    assert other.attempt_class == AttemptClass.ADDRESS_REFUSED
    assert asked == QUESTIONS_PER_OWNER_MAX + 1
