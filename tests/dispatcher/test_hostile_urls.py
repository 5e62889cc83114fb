"""Nothing that an owner of an endpoint can write makes us open a socket to where we must not."""

# ruff: noqa: S104 - addresses to be refused, none to listen on

from collections.abc import Sequence

import pytest

from service.domain.attempt_class import AttemptClass
from service.edges.dial_guard import DialRefused, EgressPolicy, dial
from service.edges.receiver_connector import CountedSockets
from service.edges.receiver_http import Failed, ReceiverHTTP

HOSTS = [
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001",
    "0", "0.0.0.0", "[::]", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
    "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]",
    "[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "[fe80::1%25lo]", "[fd00:ec2::254]",
    "169.254.169.254", "168.63.129.16", "100.100.100.200", "①②⑦.⓪.⓪.①", "127。0。0。1",
    "localhost", "localhost.", "printer.local", "metadata.google.internal", "user@hooks.example",
    "good.example@bad.example", "hooks.example:6379", "hooks.example:5432", "hooks.example:22",
]  # fmt: skip
PRIVATE = [
    "0.0.0.0", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "169.254.169.254",
    "168.63.129.16", "172.16.0.1", "192.0.0.9", "192.0.2.1", "192.88.99.1", "192.168.1.1",
    "198.18.0.1", "203.0.113.7", "224.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1",
    "::ffff:127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1",
    "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254",
    "fe80::1", "fec0::1", "ff02::1",
]  # fmt: skip


async def send(url: str, *answers: Sequence[str]) -> tuple[AttemptClass, int]:
    """Post to a URL whose name has these addresses, one list for each look-up; count sockets."""
    left = list(answers)

    async def lookup(_: str) -> Sequence[str]:
        return left.pop(0)

    sockets = CountedSockets()
    async with ReceiverHTTP(EgressPolicy(), lookup, sockets=sockets) as client:
        result = await client.post(url, b"{}", {}, timeout_s=5)
    assert isinstance(result, Failed)
    return result.attempt_class, sockets.count


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_hostile_url_opens_no_socket(scheme: str, host: str) -> None:
    """Every URL of the corpus is refused before anything is looked up or opened."""
    assert await send(f"{scheme}://{host}/in") == (AttemptClass.URL_REFUSED, 0)


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_name_for_a_private_address_opens_no_socket(address: str) -> None:
    """However good its name and certificate may be, a private address is not dialled."""
    refused = await send("https://hooks.example/in", [address])

    assert refused == (AttemptClass.ADDRESS_REFUSED, 0)


@pytest.mark.parametrize(
    "answers",
    [["8.8.8.8", "10.0.0.1"], ["8.8.8.8"] * 999 + ["127.0.0.1"]],
    ids=["one of two", "one of a thousand"],
)
async def test_one_private_answer_among_public_ones_opens_no_socket(answers: list[str]) -> None:
    """A name that also leads inside is refused as a whole."""
    refused = await send("https://hooks.example/in", answers)

    assert refused == (AttemptClass.ADDRESS_REFUSED, 0)


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_private_mail_exchanger_is_not_dialled(address: str) -> None:
    """Mail hosts pass the same guard, on their own port."""
    sockets = CountedSockets()

    with pytest.raises(DialRefused):
        await dial(EgressPolicy(), address, 25, host="mx.example", open_socket=sockets)

    assert sockets.count == 0
