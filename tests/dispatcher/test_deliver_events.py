"""Deliveries from the outbox to real receivers, one dispatcher, a real database."""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks import Webhook

from service.domain.signing import new_secret
from service.edges.dial_guard import EgressPolicy
from service.edges.receiver_connector import CountedSockets
from service.edges.receiver_http import ReceiverHTTP
from service.edges.secret_box import SecretBox, signing_purpose
from service.store.deliveries import OWN_FAILURES_KEPT

Start = Callable[..., Awaitable[Any]]


async def unresolved(_: str) -> list[str]:
    """Know no name at all."""
    return []


async def test_an_event_arrives_signed(world: Any, receive: Start, dispatch: Start) -> None:
    """A receiver with the public library takes the delivery, and an attempt is kept of it."""
    receiver = await receive(204)
    await world.add_endpoint(receiver.url)
    await dispatch()

    [event_id] = await world.publish()
    delivery = await world.until_attempted(event_id)

    Webhook(world.workspace.webhook_secret).verify(receiver.bodies[0], dict(receiver.headers[0]))
    [attempt] = await world.attempts(event_id)
    assert (
        delivery["state"],
        delivery["attempt_count"],
        delivery["last_status"],
    ) == ("delivered", 1, 204)
    assert (
        attempt["class"],
        attempt["decision"],
        attempt["address"],
        attempt["answer"],
    ) == ("success", "delivered", "127.0.0.1", None)
    assert hashlib.sha256(receiver.bodies[0]).digest() == attempt["body_sha256"]


async def test_the_headers_of_a_delivery(world: Any, receive: Start, dispatch: Start) -> None:
    """Every header a receiver relies on is there, and the SendKit ones beside them."""
    receiver = await receive(204)
    await world.add_endpoint(receiver.url)
    await dispatch()

    [event_id] = await world.publish()
    await world.until_attempted(event_id)

    headers, body = receiver.headers[0], receiver.bodies[0]
    secret = world.workspace.webhook_secret.encode()
    expected = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "accept-encoding": "identity",
        "webhook-id": f"evt_{event_id.hex}",
        "webhook-attempt": "1",
        "webhook-sequence": "1",
        "x-webhook-event": "lead.enriched",
        "x-webhook-signature": hmac.new(secret, body, hashlib.sha256).hexdigest(),
    }
    assert expected == {name: headers[name] for name in expected}
    assert headers["user-agent"].startswith("Leadfall/")
    assert "transfer-encoding" not in headers


async def test_a_hidden_endpoint_is_signed_with_the_default(
    world: Any, receive: Start, dispatch: Start
) -> None:
    """A job's own URL gets the workspace's default signature and no SendKit headers."""
    receiver = await receive(204)
    await dispatch()

    [event_id] = await world.publish(url=receiver.url)
    await world.until_attempted(event_id)

    headers = dict(receiver.headers[0])
    Webhook(world.workspace.webhook_secret).verify(receiver.bodies[0], headers)
    assert [name for name in headers if name.lower().startswith("x-webhook")] == []


@pytest.mark.parametrize("which", [0, 1])
async def test_old_and_new_secret_sign_together(
    which: int, world: Any, box: SecretBox, receive: Start, dispatch: Start
) -> None:
    """While a secret is retiring, a receiver that knows either takes the delivery."""
    receiver = await receive(204)
    endpoint_id = await world.add_endpoint(receiver.url)
    secrets = [new_secret(), new_secret(), new_secret()]
    purpose = signing_purpose(world.workspace.id, endpoint_id)
    await world.pool.executemany(
        """insert into signing_secrets (workspace_id, endpoint_id, ciphertext, expires_at)
           values ($1, $2, $3, leadfall_now() + $4 * interval '1 hour')""",
        [
            (world.workspace.id, endpoint_id, box.seal(purpose, secret), hours)
            for secret, hours in zip(secrets, [None, 1, -1], strict=True)
        ],
    )
    await dispatch()

    [event_id] = await world.publish()
    await world.until_attempted(event_id)

    headers = dict(receiver.headers[0])
    Webhook(secrets[which]).verify(receiver.bodies[0], headers)
    assert len(headers["webhook-signature"].split(" ")) == 2


async def test_a_retry_sends_the_same_id_and_bytes(
    world: Any, receive: Start, dispatch: Start
) -> None:
    """After a 500 the event comes again when it is due, changed only in time and number."""
    receiver = await receive(500, 500, 200)
    await world.add_endpoint(receiver.url)
    await dispatch()

    [event_id] = await world.publish()
    first = await world.until_attempted(event_id, 1)
    await world.move_clock(6)
    await world.until_attempted(event_id, 2)
    await world.move_clock(360)
    last = await world.until_attempted(event_id, 3)

    headers = receiver.headers
    assert (first["state"], last["state"]) == ("due", "delivered")
    assert len(set(receiver.bodies)) == 1
    assert len({each["webhook-id"] for each in headers}) == 1
    assert [each["webhook-attempt"] for each in headers] == ["1", "2", "3"]
    assert [each["webhook-sequence"] for each in headers] == ["1", "1", "1"]
    assert int(headers[2]["webhook-timestamp"]) - int(headers[0]["webhook-timestamp"]) >= 366
    hashes = {each["body_sha256"] for each in await world.attempts(event_id)}
    assert {hashlib.sha256(receiver.bodies[0]).digest()} == hashes


async def test_attempts_end(world: Any, receive: Start, dispatch: Start) -> None:
    """After the endpoint's last retry the delivery is exhausted and is not sent again."""
    receiver = await receive(500)
    await world.add_endpoint(receiver.url, retry_count_max=1)
    await dispatch()

    [event_id] = await world.publish()
    await world.until_attempted(event_id, 1)
    await world.move_clock(6)
    delivery = await world.until_attempted(event_id, 2)

    assert (
        delivery["state"],
        delivery["attempt_count"],
        delivery["last_status"],
    ) == ("exhausted", 2, 500)
    assert delivery["finished_at"] is not None


async def test_gone_switches_the_endpoint_off(world: Any, receive: Start, dispatch: Start) -> None:
    """After a 410 nothing more is sent; what was due waits parked, also what comes later."""
    receiver = await receive(410)
    endpoint_id = await world.add_endpoint(receiver.url, event_types=["lead.*"])
    await dispatch(endpoint_concurrency=1)

    await world.publish(5)
    await world.until_state("parked", 5)
    await world.publish()
    await world.until_state("parked", 6)

    endpoint = await world.endpoint(endpoint_id)
    assert (endpoint["enabled"], endpoint["disabled_reason"]) == (False, "gone")
    assert len(receiver.bodies) == 1


async def test_retry_after_holds_the_endpoint(world: Any, receive: Start, dispatch: Start) -> None:
    """After a 429 nothing is sent to the receiver before it asked for it."""
    receiver = await receive((429, {"Retry-After": "600"}), 204)
    await world.add_endpoint(receiver.url)
    dispatcher = await dispatch()

    [throttled] = await world.publish()
    await world.until_attempted(throttled)
    [later] = await world.publish()
    await world.move_clock(590)
    await world.until_turned(dispatcher)
    held = len(receiver.bodies)
    await world.move_clock(140)
    await world.until_state("delivered", 2)

    assert (held, len(receiver.bodies)) == (1, 3)
    assert "Retry-After asked for 600 s" in (await world.attempts(throttled))[0]["reason"]
    assert (await world.delivery(later))["attempt_count"] == 1


async def test_a_redirect_is_a_failure(world: Any, receive: Start, dispatch: Start) -> None:
    """A redirect is not followed: the other receiver never hears of it."""
    other = await receive(204)
    receiver = await receive((307, {"Location": other.url}))
    await world.add_endpoint(receiver.url)
    await dispatch()

    [event_id] = await world.publish()
    delivery = await world.until_attempted(event_id)

    assert (delivery["state"], delivery["last_status"], len(other.bodies)) == ("due", 307, 0)


async def test_a_slow_receiver_meets_the_deadline(
    world: Any, serve: Start, dispatch: Start
) -> None:
    """A receiver that says nothing is given up at the deadline and left alone for a minute."""

    async def hang(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    await world.add_endpoint(await serve(hang))
    await dispatch(deadline_s=0.2)

    [event_id] = await world.publish()
    delivery = await world.until_attempted(event_id)

    [attempt] = await world.attempts(event_id)
    wait_s = (delivery["due_at"] - attempt["started_at"]).total_seconds()
    assert (
        delivery["state"],
        attempt["class"],
        200 <= attempt["duration_ms"] < 2_000,
        60 <= wait_s < 75,
    ) == ("due", "timeout", True, True)


async def test_a_refused_url_opens_no_socket(world: Any, receive: Start, dispatch: Start) -> None:
    """Without the operator's leave, an address as host ends the delivery before any socket."""
    receiver = await receive(204)
    await world.add_endpoint(receiver.url)
    sockets = CountedSockets()
    async with ReceiverHTTP(EgressPolicy(), unresolved, sockets=sockets) as client:
        await dispatch(client=client)

        [event_id] = await world.publish()
        delivery = await world.until_attempted(event_id)

    [attempt] = await world.attempts(event_id)
    assert (
        delivery["state"],
        attempt["class"],
        len(receiver.bodies),
        sockets.count,
    ) == ("aborted", "url_refused", 0, 0)


async def test_an_unreadable_secret_uses_no_attempt(
    world: Any, receive: Start, dispatch: Start
) -> None:
    """The fault is ours: nothing is sent or counted, it is written down and tried again later."""
    receiver = await receive(204)
    endpoint_id = await world.add_endpoint(receiver.url)
    await world.pool.execute("update signing_secrets set ciphertext = 'garbage'")
    await dispatch()

    [event_id] = await world.publish()
    delivery = await world.until_unsent(event_id)

    endpoint = await world.endpoint(endpoint_id)
    [attempt] = await world.attempts(event_id)
    assert (
        delivery["state"],
        delivery["attempt_count"],
        delivery["unsent_claim_count"],
        len(receiver.bodies),
    ) == ("due", 0, 1, 0)
    assert (attempt["number"], attempt["counted"], attempt["class"], attempt["decision"]) == (
        1,
        False,
        "secret_unreadable",
        "due",
    )
    assert attempt["reason"].startswith("our copy of the signing secret could not be read")
    assert (endpoint["failure_count"], endpoint["failing_since"]) == (0, None)


@pytest.mark.parametrize(
    ("unsent", "kept"),
    [(0, 1), (OWN_FAILURES_KEPT - 1, 1), (OWN_FAILURES_KEPT, 0), (31, 1), (32, 0), (1023, 1)],
)
async def test_of_many_failures_of_ours_a_few_are_kept(
    unsent: int, kept: int, world: Any, receive: Start, dispatch: Start
) -> None:
    """An outage of hours fills no table: after eight, one each time their number has doubled."""
    await world.add_endpoint((await receive(204)).url)
    await world.pool.execute("update signing_secrets set ciphertext = 'garbage'")
    [event_id] = await world.publish()
    await world.pool.execute("update deliveries set unsent_claim_count = $1", unsent)
    await dispatch()

    async def tried() -> bool:
        return (await world.delivery(event_id))["unsent_claim_count"] == unsent + 1

    await world.eventually(tried)

    assert len(await world.attempts(event_id)) == kept


async def test_an_address_that_refused_is_kept(
    closed_port: int, world: Any, dispatch: Start
) -> None:
    """What was dialled can be seen although nothing was reached."""
    await world.add_endpoint(f"http://127.0.0.1:{closed_port}/")
    await dispatch()

    [event_id] = await world.publish()
    await world.until_attempted(event_id)

    [attempt] = await world.attempts(event_id)
    assert (attempt["class"], attempt["address"], attempt["counted"]) == (
        "connection_refused",
        "127.0.0.1",
        True,
    )


async def test_sequence_numbers_follow_the_events(
    world: Any, receive: Start, dispatch: Start
) -> None:
    """Each endpoint's deliveries are numbered from 1 without a gap, in the order of the events."""
    receiver = await receive(204)
    await world.add_endpoint(receiver.url)
    await dispatch()

    event_ids = await world.publish(20)
    await world.until_state("delivered", 20)

    numbers = {each["webhook-id"]: each["webhook-sequence"] for each in receiver.headers}
    assert set(map(str, range(1, 21))) == set(numbers.values())
    assert len(event_ids) == len(numbers)


@pytest.mark.parametrize(
    ("failing_hours", "switched"), [(119, (True, None)), (121, (False, "failing"))]
)
async def test_days_of_failures_switch_an_endpoint_off(
    failing_hours: int,
    switched: tuple[bool, str | None],
    world: Any,
    receive: Start,
    dispatch: Start,
) -> None:
    """Nothing but failures for 120 hours switch it off, and what is due to it waits parked."""
    receiver = await receive(500)
    endpoint_id = await world.add_endpoint(receiver.url, failure_count=7)
    await world.pool.execute(
        "update endpoints set failing_since = leadfall_now() - $1 * interval '1 hour'",
        failing_hours,
    )
    await dispatch()

    [event_id] = await world.publish()
    await world.until_attempted(event_id)
    await world.until_failures(endpoint_id, 8)

    endpoint = await world.endpoint(endpoint_id)
    assert switched == (endpoint["enabled"], endpoint["disabled_reason"])


async def test_a_success_clears_the_failures(world: Any, receive: Start, dispatch: Start) -> None:
    """One success and the endpoint has never failed."""
    receiver = await receive(204)
    endpoint_id = await world.add_endpoint(receiver.url, failure_count=3)
    await world.pool.execute("update endpoints set failing_since = leadfall_now()")
    await dispatch()

    await world.publish()
    await world.until_failures(endpoint_id, 0)

    assert (await world.endpoint(endpoint_id))["failing_since"] is None


async def test_a_row_of_failures_holds_the_endpoint(
    world: Any, receive: Start, dispatch: Start
) -> None:
    """A receiver that only fails is left alone between probes; its events are not all burnt."""
    receiver = await receive(500)
    endpoint_id = await world.add_endpoint(receiver.url)
    await dispatch(endpoint_concurrency=1)

    await world.publish(50)
    await world.until_failures(endpoint_id, 6)

    endpoint = await world.endpoint(endpoint_id)
    assert endpoint["hold_until"] is not None
    assert len(receiver.bodies) < 12


async def test_a_deleted_endpoint_gets_nothing(world: Any, receive: Start, dispatch: Start) -> None:
    """What was due to an endpoint that was deleted is withdrawn, unsent."""
    receiver = await receive(204)
    await world.add_endpoint(receiver.url)
    await world.publish(3)
    await world.pool.execute("update endpoints set deleted_at = leadfall_now()")

    await dispatch()
    await world.until_state("withdrawn", 3)

    assert receiver.bodies == []


async def test_an_endpoint_deleted_in_flight_is_not_tried_again(
    world: Any, serve: Start, dispatch: Start
) -> None:
    """A failure that comes back after the deletion withdraws the delivery."""
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def fail_late(_: web.Request) -> web.StreamResponse:
        arrived.set()
        await go_on.wait()
        return web.Response(status=500)

    await world.add_endpoint(await serve(fail_late))
    await dispatch()
    await world.publish()
    await arrived.wait()
    await world.pool.execute("update endpoints set deleted_at = leadfall_now()")

    go_on.set()
    await world.until_state("withdrawn", 1)


async def test_an_event_no_longer_kept_is_given_up(
    world: Any, receive: Start, dispatch: Start
) -> None:
    """When retention took the event, its delivery ends instead of turning for ever."""
    receiver = await receive(204)
    await world.add_endpoint(receiver.url)
    [event_id] = await world.publish()
    await world.pool.execute("delete from events")

    await dispatch()
    await world.until_state("aborted", 1)

    assert (await world.delivery(event_id))["reason"] == "the event is no longer kept"
