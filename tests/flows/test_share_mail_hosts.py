"""Workers and one mail host: one conversation for all of them, by turns; no wait is endless."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from service.domain.verdict import EmailVerdict
from service.edges.host_leases import HostLease, HostLeases
from service.edges.mail_exchanger import Courtesy
from service.embedded import start_valkey
from tests.flows.mail_verifier import HURRIED, Verifier
from tests.flows.mail_world import ACCEPTED, MailWorld
from tests.log_lines import logged

HOST = "mx.acme.test"
TURN_S = 0.2
LEASE_S = 0.6
STORM = 300
NOWHERE = "redis://127.0.0.1:1/0"

OpenWorker = Callable[..., Verifier]


@pytest.fixture
async def world() -> AsyncIterator[MailWorld]:
    """A world with one domain, whose server knows jane."""
    async with MailWorld() as world:
        world.domain("acme.test", {"jane": ACCEPTED})
        yield world


@pytest.fixture
async def open_worker(world: MailWorld, redis_url: str) -> AsyncIterator[OpenWorker]:
    """Open the verifier of one more worker."""
    async with AsyncExitStack() as stack:

        def open_one(url: str = redis_url, *, courtesy: Courtesy = HURRIED) -> Verifier:
            leases = HostLeases.connect(url, lease_s=LEASE_S, turn_s=TURN_S)
            worker = Verifier(world, courtesy=courtesy, leases=leases)
            stack.push_async_callback(worker.prober.close)
            return worker

        yield open_one


class Silent:
    """Holds a host and does nothing with it."""

    def look_around(self) -> None:
        """Stay."""


async def verify_many(worker: Verifier, name: str, count: int) -> list[EmailVerdict]:
    """Ask about so many addresses at once."""
    return await asyncio.gather(*(worker(f"{name}{n}@acme.test") for n in range(count)))


async def test_three_workers_have_one_conversation_at_a_time(
    world: MailWorld, open_worker: OpenWorker
) -> None:
    """However many workers ask, the host never sees a second connection, and all get answers."""
    workers = [open_worker(courtesy=Courtesy(interval_s=0.01)) for _ in range(3)]

    answers = await asyncio.gather(
        *(verify_many(worker, f"w{place}x", 40) for place, worker in enumerate(workers))
    )

    assert world.mail.open_count_max == 1
    assert {verdict.reason for verdicts in answers for verdict in verdicts} == {"no_mailbox"}


async def test_a_worker_with_much_to_ask_leaves_its_turn_to_one_with_little(
    open_worker: OpenWorker,
) -> None:
    """One question does not wait until another worker has no more."""
    busy = open_worker(courtesy=Courtesy(interval_s=0.02))
    much = asyncio.create_task(verify_many(busy, "much", 80))
    await asyncio.sleep(TURN_S)

    verdict = await open_worker()("jane@acme.test")

    assert (verdict.status, much.done()) == ("deliverable", False)
    await much


async def test_a_conversation_kept_for_later_is_ended_for_another_worker(
    world: MailWorld, open_worker: OpenWorker
) -> None:
    """Who has nothing to ask holds nobody up."""
    first, second = open_worker(), open_worker()
    await first("jane@acme.test")

    async with asyncio.timeout(2.0):
        verdict = await second("jane@acme.test")

    assert verdict.status == "deliverable"
    assert world.mail.open_count_max == 1


async def test_the_pace_of_a_host_is_kept_over_a_change_of_workers(
    world: MailWorld, open_worker: OpenWorker
) -> None:
    """The next worker begins no sooner than the last one would have gone on."""
    slow = Courtesy(interval_s=0.5)
    first, second = open_worker(courtesy=slow), open_worker(courtesy=slow)
    await first("nobody@acme.test")
    asked_at_s = asyncio.get_running_loop().time()
    await first.prober.close()

    await second("nobody@acme.test")

    assert asyncio.get_running_loop().time() - asked_at_s >= 0.45
    assert world.mail.open_count_max == 1


async def test_the_host_of_a_dead_worker_is_free_after_its_lease(
    redis_url: str, open_worker: OpenWorker
) -> None:
    """Nobody has to clean up after a worker that was killed."""
    dead = HostLeases.connect(redis_url, lease_s=LEASE_S)
    await HostLease(dead, HOST, Silent()).take()
    await dead.close()
    began_at_s = asyncio.get_running_loop().time()

    verdict = await open_worker()("jane@acme.test")

    spent_s = asyncio.get_running_loop().time() - began_at_s
    assert verdict.status == "deliverable"
    assert LEASE_S / 2 < spent_s < LEASE_S + 1.0


async def test_a_host_that_another_worker_keeps_is_busy(
    redis_url: str, open_worker: OpenWorker
) -> None:
    """The wait is bounded, and the verdict is worth asking for again."""
    other = HostLeases.connect(redis_url, lease_s=60.0)
    await HostLease(other, HOST, Silent()).take()

    verdict = await open_worker()("jane@acme.test")
    await other.close()

    assert (verdict.status, verdict.reason) == ("unknown", "host_busy")
    assert verdict.retry_after_s is not None


async def test_a_storm_of_hosts_is_no_lost_redis(redis_url: str) -> None:
    """However many hosts are wanted at once, each is leased; nobody goes on without."""
    leases, other = (HostLeases.connect(redis_url, lease_s=60.0) for _ in range(2))
    held = [HostLease(leases, f"mx{number}.test", Silent()) for number in range(STORM)]

    with logged() as lines:
        async with asyncio.timeout(10):
            await asyncio.gather(*(lease.take() for lease in held))
        refused = [not await other.take(HostLease(other, lease.host, Silent())) for lease in held]
        await asyncio.gather(*(lease.give_up(pause_s=0.0) for lease in held))
    taken = [await other.take(HostLease(other, lease.host, Silent())) for lease in held]
    await leases.close()
    await other.close()

    assert (refused, taken) == ([True] * STORM, [True] * STORM)
    assert lines("host_lease_store.lost") == []


async def test_without_redis_a_worker_goes_on_by_itself(open_worker: OpenWorker) -> None:
    """What cannot be agreed on is not waited for."""
    async with asyncio.timeout(2.0):
        verdict = await open_worker(NOWHERE)("jane@acme.test")

    assert verdict.status == "deliverable"


async def test_a_redis_that_dies_ends_no_conversation(
    world: MailWorld, open_worker: OpenWorker, tmp_path: Path
) -> None:
    """The conversation that is there goes on, in the same connection."""
    server = await start_valkey(tmp_path)
    worker = open_worker(server.url)
    await worker("jane@acme.test")

    await server.stop("kill")
    await asyncio.sleep(LEASE_S)
    verdict = await worker("nobody@acme.test")

    assert verdict.reason == "no_mailbox"
    assert world.mail.session_count == 1
