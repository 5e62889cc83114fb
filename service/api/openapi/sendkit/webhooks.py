"""Webhooks: the endpoints that are told of events, and what signs."""

from typing import Final

from pydantic import RootModel

from service.api.openapi.operation import Access, Operation, Operations, json_body
from service.api.openapi.parameters import LIMIT, cursor, in_path
from service.api.openapi.prose import WEBHOOKS
from service.api.openapi.sendkit.pages import CountedPlace
from service.api.openapi.sendkit.webhook_rows import (
    DefaultSecret,
    EnabledWebhook,
    Rotated,
    Tested,
    Webhook,
    WebhookRemoved,
)
from service.api.openapi.values import paged, wrapped
from service.api.sendkit.webhook_bodies import (
    EnablingBody,
    NewWebhookBody,
    RotationBody,
    WebhookChangeBody,
)
from service.errors import (
    KeysStillSigning,
    NotFound,
    ReplayRunning,
    SecretsUnavailable,
    TooManyEndpoints,
)

_ALL: Final = "/v1/webhooks"
_ONE: Final = f"{_ALL}/{{webhook_id}}"
WEBHOOK_ID: Final = in_path("webhook_id", "The webhook's id.", "65f0c1d2e3a4b5c6d7e8f902")
_OR_DEFAULT: Final = in_path(
    "webhook_id", "The webhook's id, or `default`.", "65f0c1d2e3a4b5c6d7e8f902"
)
_CHANGE: Final = json_body(WebhookChangeBody, required=False, example={"timeoutMs": 5_000})


class ShownWebhook(RootModel[Webhook | DefaultSecret]):
    """A webhook, or the workspace's default secret."""


def _change(id_: str) -> Operation:
    return Operation(
        id_,
        "Change a webhook",
        WEBHOOKS,
        Access.WORKSPACE,
        wrapped(Webhook),
        description="What is left out stays as it is. PUT and PATCH are the same.",
        parameters=(WEBHOOK_ID,),
        body=_CHANGE,
        errors=(NotFound, SecretsUnavailable),
    )


OPERATIONS: Final[Operations] = {
    ("POST", _ALL): Operation(
        "createWebhook",
        "Create a webhook",
        WEBHOOKS,
        Access.WORKSPACE,
        wrapped(Webhook),
        body=json_body(
            NewWebhookBody,
            example={
                "name": "Results",
                "url": "https://hooks.example.com/leadfall",
                "events": ["enrichment.*"],
            },
        ),
        errors=(TooManyEndpoints, SecretsUnavailable),
        links={
            name: (target, "webhook_id", "/data/_id")
            for name, target in (
                ("show", "showWebhook"),
                ("rotate", "rotateWebhook"),
                ("disable", "disableWebhook"),
                ("enable", "enableWebhook"),
                ("deliveries", "listDeliveries"),
                ("remove", "removeWebhook"),
            )
        },
    ),
    ("GET", _ALL): Operation(
        "listWebhooks",
        "List webhooks",
        WEBHOOKS,
        Access.WORKSPACE,
        paged(Webhook, CountedPlace, "A page of webhooks, the oldest first."),
        parameters=(cursor(), LIMIT),
        errors=(SecretsUnavailable,),
    ),
    ("GET", _ONE): Operation(
        "showWebhook",
        "Show a webhook, or the default secret",
        WEBHOOKS,
        Access.WORKSPACE,
        wrapped(ShownWebhook),
        parameters=(_OR_DEFAULT,),
        errors=(NotFound, SecretsUnavailable),
    ),
    ("PATCH", _ONE): _change("changeWebhook"),
    ("PUT", _ONE): _change("replaceWebhook"),
    ("DELETE", _ONE): Operation(
        "removeWebhook",
        "Delete a webhook",
        WEBHOOKS,
        Access.WORKSPACE,
        wrapped(WebhookRemoved),
        description="What is not delivered yet is withdrawn.",
        parameters=(WEBHOOK_ID,),
        errors=(NotFound, SecretsUnavailable),
    ),
    ("POST", f"{_ONE}/test"): Operation(
        "testWebhook",
        "Deliver a test event at once",
        WEBHOOKS,
        Access.WORKSPACE,
        wrapped(Tested),
        parameters=(WEBHOOK_ID,),
        errors=(NotFound, SecretsUnavailable),
    ),
    ("POST", f"{_ONE}/enable"): Operation(
        "enableWebhook",
        "Switch a webhook on",
        WEBHOOKS,
        Access.WORKSPACE,
        wrapped(EnabledWebhook),
        parameters=(WEBHOOK_ID,),
        body=json_body(EnablingBody, required=False, example={"replayParked": True}),
        errors=(NotFound, ReplayRunning, SecretsUnavailable),
    ),
    ("POST", f"{_ONE}/disable"): Operation(
        "disableWebhook",
        "Switch a webhook off",
        WEBHOOKS,
        Access.WORKSPACE,
        wrapped(Webhook),
        description="What happens meanwhile waits, for up to 30 days.",
        parameters=(WEBHOOK_ID,),
        errors=(NotFound, SecretsUnavailable),
    ),
    ("POST", f"{_ONE}/rotate"): Operation(
        "rotateWebhook",
        "Sign with another secret",
        WEBHOOKS,
        Access.WORKSPACE,
        wrapped(Rotated),
        description="The old secret signs as well for the overlap. At most three sign at once.",
        parameters=(_OR_DEFAULT,),
        body=json_body(RotationBody, required=False, example={"overlapHours": 24}),
        errors=(NotFound, KeysStillSigning, SecretsUnavailable),
    ),
}
