"""What became of events at a webhook can be read, and sent again."""

import hashlib
from typing import Any

import orjson
import pytest
from cryptography.fernet import Fernet

from tests.api.conftest import OpenStage
from tests.api.hooks import Hooks, receiving

LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture
async def hooks(open_stage: OpenStage) -> Hooks:
    """A workspace whose receivers may run on this machine."""
    return Hooks(
        await open_stage(
            secret_keys=Fernet.generate_key().decode(), egress={"allow": "127.0.0.0/8"}
        )
    )


async def exhausted(hooks: Hooks, url: str, count: int, **fields: Any) -> str:
    """Make an endpoint at which so many events failed for good and return its path."""
    made = await hooks.create(url, retryAttempts=0, **fields)
    await hooks.publish(count)
    async with hooks.dispatching():
        await hooks.until_state("exhausted", count)
    return f"/webhooks/{made['_id']}"


async def given_up(hooks: Hooks, url: str, count: int) -> str:
    """Make an endpoint at which so many events had failed for good and return its path."""
    made = await hooks.create(url)
    await hooks.publish(count)
    await hooks.stage.fetch(
        "update deliveries set state = 'exhausted', attempt_count = 10, finished_at = created_at"
    )
    return f"/webhooks/{made['_id']}"


async def test_every_attempt_can_be_seen(hooks: Hooks) -> None:
    """A delivery shows its body and each request: when, to where, how long, what came of it."""
    async with receiving(500) as receiver:
        path = await exhausted(hooks, receiver.url, 1)
        [row] = await hooks.data("GET", f"{path}/deliveries")
        shown = await hooks.data("GET", f"/deliveries/{row['id']}")
        webhook = await hooks.data("GET", path)

    [attempt] = shown["attempts"]
    assert row.items() <= shown.items()
    assert (shown["state"], shown["sequence"], shown["attemptCount"]) == ("exhausted", 1, 1)
    assert {
        "number": 1,
        "counted": True,
        "address": "127.0.0.1",
        "statusCode": 500,
        "answer": "answer 500",
        "class": "server_error",
        "decision": "exhausted",
        "reason": "the receiver answered 500; that was the last attempt",
        "connectionReused": False,
        "bodySha256": hashlib.sha256(receiver.bodies[0]).hexdigest(),
        "secretIds": [webhook["secrets"][0]["id"]],
    }.items() <= attempt.items()
    assert attempt["timings"]["connectMs"] > 0
    assert attempt["timings"]["ttfbMs"] > 0
    assert shown["body"] == orjson.loads(receiver.bodies[0])
    assert webhook["stats"]["totalFailed"] == 1


async def test_deliveries_are_paged_newest_first(hooks: Hooks) -> None:
    """A cursor leads on without repeating or leaving out any."""
    made = await hooks.create("https://hooks.example.com/in")
    published = await hooks.publish(5)
    path = f"/webhooks/{made['_id']}/deliveries"

    _, first = await hooks.call("GET", path, limit=3)
    _, second = await hooks.call("GET", path, limit=3, cursor=first["pagination"]["nextCursor"])

    seen = [each["eventId"] for each in first["data"] + second["data"]]
    assert seen == [f"evt_{each.hex}" for each in reversed(published)]
    assert second["pagination"] == {"limit": 3, "hasMore": False, "nextCursor": None}


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"state": "due"}, 2),
        ({"state": "due,parked"}, 2),
        ({"state": "delivered"}, 0),
        ({"type": "lead.enriched"}, 2),
        ({"type": "test"}, 0),
        ({"since": LONG_AGO}, 2),
        ({"until": LONG_AGO}, 0),
    ],
)
async def test_deliveries_are_filtered(hooks: Hooks, query: dict[str, str], count: int) -> None:
    """By state, type and time."""
    made = await hooks.create("https://hooks.example.com/in")
    await hooks.publish(2)

    assert len(await hooks.data("GET", f"/webhooks/{made['_id']}/deliveries", **query)) == count


@pytest.mark.parametrize(
    "query",
    [
        {"state": "lost"},
        {"type": "lead.*"},
        {"since": "yesterday"},
        {"cursor": "AAAA"},
        {"cursor": "_" * 32},
        {"limit": "0"},
        {"colour": "red"},
    ],
)
async def test_a_bad_question_is_refused(hooks: Hooks, query: dict[str, str]) -> None:
    """Whatever cannot be read is a 400."""
    made = await hooks.create("https://hooks.example.com/in")

    status, _ = await hooks.call("GET", f"/webhooks/{made['_id']}/deliveries", **query)

    assert status == 400


@pytest.mark.parametrize("tail", ["nothing", "dlv_", f"dlv_{'0' * 56}", f"dlv_{'x' * 56}"])
async def test_an_unknown_delivery_is_not_found(hooks: Hooks, tail: str) -> None:
    """An id that is none, or nobody's, answers 404."""
    status, _ = await hooks.call("GET", f"/deliveries/{tail}")

    assert status == 404


async def test_a_receiver_that_was_away_reads_what_it_missed(hooks: Hooks) -> None:
    """Events come in the order of their numbers, delivered or not, as the same bytes."""
    async with receiving(204) as receiver:
        made = await hooks.create(receiver.url)
        path = f"/webhooks/{made['_id']}"
        published = await hooks.publish(2)
        async with hooks.dispatching():
            await hooks.until_state("delivered", 2)
            await hooks.data("POST", f"{path}/disable")
        published += await hooks.publish(3)
        _, first = await hooks.call("GET", "/events", after=0, limit=3)
        _, rest = await hooks.call("GET", f"{path}/events", after=first["pagination"]["after"])

    rows = first["data"] + rest["data"]
    assert [each["sequence"] for each in rows] == [1, 2, 3, 4, 5]
    assert [each["id"] for each in rows] == [f"evt_{each.hex}" for each in published]
    assert [each["state"] for each in rows] == ["delivered"] * 2 + ["parked"] * 3
    assert (first["pagination"]["hasMore"], rest["pagination"]["hasMore"]) == (True, False)
    assert [each["body"] for each in rows[:2]] == [orjson.loads(each) for each in receiver.bodies]


async def test_events_carry_the_frozen_bytes(hooks: Hooks) -> None:
    """The body in the answer is, byte for byte, what a delivery sends."""
    await hooks.create("https://hooks.example.com/in")
    await hooks.publish()
    [row] = await hooks.stage.fetch("select payload from events")
    headers = {"X-Api-Key": hooks.stage.tenant.sendkit_key.text}

    async with hooks.stage.client.get("/v1/events", headers=headers) as answer:
        raw = await answer.read()

    assert row["payload"] in raw


async def test_events_of_which_webhook_must_be_clear(hooks: Hooks) -> None:
    """With two endpoints the question names one."""
    first = await hooks.create("https://hooks.example.com/in")
    await hooks.create("https://hooks.example.com/other")
    await hooks.publish()

    assert (await hooks.call("GET", "/events"))[0] == 400
    assert len(await hooks.data("GET", "/events", webhookId=first["_id"])) == 1


async def test_numbers_have_no_gap_whoever_gives_them(hooks: Hooks) -> None:
    """Reading and dispatching at once number each delivery once, in one row."""
    async with receiving(204) as receiver:
        made = await hooks.create(receiver.url)
        async with hooks.dispatching():
            await hooks.publish(20)
            await hooks.data("GET", "/events")
            await hooks.publish(20)
            await hooks.data("GET", "/events")
            await hooks.until_state("delivered", 40)
        rows = await hooks.data("GET", f"/webhooks/{made['_id']}/events", limit=100)

    assert [each["sequence"] for each in rows] == list(range(1, 41))
    sent = sorted(int(headers["webhook-sequence"]) for headers in receiver.headers)
    assert sent == list(range(1, 41))


async def test_one_delivery_is_replayed(hooks: Hooks) -> None:
    """It goes out again with the same id, body and number, and begins a fresh schedule."""
    async with receiving(500, 204) as receiver:
        path = await exhausted(hooks, receiver.url, 1)
        [row] = await hooks.data("GET", f"{path}/deliveries")
        replayed = await hooks.data("POST", f"/deliveries/{row['id']}/replay")
        async with hooks.dispatching():
            await hooks.until_state("delivered")
        shown = await hooks.data("GET", f"/deliveries/{row['id']}")

    assert replayed["state"] == "due"
    assert [each["number"] for each in shown["attempts"]] == [1, 2]
    assert receiver.bodies[0] == receiver.bodies[1]
    assert receiver.headers[0]["webhook-id"] == receiver.headers[1]["webhook-id"]
    assert [headers["webhook-attempt"] for headers in receiver.headers] == ["1", "2"]
    assert [headers["webhook-sequence"] for headers in receiver.headers] == ["1", "1"]


async def test_nothing_is_replayed_to_an_endpoint_that_is_off(hooks: Hooks) -> None:
    """It would only be parked: 409 for one delivery and for all that failed."""
    async with receiving(500) as receiver:
        path = await exhausted(hooks, receiver.url, 1)
    [row] = await hooks.data("GET", f"{path}/deliveries")
    await hooks.data("POST", f"{path}/disable")

    one, _ = await hooks.call("POST", f"/deliveries/{row['id']}/replay")
    every, _ = await hooks.call("POST", f"{path}/replay", {"since": LONG_AGO})

    assert (one, every) == (409, 409)


async def test_all_that_failed_is_replayed(hooks: Hooks) -> None:
    """A dry run counts; the replay sends exactly those, more than go at once, and tells of it."""
    async with receiving(204) as receiver:
        path = await given_up(hooks, receiver.url, 70)
        counted = await hooks.data("POST", f"{path}/replay", {"since": LONG_AGO, "dryRun": True})
        begun = await hooks.data("POST", f"{path}/replay", {"since": LONG_AGO})
        again, _ = await hooks.call("POST", f"{path}/replay", {"since": LONG_AGO})
        async with hooks.dispatching():
            await hooks.until_state("delivered", 70)

            async def finished() -> bool:
                shown = await hooks.data("GET", f"/replays/{begun['id']}")
                return bool(shown["status"] == "finished")

            await hooks.until(finished)
        ended = await hooks.data("GET", f"/replays/{begun['id']}")

    assert counted == {"dryRun": True, "matched": 70}
    assert (begun["status"], again) == ("running", 409)
    assert ended["counts"] == {
        "matched": 70,
        "replayed": 70,
        "delivered": 70,
        "failed": 0,
        "open": 0,
    }
    assert len(receiver.bodies) == 70


async def test_a_replay_takes_up_where_it_was_left(hooks: Hooks) -> None:
    """It is in the database: when its dispatcher ends, another one goes on."""
    async with receiving(204) as receiver:
        path = await given_up(hooks, receiver.url, 70)
        await hooks.data("POST", f"{path}/replay", {"since": LONG_AGO})
        async with hooks.dispatching():
            await hooks.until(lambda: hooks.count("delivered"))
        stopped = await hooks.count("delivered")
        async with hooks.dispatching():
            await hooks.until_state("delivered", 70)

    assert stopped < 70
    assert len(receiver.bodies) == 70


async def test_a_replay_goes_on_where_its_endpoint_was_switched_off(hooks: Hooks) -> None:
    """What it had made due, and a 410 parked, is sent once the endpoint is on again."""
    async with receiving(204, 410, 204) as receiver:
        path = await given_up(hooks, receiver.url, 70)
        begun = await hooks.data("POST", f"{path}/replay", {"since": LONG_AGO})
        async with hooks.dispatching():
            await hooks.until(lambda: hooks.count("parked"))
            await hooks.until_state("due", 0)
            await hooks.until_state("sending", 0)
            await hooks.data("POST", f"{path}/enable")
            await hooks.until_state("delivered", 70)
        ended = await hooks.data("GET", f"/replays/{begun['id']}")

    assert (ended["counts"]["delivered"], ended["counts"]["open"]) == (70, 0)


async def test_a_replay_waits_for_what_is_new(hooks: Hooks) -> None:
    """While anything due by itself waits at the endpoint, a replay adds nothing."""
    async with receiving(500, 204) as receiver:
        path = await exhausted(hooks, receiver.url, 1)
        await hooks.data("POST", f"{path}/replay", {"since": LONG_AGO})
        [new] = await hooks.publish()
        async with hooks.dispatching(endpoint_concurrency=1):
            await hooks.until_state("delivered", 2)

    assert receiver.headers[1]["webhook-id"] == f"evt_{new.hex}"


async def test_a_cancelled_replay_adds_nothing_more(hooks: Hooks) -> None:
    """What it had not made due stays as it was."""
    async with receiving(500) as receiver:
        path = await exhausted(hooks, receiver.url, 1)
        begun = await hooks.data("POST", f"{path}/replay", {"since": LONG_AGO})
        ended = await hooks.data("DELETE", f"/replays/{begun['id']}")
        async with hooks.dispatching() as dispatcher:
            await dispatcher.run_once()

    assert (ended["status"], ended["counts"]["replayed"]) == ("cancelled", 0)
    assert await hooks.count("exhausted") == 1


async def test_what_was_parked_can_be_replayed_on_enabling(hooks: Hooks) -> None:
    """Enabling alone sends nothing of it; with `replayParked` all of it goes out."""
    async with receiving(204) as receiver:
        made = await hooks.create(receiver.url)
        path = f"/webhooks/{made['_id']}"
        await hooks.data("POST", f"{path}/disable")
        await hooks.publish(3)
        parked = await hooks.data("GET", path)
        enabled = await hooks.data("POST", f"{path}/enable", {"replayParked": True})
        async with hooks.dispatching():
            await hooks.until_state("delivered", 3)

    assert (parked["stats"]["parkedCount"], enabled["replay"]["matched"]) == (3, 3)


async def test_enabling_with_a_replay_happens_whole_or_not_at_all(hooks: Hooks) -> None:
    """While another replay runs, a 409 has switched nothing on."""
    made = await hooks.create("https://hooks.example.com/in")
    path = f"/webhooks/{made['_id']}"
    begun = await hooks.data("POST", f"{path}/replay", {"since": LONG_AGO})
    await hooks.data("POST", f"{path}/disable")
    await hooks.publish()

    status, answer = await hooks.call("POST", f"{path}/enable", {"replayParked": True})
    refused = await hooks.data("GET", path)
    await hooks.data("DELETE", f"/replays/{begun['id']}")
    enabled = await hooks.data("POST", f"{path}/enable", {"replayParked": True})

    assert (status, answer["error"]["code"]) == (409, "REPLAY_RUNNING")
    assert refused["status"] == "inactive"
    assert (enabled["status"], enabled["replay"]["matched"]) == ("active", 1)


async def test_another_endpoint_is_told_that_one_was_disabled(hooks: Hooks) -> None:
    """A 410 switches the endpoint off and says so in an event of its own."""
    async with receiving(410) as gone, receiving(204) as watcher:
        made = await hooks.create(gone.url, events=["lead.*"])
        await hooks.create(watcher.url, events=["endpoint.disabled"])
        await hooks.publish()
        async with hooks.dispatching():
            await hooks.until_state("delivered")

    body = orjson.loads(watcher.bodies[0])
    assert body["type"] == "endpoint.disabled"
    assert {"webhookId": made["_id"], "url": gone.url, "reason": "gone"}.items() <= body[
        "data"
    ].items()
    assert body["timestamp"] == body["data"]["disabledAt"]


async def test_owner_and_operator_hear_of_what_was_given_up(hooks: Hooks) -> None:
    """Once an hour for each endpoint, however many deliveries had their last attempt."""
    async with receiving(500) as failing, receiving(204) as watcher:
        made = await hooks.create(failing.url, events=["lead.*"], retryAttempts=0)
        await hooks.create(watcher.url, events=["endpoint.exhausted"])
        await hooks.publish(3)
        async with hooks.dispatching():
            await hooks.until_state("exhausted", 3)
            await hooks.until_state("delivered", 1)
            await hooks.stage.fetch("insert into clock_shift (shift) values ('61 minutes')")
            await hooks.publish(1)
            await hooks.until_state("exhausted", 4)
            await hooks.until_state("delivered", 2)

    body = orjson.loads(watcher.bodies[0])
    assert [orjson.loads(each)["data"]["webhookId"] for each in watcher.bodies] == [made["_id"]] * 2
    assert {
        "url": failing.url,
        "reason": "the receiver answered 500; that was the last attempt",
        "eventType": "lead.enriched",
        "exhaustedAt": body["timestamp"],
    }.items() <= body["data"].items()


async def test_an_endpoint_has_a_rate_of_its_own(hooks: Hooks) -> None:
    """Of ten events at 60 a minute two go at once, and one more with each second."""
    async with receiving(204) as receiver:
        await hooks.create(receiver.url, ratePerMinute=60)
        await hooks.publish(10)
        async with hooks.dispatching() as first, hooks.dispatching():
            await hooks.until(lambda: hooks.count("delivered"))
            await first.run_once()
            began = await hooks.count("delivered")
            await hooks.stage.fetch("insert into clock_shift (shift) values ('5 seconds')")
            await hooks.until_state("delivered", 7)

    assert began <= 2
    assert len(receiver.bodies) in {7, 8}
