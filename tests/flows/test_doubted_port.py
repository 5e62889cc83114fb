"""Hosts that are silent in a row: doubt about the mail port, and the one trial that ends it."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from service.edges.mail_exchanger import Courtesy
from service.edges.port_watch import SILENT_HOSTS_MAX
from service.flows.verify_address import DOUBT_RETRY_S
from tests.flows.mail_verifier import Verifier
from tests.flows.mail_world import ACCEPTED, LOOPBACK, SILENT_ADDRESS, MailWorld, open_silence
from tests.log_lines import logged

AT_ONCE_S, NEVER_S = 3.0, 60.0


@pytest.fixture
async def world() -> AsyncIterator[MailWorld]:
    """A world with one domain that answers, and many whose mail host never does."""
    async with MailWorld() as world:
        world.domain("acme.test", {"jane": ACCEPTED})
        with open_silence(world.smtp_port) as address:
            for number in range(3 * SILENT_HOSTS_MAX):
                world.domain(f"dead{number}.test", address=address)
            yield world


@pytest.fixture
async def verify(world: MailWorld) -> AsyncIterator[Verifier]:
    """A verifier in that world, which keeps conversations for a minute."""
    verifier = Verifier(world, courtesy=Courtesy(interval_s=0.0, idle_s=60.0))
    yield verifier
    await verifier.prober.close()


async def ask_dead(verify: Verifier, first: int, count: int) -> list[str]:
    """Ask so many dead domains at once; return the reasons."""
    numbers = range(first, first + count)
    verdicts = await asyncio.gather(*(verify(f"jane@dead{number}.test") for number in numbers))
    return [verdict.reason for verdict in verdicts]


async def test_an_answer_in_a_kept_conversation_shows_the_port_open(
    world: MailWorld, verify: Verifier
) -> None:
    """Between silent hosts it counts as much as a new connection."""
    await verify("jane@acme.test")
    await ask_dead(verify, 0, SILENT_HOSTS_MAX - 1)
    await verify("nobody@acme.test")

    reasons = await ask_dead(verify, SILENT_HOSTS_MAX, SILENT_HOSTS_MAX - 1)

    assert reasons == ["timeout"] * (SILENT_HOSTS_MAX - 1)
    assert (world.mail.session_count, verify.prober.port_shut) == (1, False)


async def test_a_kept_conversation_ends_the_doubt(world: MailWorld, verify: Verifier) -> None:
    """A host that is being talked to is asked whatever others keep silent."""
    await verify("jane@acme.test")
    await ask_dead(verify, 0, SILENT_HOSTS_MAX)

    verdict = await verify("nobody@acme.test")

    assert (verdict.reason, world.mail.session_count) == ("no_mailbox", 1)
    assert await ask_dead(verify, SILENT_HOSTS_MAX, 2) == ["timeout"] * 2


async def test_a_dead_host_on_trial_does_not_shut_the_port(
    world: MailWorld, verify: Verifier
) -> None:
    """A host that was reached before is called as well, and by that alone the port is open."""
    await verify("jane@acme.test")
    await ask_dead(verify, 0, SILENT_HOSTS_MAX)

    with logged() as lines:
        reasons = await ask_dead(verify, SILENT_HOSTS_MAX, 1)

    assert (reasons, verify.prober.port_shut) == (["timeout"], False)
    assert lines("smtp_port.found_shut") == []
    assert world.mail.open_count_max == 1
    assert (await verify("nobody@acme.test")).reason == "no_mailbox"


async def test_a_witness_in_a_slow_conversation_does_not_shut_the_port(world: MailWorld) -> None:
    """A witness whose turn does not come in time tells nothing: the next question tries again."""
    slow = Verifier(world, step_timeout_s=5.0, courtesy=Courtesy(interval_s=0.0, idle_s=60.0))
    world.domain("fine.test", {"jane": ACCEPTED})
    answers = world.mail.kept_back["late@acme.test"] = asyncio.Event()
    await slow("jane@acme.test")
    await ask_dead(slow, 0, SILENT_HOSTS_MAX)
    conversation = asyncio.create_task(slow("late@acme.test"))
    async with asyncio.timeout(5):
        while "late@acme.test" not in world.mail.recipients():
            await asyncio.sleep(0.001)

    with logged() as lines:
        reasons = await ask_dead(slow, SILENT_HOSTS_MAX, 1)
        shut = slow.prober.port_shut
        next_verdict = await slow("jane@fine.test")
    answers.set()
    late_verdict = await conversation
    await slow.prober.close()

    assert (reasons, shut, lines("smtp_port.found_shut")) == (["timeout"], False, [])
    assert (next_verdict.status, late_verdict.reason) == ("deliverable", "no_mailbox")


async def test_a_witness_is_called_at_each_of_its_addresses(world: MailWorld) -> None:
    """One that is silent at the first is reached at the second, as it was before."""
    verify = Verifier(world, courtesy=Courtesy(interval_s=0.0, idle_s=0.01))
    world.names.records["mx.acme.test", "A"] = [SILENT_ADDRESS, LOOPBACK]
    await verify("jane@acme.test")
    await world.mail.everybody_left()
    await ask_dead(verify, 0, SILENT_HOSTS_MAX)

    reasons = await ask_dead(verify, SILENT_HOSTS_MAX, 1)
    shut = verify.prober.port_shut
    await verify.prober.close()

    assert (reasons, shut) == (["timeout"], False)


@dataclass
class Way:
    """The way out of this machine, until it is barred."""

    is_barred: bool = False

    def open_socket(self, family: int, kind: int, protocol: int) -> socket.socket:
        """Open a socket, or fail as behind a firewall."""
        if self.is_barred:
            raise OSError(errno.EHOSTUNREACH, "no route")
        return socket.socket(family, kind, protocol)


@pytest.mark.parametrize("witness_at", [0, SILENT_HOSTS_MAX, None])
async def test_one_trial_shuts_a_port_that_was_open(
    world: MailWorld, witness_at: int | None
) -> None:
    """The witness is called, or was asked before, or is the host on trial; nobody waits for it."""
    way = Way()
    courtesy = Courtesy(interval_s=0.0, idle_s=0.01)
    verify = Verifier(world, courtesy=courtesy, open_socket=way.open_socket, dial_timeout_s=NEVER_S)
    await verify("jane@acme.test")
    await world.mail.everybody_left()
    asked = [f"jane@dead{number}.test" for number in range(SILENT_HOSTS_MAX + 1)]
    if witness_at is not None:
        asked[witness_at] = "jane@acme.test"

    way.is_barred = True
    shut = []
    async with asyncio.timeout(AT_ONCE_S):
        for address in asked:
            await verify(address)
            shut.append(verify.prober.port_shut)
    await verify.prober.close()

    assert shut == [False] * SILENT_HOSTS_MAX + [True]


async def test_a_witness_without_an_address_does_not_keep_the_port_in_doubt(
    world: MailWorld,
) -> None:
    """One that cannot be called at all speaks for nothing."""
    way = Way()
    courtesy = Courtesy(interval_s=0.0, idle_s=0.01)
    verify = Verifier(world, courtesy=courtesy, open_socket=way.open_socket)
    await verify("jane@acme.test")
    await world.mail.everybody_left()
    world.names.failing.add("mx.acme.test")

    way.is_barred = True
    for number in range(SILENT_HOSTS_MAX + 1):
        await verify(f"jane@dead{number}.test")
    await verify.prober.close()

    assert verify.prober.port_shut


async def test_who_comes_during_the_trial_is_to_come_again(world: MailWorld) -> None:
    """Nobody's question ends for a doubt: one is the trial, the others wait for what it tells."""
    patient = Verifier(world, dial_timeout_s=1.0)
    for number in range(20):
        world.domain(f"fine{number}.test", {"jane": ACCEPTED})
    await ask_dead(patient, 0, SILENT_HOSTS_MAX)
    trial = asyncio.create_task(patient("jane@dead9.test"))
    async with asyncio.timeout(5):
        while world.names.asked["mx.dead9.test", "AAAA"] == 0:
            await asyncio.sleep(0.001)

    waiting = await asyncio.gather(*(patient(f"jane@fine{number}.test") for number in range(20)))
    trial.cancel()
    await asyncio.wait([trial])
    await patient.prober.close()

    assert {(one.status, one.reason, one.retry_after_s) for one in waiting} == {
        ("unknown", "port_blocked", DOUBT_RETRY_S)
    }


async def test_a_live_host_on_trial_ends_the_doubt(verify: Verifier) -> None:
    """Where nobody was reached before, the first to come after the silence tells."""
    await ask_dead(verify, 0, SILENT_HOSTS_MAX)

    verdict = await verify("jane@acme.test")

    assert (verdict.status, verify.prober.port_shut) == ("deliverable", False)


async def test_a_silent_trial_shuts_the_port(verify: Verifier) -> None:
    """Where nobody ever answered, the first trial decides, once, and the others go on."""
    with logged() as lines:
        reasons = await ask_dead(verify, 0, SILENT_HOSTS_MAX)
        reasons += await ask_dead(verify, SILENT_HOSTS_MAX, 1)
        reasons += await ask_dead(verify, SILENT_HOSTS_MAX + 1, 3)

    assert reasons == ["timeout"] * (SILENT_HOSTS_MAX + 1) + ["port_blocked"] * 3
    assert (len(lines("smtp_port.found_shut")), verify.prober.port_shut) == (1, True)


async def test_a_trial_that_is_cut_off_leaves_the_next_one_its_chance(verify: Verifier) -> None:
    """Whoever made the trial may go away; the doubt does not outlast the next question."""
    await ask_dead(verify, 0, SILENT_HOSTS_MAX)
    trial = asyncio.create_task(verify("jane@dead9.test"))
    await asyncio.wait([trial], timeout=0.1)
    trial.cancel()
    await asyncio.gather(trial, return_exceptions=True)

    assert (await verify("jane@acme.test")).status == "deliverable"
