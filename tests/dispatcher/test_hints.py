"""Notices that name endpoints: they save a look, and hide nothing that a look would find."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from service.dispatcher.hints import HINTS_MAX, Hints
from service.dispatcher.loop import Dispatcher
from service.store.deliveries import ReadyEndpoint

Start = Callable[..., Awaitable[Dispatcher]]

ONE = ReadyEndpoint(1, 7, hidden=False, host="one.example", port=443, ready_count=5)
TWO = replace(ONE, id=2, host="two.example")


def told(*notices: str) -> Hints:
    """Return hints of a dispatcher that has looked once and then heard these notices."""
    hints = Hints()
    hints.take()
    hints.know([ONE, TWO])
    for each in notices:
        hints.hear(each)
    return hints


def test_notices_say_how_many_there_are_for_whom() -> None:
    """What several tell is added up, and told once."""
    hints = told("1,2,1;an-id", "1;another")

    assert hints.take() == [replace(ONE, ready_count=3), replace(TWO, ready_count=1)]
    assert hints.take() is None


@pytest.mark.parametrize(
    "notices",
    [
        (),
        ("",),
        ("1", ""),
        ("1,3",),
        ("1,drop",),
        ("²",),
        (*map(str, range(1, HINTS_MAX + 2)),),
    ],
    ids=["none", "blind", "one of them blind", "unknown", "garbled", "no digit", "too many"],
)
def test_where_they_do_not_tell_all_a_look_does(notices: tuple[str, ...]) -> None:
    """Every endpoint must be known from a look before."""
    assert told(*notices).take() is None


def test_before_the_first_look_nothing_is_told() -> None:
    """A dispatcher that begins knows of nothing that waits."""
    hints = Hints()
    hints.know([ONE])
    hints.hear("1")

    assert hints.take() is None


def test_one_that_fails_is_looked_at_each_time() -> None:
    """How much it may have changes with each failure."""
    hints = told("1")
    hints.know([replace(ONE, failing=True)])
    forgotten = told("1")
    forgotten.forget(1)

    assert hints.take() is None
    assert forgotten.take() is None


async def test_what_is_told_is_sent_at_once(
    world: Any, receive: Start, dispatch: Start, database_url: str
) -> None:
    """Long before the next look by the clock, the first event of an endpoint and later ones."""
    receiver: Any = await receive(204)
    await world.add_endpoint(receiver.url)
    await dispatch(listen_url=database_url, poll_interval_s=60)

    async with asyncio.timeout(10):
        for count in range(1, 6):
            await world.publish()
            await world.until_state("delivered", count)

    assert len(receiver.bodies) == 5


async def test_two_events_of_one_transaction_are_both_told_of(
    world: Any, receive: Start, dispatch: Start, database_url: str
) -> None:
    """Of equal notices PostgreSQL sends one alone, so they are made different."""
    receiver: Any = await receive(204)
    await world.add_endpoint(receiver.url)
    await dispatch(listen_url=database_url, poll_interval_s=60)
    await world.publish()
    await world.until_state("delivered")

    async with asyncio.timeout(10), world.pool.acquire() as connection:
        async with connection.transaction():
            for _ in range(2):
                await world.publish(connection=connection)
        await world.until_state("delivered", 3)

    assert len(receiver.bodies) == 3


async def test_a_new_url_is_not_blamed_on_the_old_host(
    world: Any, receive: Start, dispatch: Start, database_url: str, closed_port: int
) -> None:
    """What fails at the new one keeps nothing back from others of the old one."""
    receiver: Any = await receive(204)
    moved = await world.add_endpoint(receiver.url)
    await dispatch(listen_url=database_url, poll_interval_s=60)
    await world.publish()
    await world.until_state("delivered")
    await world.pool.execute(
        "update endpoints set url = $1, port = $2 where id = $3",
        f"http://127.0.0.1:{closed_port}/",
        closed_port,
        moved,
    )
    [failed] = await world.publish()
    await world.until_attempted(failed)
    await world.pool.execute("update endpoints set event_types = '{}' where id = $1", moved)
    await world.add_endpoint(receiver.url)

    # A host that was found down would be left alone for a second.
    async with asyncio.timeout(0.8):
        await world.publish()
        await world.until_state("delivered", 2)

    assert len(receiver.bodies) == 2


async def test_what_nobody_tells_of_is_found_beside_many_notices(
    world: Any, receive: Start, dispatch: Start, database_url: str
) -> None:
    """A delivery that is due again gets its turn although there is always news of others."""
    busy: Any = await receive(204)
    quiet: Any = await receive(204)
    await world.add_endpoint(quiet.url)
    [event_id] = await world.publish()
    await dispatch(listen_url=database_url, poll_interval_s=0.3)
    await world.until_state("delivered")
    await world.pool.execute("update endpoints set event_types = '{}'")
    await world.add_endpoint(busy.url)
    stopped = asyncio.Event()

    async def publish_on() -> None:
        while not stopped.is_set():
            # One at a time: where several wait, a look is made for that.
            [published] = await world.publish()
            await world.until_attempted(published)

    publishing = asyncio.create_task(publish_on())
    await world.eventually(lambda: asyncio.sleep(0, len(busy.bodies) > 5))
    await world.pool.execute(
        "update deliveries set state = 'due', due_at = leadfall_now() where event_id = $1", event_id
    )
    await world.eventually(lambda: asyncio.sleep(0, len(quiet.bodies) == 2))
    stopped.set()
    await publishing

    assert len(quiet.bodies) == 2
