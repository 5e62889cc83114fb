"""Nothing that an owner of an endpoint can write makes us open a socket to where we must not."""

from collections.abc import Sequence

import pytest

from service.domain.attempt_class import AttemptClass
from service.edges.dial_guard import DialRefused, EgressPolicy, dial
from service.edges.receiver_connector import CountedSockets
from service.edges.receiver_http import Failed, ReceiverHTTP
from tests.dispatcher.hostile import HOSTS, PRIVATE


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
