"""The guarded resolver and the socket factory, together in a real HTTP client."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence

import aiohttp
import pytest
from aiohttp import web

from service.edges.dial_guard import DialRefused, EgressPolicy, guarded_socket_factory
from service.edges.guarded_resolver import (
    GuardedResolver,
    NameNotResolved,
    ask_system,
    guarded_connector,
)

PUBLIC = "93.184.215.14"
LOOPBACK = "127.0.0.1"


class Names:
    """A name service in memory; each name gives its next list of answers, the last one for ever."""

    def __init__(self, **answers: list[Sequence[str]]) -> None:
        self.answers = {name.replace("_", "."): list(lists) for name, lists in answers.items()}
        self.asked = 0

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked += 1
        lists = self.answers.get(host, [()])
        return lists.pop(0) if len(lists) > 1 else lists[0]


async def never(host: str) -> Sequence[str]:
    """Answer nothing, ever."""
    await asyncio.Event().wait()
    raise AssertionError(host)


@pytest.fixture
async def receiver() -> AsyncIterator[int]:
    """An HTTP server on loopback; gives its port."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=request.host)

    application = web.Application()
    application.router.add_get("/", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, LOOPBACK, 0)
    await site.start()
    yield runner.addresses[0][1]
    await runner.cleanup()


class SocketSpy:
    """Stands in for `socket.socket` and counts how often a socket was asked for."""

    def __init__(self) -> None:
        self.opened = 0

    def __call__(self, family: int, kind: int, protocol: int) -> socket.socket:
        self.opened += 1
        return socket.socket(family, kind, protocol)


def spied_connector(spy: SocketSpy, names: Names) -> aiohttp.TCPConnector:
    """Return a guarded connector whose sockets are counted."""
    policy = EgressPolicy()
    return aiohttp.TCPConnector(
        resolver=GuardedResolver(policy, names),
        socket_factory=guarded_socket_factory(policy, open_socket=spy),
        use_dns_cache=False,
    )


@pytest.mark.parametrize(
    "answers",
    [
        [LOOPBACK],
        [PUBLIC, LOOPBACK],
        ["::1"],
        ["::ffff:10.0.0.1"],
        ["64:ff9b::a9fe:a9fe"],
        [*[f"93.184.215.{n}" for n in range(255)], "10.0.0.1"],
    ],
)
async def test_one_private_answer_refuses_the_name(answers: list[str]) -> None:
    """A name is refused if any of its answers is not public, however many there are."""
    resolver = GuardedResolver(EgressPolicy(), Names(mixed_example=[answers]))

    with pytest.raises(DialRefused):
        await resolver.resolve("mixed.example", 443)


@pytest.mark.parametrize(
    "host", ["localhost", "intranet", "metadata.google.internal", "0x7f.1", "a_b.example"]
)
async def test_private_names_are_not_even_looked_up(host: str) -> None:
    """A name that cannot be public is refused without a question to anybody."""
    names = Names()
    resolver = GuardedResolver(EgressPolicy(), names, system_lookup=names)

    with pytest.raises(DialRefused):
        await resolver.resolve(host, 443)

    assert names.asked == 0


async def test_a_public_name_resolves_once_for_a_while() -> None:
    """The answers come back in order, and a second question is answered from memory."""
    names = Names(public_example=[[PUBLIC, "2606:4700::1111"]])
    resolver = GuardedResolver(EgressPolicy(), names)

    await resolver.resolve("public.example", 443)
    found = await resolver.resolve("Public.Example.", 443, socket.AF_UNSPEC)

    assert [one["host"] for one in found] == [PUBLIC, "2606:4700::1111"]
    assert names.asked == 1


async def test_a_silent_name_service_is_given_up() -> None:
    """A look-up that hangs ends as an ordinary connection problem at the time-out."""
    resolver = GuardedResolver(EgressPolicy(), never, timeout_s=0.05)

    with pytest.raises(NameNotResolved, match="in time"):
        await resolver.resolve("silent.example", 443)


@pytest.mark.parametrize("answers", [[()], [["2606:4700::1111"]]])
async def test_no_usable_address_is_an_ordinary_problem(answers: list[Sequence[str]]) -> None:
    """No answer, or none of the family asked for, is not a refusal."""
    resolver = GuardedResolver(EgressPolicy(), Names(lonely_example=answers))

    with pytest.raises(NameNotResolved):
        await resolver.resolve("lonely.example", 443, socket.AF_INET)


async def test_the_system_is_asked_for_allowed_names_only() -> None:
    """A name from the hosts file works when the operator allowed it, and only then."""
    policy = EgressPolicy.parse(["receiver:9000"])
    resolver = GuardedResolver(policy, Names(), system_lookup=Names(receiver=[["10.0.0.9"]]))

    found = await resolver.resolve("receiver", 9000)

    assert [one["host"] for one in found] == ["10.0.0.9"]
    with pytest.raises(DialRefused):
        await resolver.resolve("receiver", 9001)


async def test_the_system_knows_the_loopback_name() -> None:
    """The system look-up finds the loopback address."""
    assert LOOPBACK in await ask_system("localhost")


@pytest.mark.parametrize(
    "allow", [["127.0.0.0/8", "::1"], ["localhost:{port}"], ["localhost"], ["127.0.0.0/8"]]
)
async def test_an_allowed_receiver_on_this_machine_is_reached(
    receiver: int, allow: list[str]
) -> None:
    """A receiver beside the service is reached by name when the operator allowed it."""
    policy = EgressPolicy.parse([entry.format(port=receiver) for entry in allow])

    async def here(_host: str) -> Sequence[str]:
        return [LOOPBACK]

    connector = aiohttp.TCPConnector(
        resolver=GuardedResolver(policy, Names(), system_lookup=here),
        socket_factory=guarded_socket_factory(policy),
        use_dns_cache=False,
    )
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get(f"http://localhost:{receiver}/") as answer,
    ):
        assert f"localhost:{receiver}" == await answer.text()


async def test_an_allowed_dotted_name_is_reached_at_a_private_address(receiver: int) -> None:
    """An allowed name may live at a private address: the name travels with the address."""
    policy = EgressPolicy.parse([f"hooks.internal:{receiver}"])
    connector = guarded_connector(policy, Names(hooks_internal=[[LOOPBACK]]))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get(f"http://hooks.internal:{receiver}/") as answer,
    ):
        assert f"hooks.internal:{receiver}" == await answer.text()


@pytest.mark.parametrize(
    "host",
    [
        LOOPBACK,
        "[::1]",
        "[::ffff:127.0.0.1]",
        "①②⑦.⓪.⓪.①",
        "0.0.0.0",  # noqa: S104 - a destination under test, nothing is bound
    ],
)
async def test_a_literal_is_refused_at_the_dial(receiver: int, host: str) -> None:
    """An address in the URL never reaches the resolver; the factory refuses it, unopened."""
    spy = SocketSpy()
    async with aiohttp.ClientSession(connector=spied_connector(spy, Names())) as session:
        with pytest.raises(aiohttp.ClientConnectorError) as problem:
            await session.get(f"http://{host}:{receiver}/")

    assert isinstance(problem.value.os_error, DialRefused)
    assert spy.opened == 0


@pytest.mark.parametrize("host", ["rebound.example", "localhost", "127.1", "2130706433", "0x7f.1"])
async def test_a_name_for_this_machine_is_refused_unopened(receiver: int, host: str) -> None:
    """Names and odd spellings of the loopback address open no socket."""
    spy = SocketSpy()
    names = Names(rebound_example=[[LOOPBACK]])
    async with aiohttp.ClientSession(connector=spied_connector(spy, names)) as session:
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"http://{host}:{receiver}/")

    assert spy.opened == 0


async def test_a_name_that_turns_private_is_refused_when_asked_again() -> None:
    """An answer that was public once gives the next answer no credit."""
    names = Names(flipping_example=[[PUBLIC], [LOOPBACK]])

    await GuardedResolver(EgressPolicy(), names).resolve("flipping.example", 443)
    with pytest.raises(DialRefused, match="loopback"):
        await GuardedResolver(EgressPolicy(), names).resolve("flipping.example", 443)
