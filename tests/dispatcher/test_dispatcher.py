"""The dispatcher among others: hanging receivers, rivals, crashes, stops."""

# ruff: noqa: SIM300 - the house puts the expected value on the left, and limits on the right

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiohttp import web

from service.dispatcher.listener import listen
from service.dispatcher.loop import Dispatcher
from service.settings import DispatcherSettings
from service.store.deliveries import oldest_due_age, read_backlog

Start = Callable[..., Awaitable[Any]]


class Gate:
    """A receiver that holds every request until it is opened."""

    def __init__(self, status: int = 204) -> None:
        self.status = status
        self.arrived = asyncio.Event()
        self.opened = asyncio.Event()
        self.count = 0

    async def take(self, _: web.Request) -> web.StreamResponse:
        """Hold one request."""
        self.count += 1
        self.arrived.set()
        await self.opened.wait()
        return web.Response(status=self.status)


async def take_over(world: Any, event_id: UUID, owner: UUID) -> None:
    """Give a claimed delivery to another process, as a reclaim and a new claim would."""
    await world.pool.execute(
        "update deliveries set owner = $2, epoch = epoch + 1 where event_id = $1", event_id, owner
    )


async def live_process(world: Any, beat: str) -> UUID:
    """Write the row of a process whose last heartbeat was then."""
    process_id = uuid4()
    await world.pool.execute(
        f"""insert into processes (id, role, host, pid, started_at, beat_at)
            values ($1, 'dispatcher', 'test', 1, leadfall_now(), leadfall_now() + interval '{beat}')
        """,
        process_id,
    )
    return process_id


async def test_hanging_receivers_do_not_delay_the_others(
    world: Any, serve: Start, receive: Start, dispatch: Start
) -> None:
    """While many receivers hang, each with a backlog, a healthy one gets everything."""
    gate = Gate()
    hanging = [await world.add_endpoint(await serve(gate.take)) for _ in range(12)]
    await dispatch(concurrency=32, workspace_concurrency=32)
    await world.publish(10)
    await gate.arrived.wait()

    await world.pool.execute("update endpoints set event_types = '{}'")
    healthy = await receive(204)
    await world.add_endpoint(healthy.url)
    await world.publish(100)
    await world.until_state("delivered", 100)

    assert (12, 100) == (len(hanging), len(healthy.bodies))
    gate.opened.set()


async def test_a_dead_host_is_probed_and_not_hammered(
    world: Any, closed_port: int, dispatch: Start
) -> None:
    """However many URLs point at a host that refuses, only a few of their deliveries are spent."""
    urls = [f"http://127.0.0.1:{closed_port}/{number}" for number in range(40)]
    assert 40 == len([await world.add_endpoint(url) for url in urls])
    dispatcher = await dispatch(host_concurrency=4)

    [event_id] = await world.publish()
    await world.eventually(lambda: world.attempts(event_id))
    await world.until_turned(dispatcher, 10)

    assert 4 <= len(await world.attempts(event_id)) <= 12


async def test_two_dispatchers_send_nothing_twice(
    world: Any, receive: Start, dispatch: Start
) -> None:
    """Rivals on one database share the work: each event arrives once at each endpoint."""
    receivers = [await receive(204) for _ in range(4)]
    assert 4 == len([await world.add_endpoint(each.url) for each in receivers])
    await dispatch()
    await dispatch()

    events = [await world.publish(20) for _ in range(10)]
    await world.until_state("delivered", 800)

    arrived = [[headers["webhook-id"] for headers in each.headers] for each in receivers]
    assert [20 * len(events)] * 4 == [len(each) for each in arrived]
    assert [20 * len(events)] * 4 == [len(set(each)) for each in arrived]
    sequences = [{headers["webhook-sequence"] for headers in each.headers} for each in receivers]
    assert [set(map(str, range(1, 201)))] * 4 == sequences


async def test_a_result_that_waits_delays_no_other(
    world: Any, serve: Start, receive: Start, dispatch: Start
) -> None:
    """While what came of one delivery waits for a lock, that of another is written."""
    gate = Gate()
    held_id = await world.add_endpoint(await serve(gate.take))
    await dispatch()
    [event_id] = await world.publish()
    await gate.arrived.wait()

    async with world.pool.acquire() as rival, rival.transaction():
        await rival.execute("select from deliveries where event_id = $1 for update", event_id)
        gate.opened.set()
        await world.eventually(
            lambda: world.pool.fetchval("select exists (select from pg_locks where not granted)")
        )
        await world.pool.execute("update endpoints set event_types = '{}' where id = $1", held_id)
        healthy = await receive(204)
        await world.add_endpoint(healthy.url)
        await world.publish()
        await world.until_state("delivered", 1)
        assert "sending" == (await world.delivery(event_id))["state"]

    await world.until_state("delivered", 2)


@pytest.mark.parametrize("status", [204, 500, 410])
async def test_a_late_result_changes_nothing(
    status: int, world: Any, serve: Start, dispatch: Start
) -> None:
    """What comes back after the claim was lost touches neither the delivery nor the endpoint."""
    gate = Gate(status)
    endpoint_id = await world.add_endpoint(await serve(gate.take))
    dispatcher = await dispatch()
    [event_id] = await world.publish()
    await gate.arrived.wait()
    await take_over(world, event_id, await live_process(world, "1 hour"))
    before = await world.delivery(event_id), await world.endpoint(endpoint_id)

    gate.opened.set()
    await dispatcher.stop()

    assert before == (await world.delivery(event_id), await world.endpoint(endpoint_id))
    assert [] == await world.attempts(event_id)


async def test_a_dead_process_loses_its_claims(world: Any, receive: Start, dispatch: Start) -> None:
    """What a process held when its heartbeat ended is delivered; what a live one holds is not."""
    receiver = await receive(204)
    await world.add_endpoint(receiver.url)
    lost, gone, held = await world.publish(3)
    await world.pool.execute("update deliveries set state = 'sending', owner = $1", uuid4())
    await take_over(world, gone, await live_process(world, "-1 minute"))
    await take_over(world, held, await live_process(world, "1 hour"))

    await dispatch()
    await world.until_state("delivered", 2)

    assert {f"evt_{lost.hex}", f"evt_{gone.hex}"} == {
        headers["webhook-id"] for headers in receiver.headers
    }
    assert "sending" == (await world.delivery(held))["state"]
    assert 1 == (await world.delivery(lost))["unsent_claim_count"]


async def test_a_request_may_take_longer_than_a_lease(
    world: Any, serve: Start, dispatch: Start
) -> None:
    """A dispatcher that lives keeps its claim for as long as a slow receiver takes."""
    gate = Gate()
    await world.add_endpoint(await serve(gate.take))
    await dispatch(own_lease_s=0.4)
    [event_id] = await world.publish()
    await gate.arrived.wait()

    rival = await dispatch(own_lease_s=0.4)
    began_s = time.monotonic()
    await world.eventually(partial(_passed, began_s, 1.2))
    await world.until_turned(rival)
    gate.opened.set()
    await world.until_state("delivered")

    assert (1, 1) == (gate.count, (await world.delivery(event_id))["epoch"])


async def _passed(began_s: float, duration_s: float) -> bool:
    return time.monotonic() - began_s > duration_s


def test_no_endpoint_waits_in_vain_for_its_own_timeout() -> None:
    """The longest timeout that an endpoint may have is kept, not cut short."""
    assert DispatcherSettings().deadline_s == 30


async def test_a_claim_nobody_told_us_of_is_given_back(
    world: Any, receive: Start, dispatch: Start
) -> None:
    """A claim of ours whose commit we never heard of is found and sent."""
    receiver = await receive(204)
    await world.add_endpoint(receiver.url)
    dispatcher = await dispatch()
    [event_id] = await world.publish(1)
    await world.until_state("delivered", 1)
    await world.pool.execute(
        "update deliveries set state = 'sending', owner = $1", dispatcher._owner
    )

    await world.until_attempted(event_id, 2)

    assert 2 == len(receiver.bodies)


async def test_stopping_settles_what_is_in_flight(
    world: Any, serve: Start, dispatch: Start
) -> None:
    """A stop waits for the answer that is on its way, writes it, and claims nothing more."""
    gate = Gate()
    await world.add_endpoint(await serve(gate.take))
    dispatcher = await dispatch(endpoint_concurrency=1)
    await world.publish(2)
    await gate.arrived.wait()

    stopping = asyncio.create_task(dispatcher.stop())
    gate.opened.set()
    await stopping

    states = await world.pool.fetch("select state from deliveries order by state")
    assert ["delivered", "due"] == [row["state"] for row in states]


async def test_what_is_in_flight_at_a_stop_ends_at_its_deadline(
    world: Any, serve: Start, dispatch: Start
) -> None:
    """A hanging receiver delays a stop no longer than one deadline, and nothing stays claimed."""
    gate = Gate()
    await world.add_endpoint(await serve(gate.take))
    dispatcher = await dispatch(deadline_s=0.3)
    [event_id] = await world.publish()
    await gate.arrived.wait()

    async with asyncio.timeout(3):
        await dispatcher.stop()

    delivery = await world.delivery(event_id)
    assert ("due", 1) == (delivery["state"], delivery["attempt_count"])
    gate.opened.set()


async def test_starting_twice_and_stopping_unstarted_are_harmless(
    world: Any, receive: Start, dispatch: Start, http: Any, box: Any
) -> None:
    """A second start changes nothing, and so does a stop before any start or after a stop."""
    receiver = await receive(204)
    await world.add_endpoint(receiver.url)
    unstarted = Dispatcher(
        pool=world.pool,
        http=http,
        box=box,
        settings=DispatcherSettings(),
        process_id=uuid4(),
        lease_s=1.0,
    )
    await unstarted.stop()
    dispatcher = await dispatch()
    await dispatcher.start()

    await world.publish(5)
    await world.until_state("delivered", 5)
    await dispatcher.stop()
    await dispatcher.stop()

    assert 5 == len(receiver.bodies)


async def test_the_loop_beats_while_there_is_nothing_to_do(world: Any, dispatch: Start) -> None:
    """Readiness can see the idle loop turn."""
    dispatcher = await dispatch()
    await world.until_turned(dispatcher, 3)

    assert time.monotonic() - dispatcher.beat < 5


async def test_the_backlog_counts_whose_fault_it_is(world: Any, pool: asyncpg.Pool) -> None:
    """The age of what is due leaves out receivers that fail, are held, off or known to be busy."""
    columns: list[dict[str, Any]] = [{}, {"failure_count": 1}, {"enabled": False}, {}]
    ids = [
        await world.add_endpoint(f"https://hooks.example/{n}", **each)
        for n, each in enumerate(columns)
    ]
    await world.publish(3)
    await pool.execute("update deliveries set due_at = due_at - interval '1 hour' "
                       "where endpoint_id = $1", ids[1])  # fmt: skip
    await world.move_clock(60)
    await pool.execute(
        "update endpoints set hold_until = leadfall_now() + interval '1 hour' where id = $1", ids[3]
    )

    async with pool.acquire() as connection:
        age_s = await oldest_due_age(connection)
        age_busy_s = await oldest_due_age(connection, [ids[0]])
        backlog = await read_backlog(connection)

    assert (True, 0.0) == (60 <= age_s < 90, age_busy_s)
    assert (9, 3, 1, 1) == (
        backlog.due_count,
        backlog.receiver_backlog_max,
        backlog.throttled_count,
        backlog.disabled_count,
    )


async def test_a_notice_wakes_and_so_does_a_new_connection(
    database_url: str, connection: asyncpg.Connection
) -> None:
    """The listener hears of connecting, of a notice, and again after its connection was lost."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    listening = asyncio.create_task(listen(database_url, heard.put_nowait))
    async with asyncio.timeout(10):
        first = await heard.get()
        await connection.execute("notify leadfall_due, '7,7,9'")
        second = await heard.get()
        await connection.execute(
            """select pg_terminate_backend(pid) from pg_stat_activity
               where application_name = 'leadfall-listener' and datname = current_database()"""
        )
        third = await heard.get()
    listening.cancel()
    await asyncio.wait([listening])

    assert listening.cancelled()
    assert [first, second, third] == ["", "7,7,9", ""]
