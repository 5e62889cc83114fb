"""Endpoints are made, shown, changed, tested and rotated over the API."""

import base64
import hashlib
import hmac
from typing import Any

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook

from service.api.event_models import BODY_MODELS
from service.api.openapi.schemas import definitions
from service.api.openapi.webhooks import describe_events
from service.domain.event_types import EventType
from tests.api.conftest import OpenStage
from tests.api.hooks import Hooks, receiving
from tests.api.stage import add_tenant

URL = "https://hooks.example.com/in"
HEX = "ab" * 32
TEST_EVENT = describe_events(definitions(BODY_MODELS.values())[1])[EventType.TEST]["post"]


@pytest.fixture
async def hooks(open_stage: OpenStage) -> Hooks:
    """A workspace whose receivers may run on this machine."""
    return Hooks(
        await open_stage(
            secret_keys=Fernet.generate_key().decode(), egress={"allow": "127.0.0.0/8"}
        )
    )


async def test_a_webhook_has_sendkits_shape(hooks: Hooks) -> None:
    """Creation answers with every field of SendKit's page, and a secret made here."""
    made = await hooks.create(URL, events=["enrichment.*", "credits.low"])

    assert {
        "name": "Orders",
        "url": URL,
        "events": ["enrichment.*", "credits.low"],
        "retryAttempts": 9,
        "timeoutMs": 10_000,
        "status": "active",
        "workspaceId": hooks.stage.tenant.public_id,
        "ratePerMinute": None,
        "signatureScheme": "v1",
    }.items() <= made.items()
    assert made["secret"].startswith("whsec_")
    assert made["createdAt"] == made["updatedAt"]
    assert made == await hooks.data("GET", f"/webhooks/{made['_id']}")


async def test_webhooks_are_listed_in_pages(hooks: Hooks) -> None:
    """A cursor leads from page to page; rows tell what was delivered."""
    made = [await hooks.create(f"{URL}/{number}") for number in range(3)]

    _, first = await hooks.call("GET", "/webhooks", limit=2)
    _, second = await hooks.call(
        "GET", "/webhooks", limit=2, cursor=first["pagination"]["nextCursor"]
    )

    assert [each["_id"] for each in made] == [
        each["_id"] for each in first["data"] + second["data"]
    ]
    assert second["pagination"]["nextCursor"] is None
    assert [each["pagination"]["total"] for each in (first, second)] == [3, 3]
    assert {"totalDelivered": 0, "totalFailed": 0, "lastDeliveredAt": None}.items() <= first[
        "data"
    ][0]["stats"].items()


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": " "}, "name"),
        ({"url": "http://hooks.example.com/in"}, "url"),
        ({"url": "https://10.0.0.1/in"}, "url"),
        ({"url": "https://u:p@hooks.example.com/in"}, "url"),
        ({"events": []}, "events"),
        ({"events": ["lead.sent"]}, "events"),
        ({"events": ["nothing.*"]}, "events"),
        ({"secret": "whsec_AA=="}, "secret"),
        ({"secret": "ab" * 23}, "secret"),
        ({"secret": "ab" * 65}, "secret"),
        ({"secret": HEX, "signatureScheme": "v1a"}, "secret"),
        ({"signatureScheme": "v2"}, "signatureScheme"),
        ({"retryAttempts": 11}, "retryAttempts"),
        ({"retryAttempts": -1}, "retryAttempts"),
        ({"timeoutMs": 999}, "timeoutMs"),
        ({"timeoutMs": 30_001}, "timeoutMs"),
        ({"ratePerMinute": 0}, "ratePerMinute"),
        ({"headers": {"Host": "else.example"}}, "headers.Host"),
        ({"headers": {"webhook-id": "1"}}, "headers.webhook-id"),
        ({"headers": {"X-Key": "a\r\nX-Other: b"}}, "headers.X-Key"),
        ({"hidden": True}, "hidden"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(
    hooks: Hooks, fields: dict[str, Any], named: str
) -> None:
    """Nothing is made of a body with a bad field, and the answer names it."""
    body = {"name": "Orders", "url": URL, "events": ["*"], **fields}

    status, answer = await hooks.call("POST", "/webhooks", body)

    assert (status, answer["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert [named] == list(answer["error"]["details"]["fields"])
    assert await hooks.data("GET", "/webhooks") == []


async def test_a_test_is_delivered_at_once(hooks: Hooks) -> None:
    """A test is signed like a delivery in both ways and carries the owner's own headers."""
    async with receiving(204) as receiver:
        made = await hooks.create(
            receiver.url, secret=HEX, headers={"Authorization": "Bearer of-news"}
        )
        tested = await hooks.data("POST", f"/webhooks/{made['_id']}/test")

    [headers], [body] = receiver.headers, receiver.bodies
    assert (tested["statusCode"], tested["delivered"]) == (204, True)
    assert (headers["X-Webhook-Event"], headers["Authorization"]) == ("test", "Bearer of-news")
    promised = {each["name"] for each in TEST_EVENT["parameters"] if each["required"]}
    assert promised <= {name.lower() for name in headers}
    expected = hmac.new(HEX.encode(), body, hashlib.sha256).hexdigest()
    assert expected == headers["X-Webhook-Signature"]
    secret = "whsec_" + base64.b64encode(bytes.fromhex(HEX)).decode()
    assert Webhook(secret).verify(body, dict(headers))["type"] == "test"
    assert made["headers"] == {"Authorization": "********"}
    assert made["secret"] == HEX


@pytest.mark.parametrize("status", [302, 410, 500])
async def test_a_test_that_fails_says_so(hooks: Hooks, status: int) -> None:
    """Any answer but 2xx is not delivered, and changes nothing of the endpoint."""
    async with receiving(status) as receiver:
        made = await hooks.create(receiver.url)
        tested = await hooks.data("POST", f"/webhooks/{made['_id']}/test")

    assert (status, False, f"answer {status}") == (
        tested["statusCode"],
        tested["delivered"],
        tested["answer"],
    )
    assert (await hooks.data("GET", f"/webhooks/{made['_id']}"))["status"] == "active"


async def test_a_test_without_an_answer_says_why(hooks: Hooks) -> None:
    """A receiver that is not there is no error of the API."""
    made = await hooks.create("http://127.0.0.1:1/in")

    tested = await hooks.data("POST", f"/webhooks/{made['_id']}/test")

    assert (
        tested["statusCode"],
        tested["delivered"],
        tested["message"],
    ) == (None, False, "the receiver refused the connection")


async def test_a_change_leaves_the_rest(hooks: Hooks) -> None:
    """What a change leaves out stays; a null takes the rate away; headers are replaced."""
    made = await hooks.create(URL, ratePerMinute=60, headers={"X-One": "1"})
    path = f"/webhooks/{made['_id']}"

    changed = await hooks.data("PATCH", path, {"timeoutMs": 5_000, "headers": {"X-Two": "2"}})
    freed = await hooks.data("PUT", path, {"ratePerMinute": None})

    assert (
        changed["timeoutMs"],
        changed["ratePerMinute"],
        changed["headers"],
    ) == (5_000, 60, {"X-Two": "********"})
    assert (None, 5_000, made["secret"], made["events"]) == (
        freed["ratePerMinute"],
        freed["timeoutMs"],
        freed["secret"],
        freed["events"],
    )


async def test_disabled_is_inactive(hooks: Hooks) -> None:
    """An owner switches an endpoint off and on; it says why it is off."""
    made = await hooks.create(URL)
    path = f"/webhooks/{made['_id']}"

    off = await hooks.data("POST", f"{path}/disable")
    on = await hooks.data("POST", f"{path}/enable")

    assert (off["status"], off["disabledReason"]) == ("inactive", "by_owner")
    assert (on["status"], on["disabledReason"]) == ("active", None)


async def test_after_a_rotation_both_secrets_sign(hooks: Hooks) -> None:
    """During the overlap a receiver may hold either; a rotation without one ends it at once."""
    async with receiving(204) as receiver:
        made = await hooks.create(receiver.url)
        path = f"/webhooks/{made['_id']}"
        rotated = await hooks.data("POST", f"{path}/rotate")
        await hooks.data("POST", f"{path}/test")
        alone = await hooks.data("POST", f"{path}/rotate", {"overlapHours": 0})
        await hooks.data("POST", f"{path}/test")

    [both, last] = [dict(headers) for headers in receiver.headers]
    assert Webhook(made["secret"]).verify(receiver.bodies[0], both)
    assert Webhook(rotated["secret"]).verify(receiver.bodies[0], both)
    assert Webhook(alone["secret"]).verify(receiver.bodies[1], last)
    # The first is in its overlap still; the second had none.
    assert [each["current"] for each in alone["secrets"]] == [True, False]


async def test_a_fourth_secret_waits(hooks: Hooks) -> None:
    """No more than three sign at once: a rotation that would make it four is told when."""
    made = await hooks.create(URL)
    path = f"/webhooks/{made['_id']}/rotate"
    await hooks.data("POST", path)
    third = await hooks.data("POST", path)

    status, answer = await hooks.call("POST", path)

    assert (status, answer["error"]["code"]) == (409, "ROTATION_MUST_WAIT")
    assert third["secrets"][-1]["signsUntil"] in answer["error"]["message"]


@pytest.mark.parametrize("hours", [-1, 169])
async def test_an_overlap_is_at_most_a_week(hooks: Hooks, hours: int) -> None:
    """The overlap is 0 to 168 hours."""
    made = await hooks.create(URL)

    status, _ = await hooks.call("POST", f"/webhooks/{made['_id']}/rotate", {"overlapHours": hours})

    assert status == 400


async def test_a_key_pair_signs(hooks: Hooks) -> None:
    """With v1a the receiver gets a public key, and nobody sees the private one."""
    async with receiving(204) as receiver:
        made = await hooks.create(receiver.url, signatureScheme="v1a")
        await hooks.data("POST", f"/webhooks/{made['_id']}/test")

    [headers], [body] = receiver.headers, receiver.bodies
    assert (made["secret"], made["signatureScheme"]) == (None, "v1a")
    key = base64.b64decode(made["publicKey"].removeprefix("whpk_"))
    signature = base64.b64decode(headers["webhook-signature"].removeprefix("v1a,"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    assert "X-Webhook-Signature" not in headers


async def test_the_default_secret_is_masked(hooks: Hooks) -> None:
    """The workspace's default shows its end only, and the whole once when it is rotated."""
    rotated = await hooks.data("POST", "/webhooks/default/rotate")
    shown = await hooks.data("GET", "/webhooks/default")

    assert f"whsec_********{rotated['secret'][-4:]}" == shown["secret"]


async def test_others_webhooks_are_not_there(hooks: Hooks) -> None:
    """Another workspace's endpoint and a deleted one answer 404."""
    other = await add_tenant(hooks.stage.pool, "Other", 0)
    [foreign] = await hooks.stage.fetch(
        """insert into endpoints (workspace_id, name, url, host, port)
           values ($1, 'x', $2, 'hooks.example.com', 443) returning public_id""",
        other.id,
        URL,
    )
    deleted = await hooks.create(URL)
    await hooks.data("DELETE", f"/webhooks/{deleted['_id']}")

    ids = [foreign["public_id"], deleted["_id"], "nothing"]
    assert [(await hooks.call("GET", f"/webhooks/{each}"))[0] for each in ids] == [404] * 3
    assert await hooks.data("GET", "/webhooks") == []


async def test_deleting_withdraws_what_waits(hooks: Hooks) -> None:
    """What is due to an endpoint that is deleted is not delivered any more."""
    made = await hooks.create(URL)
    await hooks.publish(2)

    await hooks.data("DELETE", f"/webhooks/{made['_id']}")

    assert await hooks.count("withdrawn") == 2


async def test_without_keys_to_seal_with_there_are_no_webhooks(open_stage: OpenStage) -> None:
    """An operator who set no LEADFALL_SECRET_KEYS is told so."""
    hooks = Hooks(await open_stage())

    status, answer = await hooks.call("GET", "/webhooks")

    assert (status, answer["error"]["code"]) == (503, "SECRETS_NOT_CONFIGURED")
    assert "webhooks" in answer["error"]["message"]
    assert "must set LEADFALL_SECRET_KEYS" in answer["error"]["message"]
