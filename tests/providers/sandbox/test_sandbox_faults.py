"""Faults over the wire, and what the books know of them."""

import aiohttp
import pytest

from providers.sandbox.faults import Fault, Faults, Moment
from providers.sandbox.server import Sandbox

BODY = {"first_name": "Nadia", "last_name": "Only-Leadmagic", "domain": "brightwater.leadfall"}


async def ask(sandbox: Sandbox, client: aiohttp.ClientSession) -> tuple[int, bytes]:
    url = sandbox.base_urls["leadmagic"] + "/v1/people/email-finder"
    async with client.post(url, json=BODY, headers={"X-API-Key": "sandbox"}) as answer:
        return answer.status, await answer.read()


@pytest.fixture(params=list(Moment))
def moment(request: pytest.FixtureRequest) -> Moment:
    return Moment(request.param)


@pytest.mark.parametrize(
    ("fault", "status"), [(Fault.THROTTLED, 429), (Fault.DOWN, 503), (Fault.GARBAGE, 200)]
)
async def test_a_fault_is_answered_and_never_counts_as_delivered(
    sandbox: Sandbox, client: aiohttp.ClientSession, fault: Fault, status: int, moment: Moment
) -> None:
    sandbox.world.faults = Faults(1.0, kinds=(fault,), moments=(moment,))

    actual, _ = await ask(sandbox, client)

    charged = [False] if moment is Moment.AFTER_BOOKING else []
    assert status == actual
    assert charged == [entry.delivered for entry in sandbox.books.entries()]


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.HANG])
async def test_a_dropped_connection_leaves_a_charge_without_delivery(
    sandbox: Sandbox, client: aiohttp.ClientSession, fault: Fault
) -> None:
    sandbox.world.faults = Faults(1.0, kinds=(fault,), moments=(Moment.AFTER_BOOKING,))

    with pytest.raises(aiohttp.ClientError):
        await ask(sandbox, client)

    assert [(e.credits, e.delivered) for e in sandbox.books.entries()] == [(1.0, False)]


async def test_without_a_fault_the_answer_is_delivered(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    sandbox.world.faults = Faults(0.0)

    assert (await ask(sandbox, client))[0] == 200
    assert [entry.delivered for entry in sandbox.books.entries()] == [True]


def test_equal_seeds_fail_alike() -> None:
    one, other = Faults(0.3, seed=7), Faults(0.3, seed=7)

    first = [one.next() for _ in range(100)]

    assert first == [other.next() for _ in range(100)]
    assert 15 < sum(fault is not None for fault in first) < 45
