"""Nothing that a receiver or a name server answers makes us open a socket to where we must not."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest
from aiohttp import web

from service.app import egress_policy
from service.domain.attempt_class import AttemptClass, class_of_status
from service.domain.smtp_reply import ReplyMeaning
from service.edges.dial_guard import EgressPolicy
from service.edges.dns import Exchange, MailRoute, Resolver, RouteStatus
from service.edges.receiver_connector import CountedSockets
from service.edges.receiver_http import Answered, Failed, ReceiverHTTP
from service.edges.smtp import SmtpProber
from service.settings import Settings
from tests.dispatcher.hostile import HOSTS, PRIVATE, LyingNames, lying_names

Start = Callable[..., Awaitable[Any]]

ALIASED = ["localhost", "localhost.localdomain", "printer.local", "metadata.google.internal"]
MAIL_HOSTS = [each for each in HOSTS if "[" not in each and "@" not in each and ":" not in each]


@pytest.fixture
async def names() -> AsyncIterator[LyingNames]:
    """A name server that follows a script."""
    async with lying_names() as server:
        yield server


def resolver_at(names: LyingNames) -> Resolver:
    """Return what asks this name server, with nothing remembered."""
    return Resolver([names.server], timeout_s=1.0)


async def blame(names: LyingNames) -> tuple[AttemptClass, int]:
    """Post to a name of the server's; return what it came to and how many sockets were opened."""
    sockets = CountedSockets()
    resolver = resolver_at(names)
    async with ReceiverHTTP(EgressPolicy(), resolver.addresses, sockets=sockets) as client:
        result = await client.post("https://hooks.example/in", b"{}", {}, timeout_s=5)
    assert isinstance(result, Failed)
    return result.attempt_class, sockets.count


@pytest.mark.parametrize("host", [*HOSTS, *(f"[{each}]" for each in PRIVATE if ":" in each)])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int, host: str, serve: Start) -> None:
    """Wherever it points, the one socket is the receiver's own."""

    async def redirect(_: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": f"http://{host}/in"})

    sockets = CountedSockets()
    policy = EgressPolicy.parse(["127.0.0.0/8"])
    async with ReceiverHTTP(policy, _no_name, sockets=sockets) as client:
        result = await client.post(await serve(redirect), b"{}", {}, timeout_s=5)

    assert isinstance(result, Answered)
    assert class_of_status(result.status) is AttemptClass.REDIRECT
    assert sockets.count == 1


@pytest.mark.parametrize("other", ALIASED)
@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["::1"], ["127.0.0.1", "::1"]])
async def test_an_alias_of_a_private_name_opens_no_socket(
    names: LyingNames, other: str, addresses: Sequence[str]
) -> None:
    """A CNAME to localhost and the like leads to addresses, and they decide."""
    names.aliases["hooks.example"] = other
    names.addresses[other] = [addresses]

    assert await blame(names) == (AttemptClass.ADDRESS_REFUSED, 0)


async def test_an_alias_without_addresses_leads_nowhere(names: LyingNames) -> None:
    """Nobody else is asked where the alias would be."""
    names.aliases["hooks.example"] = "localhost"

    assert await blame(names) == (AttemptClass.NAME_UNKNOWN, 0)


async def test_a_name_is_dialled_where_it_was_judged(names: LyingNames) -> None:
    """An answer that is good for no time at all is still asked for once: nothing flips between."""
    names.addresses["hooks.example"] = [["127.0.0.2"], ["127.0.0.1"]]
    resolver = resolver_at(names)
    policy = EgressPolicy.parse(["127.0.0.2/32"])
    async with ReceiverHTTP(policy, resolver.addresses) as client:
        first = await client.post("https://hooks.example/in", b"{}", {}, timeout_s=5)
        second = await client.post("https://hooks.example/in", b"{}", {}, timeout_s=5)

    assert [first.passage.address, second.passage.address] == ["127.0.0.2", "127.0.0.2"]
    assert names.asked["hooks.example"] == 1


async def test_a_name_that_flips_is_judged_anew(names: LyingNames) -> None:
    """Who asks again, as every new connection does in time, finds the private address refused."""
    names.addresses["hooks.example"] = [["198.51.100.1"], ["127.0.0.1"]]
    resolver = resolver_at(names)
    first = await resolver.addresses("hooks.example")

    assert first == ["198.51.100.1"]
    assert await blame(names) == (AttemptClass.ADDRESS_REFUSED, 0)


async def probe(names: LyingNames, host: str) -> tuple[ReplyMeaning, int]:
    """Ask a mail exchanger of this name; return its reply and how many sockets were opened."""
    sockets = CountedSockets()
    prober = SmtpProber(
        resolver=resolver_at(names),
        policy=EgressPolicy(),
        helo="leadfall.test",
        sender="probe@leadfall.test",
        open_socket=sockets,
    )
    route = MailRoute("victim.example", RouteStatus.EXCHANGES, (Exchange(10, host),))
    reply = await prober.probe(route, "someone@victim.example", deadline_s=5)
    await prober.close()
    return reply.meaning, sockets.count


@pytest.mark.parametrize("host", MAIL_HOSTS)
async def test_a_hostile_mail_exchanger_opens_no_socket(names: LyingNames, host: str) -> None:
    """The same corpus as exchangers of a domain, with a name server that plays along."""
    names.addresses[host.removesuffix(".")] = [["127.0.0.1"]]

    meaning, socket_count = await probe(names, host)

    assert meaning in {ReplyMeaning.EGRESS_REFUSED, ReplyMeaning.UNREACHABLE}
    assert socket_count == 0


@pytest.mark.parametrize("address", PRIVATE)
async def test_an_exchanger_at_a_private_address_opens_no_socket(
    names: LyingNames, address: str
) -> None:
    """Found by name, as mail hosts are, beside a public address or alone."""
    names.addresses["mx.example"] = [["8.8.8.8", address]]

    assert await probe(names, "mx.example") == (ReplyMeaning.EGRESS_REFUSED, 0)


@pytest.mark.parametrize("other", ALIASED)
async def test_an_exchanger_by_alias_opens_no_socket(names: LyingNames, other: str) -> None:
    """A domain's exchanger that is another word for this machine."""
    names.exchangers["victim.example"] = "mx.example"
    names.aliases["mx.example"] = other
    names.addresses[other] = [["127.0.0.1"]]
    route = await resolver_at(names).mail_exchangers("victim.example")

    assert route.hosts == ("mx.example",)
    assert await probe(names, "mx.example") == (ReplyMeaning.EGRESS_REFUSED, 0)


async def test_what_an_operator_denies_opens_no_socket(
    names: LyingNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ranges of `LEADFALL_EGRESS__DENY` are refused though public, or allowed otherwise."""
    monkeypatch.setenv("LEADFALL_EGRESS__DENY", "8.8.8.0/24, 2001:4860:64::/96")
    monkeypatch.setenv("LEADFALL_EGRESS__ALLOW", "8.8.8.8")
    policy = egress_policy(Settings())
    names.addresses["hooks.example"] = [["8.8.8.8", "2001:4860:64::7f00:1"]]
    sockets = CountedSockets()
    async with ReceiverHTTP(policy, resolver_at(names).addresses, sockets=sockets) as client:
        result = await client.post("https://hooks.example/in", b"{}", {}, timeout_s=5)

    assert isinstance(result, Failed)
    assert (result.attempt_class, result.rule, sockets.count) == (
        AttemptClass.ADDRESS_REFUSED,
        "denied",
        0,
    )


async def _no_name(_: str) -> Sequence[str]:
    return ()
